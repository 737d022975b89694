"""Draws docs/pictures/speed.svg from what benchmarks/transfer.py has measured.

    python benchmarks/transfer.py --files 1000 --json a.json
    python benchmarks/transfer.py --files 10000 --json b.json
    python docs/tools/speed_picture.py a.json b.json docs/pictures/speed.svg

Each measurement of a program counts: the picture shows the median, and a thin
line from the fastest to the slowest run.
"""

import html
import json
import statistics
import sys
from pathlib import Path

COLORS = {"homeftp": "#0b6e4f", "rsync": "#8a5a00", "rsync --fsync": "#b8860b", "sftp": "#4a4e9e"}
PANELS = (
    ("small up", "Small files, up"),
    ("small down", "Small files, down"),
    ("big up", "One large file, up"),
    ("big down", "One large file, down"),
)
WIDTH, LEFT, ROW, TITLE, GAP, TOP = 860, 150, 22, 30, 14, 84
BARS = 560
"""The length of the longest bar of a panel."""


def merged(files):
    """The seconds of every run: by operation, then by the number of files or MiB, then by program."""
    runs = {}
    for file in files:
        for operation, programs in file["seconds"].items():
            amount = file["files"] if operation.startswith("small") else file["size_mib"]
            for program, costs in programs.items():
                runs.setdefault(operation, {}).setdefault(amount, {}).setdefault(program, [])
                runs[operation][amount][program] += [cost[0] for cost in costs]
    return runs


def groups(operation, amounts):
    """The bars of a panel, in groups of one amount; of large files only the largest."""
    small = operation.startswith("small")
    for amount in sorted(amounts)[0 if small else -1 :]:
        yield f"{amount:,} files" if small else f"{amount:,} MiB", amounts[amount]


def text(x, y, words, **attributes):
    """A text element."""
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x}" y="{y}"{given}>{html.escape(words, quote=False)}</text>'


def panel(title, drawn, spoken, bars, y):
    """Draw one panel from `y` on; gives where it ends."""
    drawn.append(text(20, y + 16, f"{title}, seconds", font_weight="bold"))
    y += TITLE
    longest = max(max(values) for _, programs in bars for values in programs.values())
    for amount, programs in bars:
        for name, values in programs.items():
            median = statistics.median(values)
            length, least, most = (BARS * each / longest for each in (median, min(values), max(values)))
            middle = y + ROW / 2
            label = f"{amount} " if name == "homeftp" else ""
            drawn.append(text(20, middle + 4, label, fill="#44505a"))
            drawn.append(text(LEFT + 85, middle + 4, name, text_anchor="end", fill="#1c252c"))
            drawn.append(
                f'<rect x="{LEFT + 92}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" fill="{COLORS[name]}"/>'
            )
            drawn.append(
                f'<path d="M{LEFT + 92 + least:.1f} {middle}H{LEFT + 92 + most:.1f}" stroke="#1c252c" fill="none"/>'
            )
            drawn.append(text(f"{LEFT + 98 + most:.1f}", middle + 4, f"{median:.2f}", fill="#1c252c"))
            spoken.append(f"{title}, {amount}, {name}: {median:.2f} seconds.")
            y += ROW
        y += GAP / 2
    return y + GAP


def draw(files):
    """The picture."""
    runs = merged(files)
    first = files[0]
    versions = ", ".join(f"{name} {number}" for name, number in first["versions"].items())
    numbers = {
        len(values) for amounts in runs.values() for programs in amounts.values() for values in programs.values()
    }
    drawn, spoken = [], []
    y = TOP
    for operation, title in PANELS:
        y = panel(title, drawn, spoken, list(groups(operation, runs[operation])), y)
    about = (
        f"Over loopback on {first['machine']}, on {first['date']}.",
        f"{versions}.",
        f"Small files have {first['file_size']:,} bytes. Medians of {min(numbers)} to {max(numbers)} runs; "
        "the thin line is the fastest to the slowest.",
    )
    drawn += [text(20, 26 + 18 * line, words, fill="#44505a") for line, words in enumerate(about)]
    width = WIDTH + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y:.0f}" role="img" '
            'aria-labelledby="title text">',
            '<title id="title">How long homeftp, rsync and sftp take</title>',
            f'<desc id="text">{html.escape(" ".join([*about, *spoken]), quote=False)}</desc>',
            f'<rect width="{width}" height="{y:.0f}" rx="10" fill="#f7f9fa" stroke="#c3ccd3"/>',
            '<g font-family="system-ui, \'DejaVu Sans\', sans-serif" font-size="13" fill="#1c252c">',
            *drawn,
            "</g>",
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    *sources, target = map(Path, sys.argv[1:])
    Path(target).write_text(draw([json.loads(source.read_text()) for source in sources]), encoding="utf-8")
