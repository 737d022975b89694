"""Puts what benchmarks/transfer.py has measured into docs/performance, and into its pictures.

    python benchmarks/transfer.py --json docs/performance/measured.json
    python docs/tools/performance.py

Every file docs/performance/*.json counts: runs of the same load in several
files count together. `--into DIR` writes the page and the pictures to a folder.
"""

import argparse
import textwrap
from pathlib import Path

import cost_picture
import measured
import speed_picture

DOCS = Path(__file__).resolve().parents[1]
PAGE = DOCS / "performance" / "index.rst"
BEGIN, END = ".. Written by docs/tools/performance.py:\n", ".. That was all of it.\n"

AIMS = {
    ("small", "up"): "1.2 and 0.7",
    ("small", "down"): "1.0",
    ("many", "up"): "1.2 and 0.4",
    ("many", "compare, again"): "1.0",
    ("many", "up, again"): "1.0",
    ("many", "up, 1 changed"): "1.1",
    ("far", "up"): "0.9",
    ("few", "compare"): "0.5 s",
    ("few", "up, the same"): "0.5 s",
}
"""At most so many times what rsync, and rsync --fsync, take; or so many seconds."""

LOADS = ("small", "many", "far", "few", "large")
OTHERS = {"first compare": "rsync -c"}
"""The neighbour of a step, where it is not rsync."""
COLUMNS = 120
"""Of a line of the documentation."""
MEMORY_AIM = 250
"""MB of each end."""


def row(*cells):
    """A row of a list-table."""
    return "".join(f"   {'* -' if not number else '  -'} {cell}".rstrip() + "\n" for number, cell in enumerate(cells))


def seconds(cost):
    """Seconds, and in brackets those of the processor."""
    return "{:.2f} ({:.2f})".format(*cost) if cost else ""


def times(ours, theirs):
    """How many times as long."""
    return f"{ours[0] / theirs[0]:.2f}" if theirs else ""


def table(found):
    """The table of the loads."""
    lines = [".. list-table::\n   :header-rows: 1\n   :widths: 28 14 14 14 9 11 10\n\n"]
    lines.append(row("", "homeftp", "rsync", "rsync --fsync", "x rsync", "x rsync --fsync", "aim"))
    for name in LOADS:
        load = found["loads"].get(name)
        for step in load["seconds"] if load else ():
            ours, theirs = (measured.median(load, step, each) for each in ("homeftp", OTHERS.get(step, "rsync")))
            durable = measured.median(load, step, "rsync --fsync")
            way = f", {load['milliseconds']:g} ms round trip" if load["milliseconds"] else ""
            label = f"{measured.amount(load)}{way}: {step}"
            ratios = times(ours, theirs), times(ours, durable)
            lines.append(row(label, *map(seconds, (ours, theirs, durable)), *ratios, AIMS.get((name, step), "")))
    return "".join(lines)


def memory(found):
    """The table of the memory."""
    peaks = found["memory"]["peaks"]
    lines = [".. list-table::\n   :header-rows: 1\n   :widths: 40 20 20 20\n\n"]
    lines.append(row(f"{found['memory']['entries']:,} files", "client, MB", "server, MB", "seconds"))
    for step, (client, server, took) in peaks.items():
        lines.append(row(step, *(f"{kib * 1024 / 1e6:.0f}" for kib in (client, server)), f"{took:.1f}"))
    return "".join(lines)


def generated(found):
    """The part of the page that is made of figures."""
    about = " ".join(
        [
            *measured.about(found),
            "Seconds, and in brackets the processor's at both ends together. The columns with x say how many times as "
            "long homeftp takes, and the last one what it is to be at most.",
        ]
    )
    parts = [textwrap.fill(about, COLUMNS) + "\n", table(found)]
    if found["memory"]:
        idle = found["memory"]["idle_kib"]
        parts += [
            f"Memory at its peak; the aim is {MEMORY_AIM} MB at each end for 1,000,000 files.\n",
            memory(found),
            f"A connection that does nothing takes {idle:.0f} KiB of the server's memory.\n",
        ]
    return "\n".join(parts)


def main():
    """Write the page and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, help="a folder for the page and the pictures")
    into = parser.parse_args().into
    found = measured.read(sorted(PAGE.parent.glob("*.json")))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page = f"{before}{BEGIN}\n{generated(found)}\n{END}{after}"
    (into / PAGE.name if into else PAGE).write_text(page, encoding="utf-8")
    pictures = into or DOCS / "pictures"
    (pictures / "speed.svg").write_text(speed_picture.draw(found), encoding="utf-8")
    (pictures / "cost.svg").write_text(cost_picture.draw(found), encoding="utf-8")


if __name__ == "__main__":
    main()
