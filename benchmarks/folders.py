"""homeftp beside rsync, on this machine, over loopback, in one run: a folder with many small files.

    python benchmarks/folders.py --files 10000 --file-size 4096

It is sent, sent again with nothing and with one file changed, compared, and
fetched, several times, the programs taking turns. For each: the time it took,
and the processor time that both ends used. homeftp makes what it carries
durable before it answers, and encrypts; rsync runs over ssh, and makes
nothing durable, but for rsync --fsync. At the end it prints how much memory
homeftp's server had at most.

With --ext4 all of it is on a new ext4 file system in an image, which needs
the rights to mount it. Every target is a folder of its own, what was fetched
is compared with its source, and all is removed at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from programs import HOMEFTP, free_port, homeftp_server, pair, ssh_server
from transfer import Cost, Costs, medians, memory_kib, report, run

PER_FOLDER = 100
"""Files in each folder of the tree."""

Command = Callable[[Path, Path], list[str]]
"""The command line for a folder here and its counterpart on the server."""


class Side(NamedTuple):
    """A program: its server's process, and its commands."""

    server: int
    up: Command
    down: Command
    compare: Command


def make_tree(folder: Path, files: int, size: int) -> None:
    """Random content, which cannot be compressed."""
    for number in range(files):
        path = folder / f"{number // PER_FOLDER:05}" / f"{number:07}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))


def same_tree(one: Path, other: Path) -> bool:
    """Whether a copy is whole: names, and every byte."""
    return subprocess.run(["diff", "-rq", one, other], stdout=subprocess.DEVNULL).returncode == 0


def homeftp_side(share: Path, server: int) -> Side:
    """homeftp's commands; `share` is the folder that the server shares."""

    def remote(path: Path) -> str:
        return f"nas:{path.relative_to(share)}"

    return Side(
        server,
        lambda here, there: [*HOMEFTP, "push", "-r", str(here), remote(there)],
        lambda here, there: [*HOMEFTP, "get", "-r", remote(there), str(here)],
        lambda here, there: [*HOMEFTP, "cmp", str(here), remote(there)],
    )


def rsync_side(config: Path, server: int, *options: str) -> Side:
    """rsync's commands, which keep times as homeftp's do."""
    words = ["rsync", "-a", *options, "-e", f"ssh -F {config}"]
    return Side(
        server,
        lambda here, there: [*words, f"{here}/", f"nas:{there}/"],
        lambda here, there: [*words, f"nas:{there}/", f"{here}/"],
        lambda here, there: [*words, "-n", "-i", f"{here}/", f"nas:{there}/"],
    )


def measure(sides: dict[str, Side], folder: Path, source: Path, runs: int) -> Costs:
    """What each operation costs each program, the programs taking turns."""
    costs: Costs = {}

    def go(operation: str, name: str, arguments: list[str]) -> None:
        cost = run(arguments, sides[name].server)
        costs.setdefault((operation, name), []).append(cost)
        print(f"{operation:14}  {name:14} {cost.wall:7.2f} s", flush=True)

    (folder / "fetched").mkdir()
    changed = next(source.rglob("*.bin"))
    for number in range(runs):
        names = list(sides)
        names = names[number % len(names) :] + names[: number % len(names)]
        there = {name: folder / "share" / f"{name.replace(' ', '')}-{number}" for name in names}

        for name in names:
            shutil.rmtree(folder / "client" / "cache", ignore_errors=True)  # no hash is known beforehand
            go("up", name, sides[name].up(source, there[name]))
        for operation in ("compare", "up, the same"):
            for name in names:
                side = sides[name]
                go(operation, name, (side.compare if operation == "compare" else side.up)(source, there[name]))
        changed.write_bytes(os.urandom(changed.stat().st_size + 1))
        for name in names:
            go("up, 1 changed", name, sides[name].up(source, there[name]))
        for name in names:
            fetched = folder / "fetched" / name.replace(" ", "")
            go("down", name, sides[name].down(fetched, there[name]))
            if not same_tree(source, fetched):
                sys.exit(f"{name}: what was fetched is not the source")
            shutil.rmtree(fetched)
            shutil.rmtree(there[name])
    return costs


def show(costs: dict[tuple[str, str], Cost]) -> None:
    """The table: medians, and homeftp's time as a multiple of each other program's."""
    print(f"\n{'':15}{'program':15}{'wall s':>8}{'client s':>10}{'server s':>10}{'homeftp is':>14}")
    for (operation, name), cost in costs.items():
        ratio = "" if name == "homeftp" else f"{costs[operation, 'homeftp'].wall / cost.wall:.2f} times"
        print(f"{operation:15}{name:15}{cost.wall:8.2f}{cost.client:10.2f}{cost.server:10.2f}{ratio:>14}")


@contextlib.contextmanager
def ext4(folder: Path, size: int) -> Iterator[Path]:
    """A new file system of so many bytes, in an image in `folder`."""
    image, top = folder / "image", folder / "ext4"
    with image.open("wb") as file:
        file.truncate(size)
    top.mkdir()
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    subprocess.run(["mkfs.ext4", "-q", "-i", "4096", image], check=True, env=environment)
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    try:
        yield top
    finally:
        subprocess.run(["umount", top], check=True)


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--files", type=int, default=10_000, help="files (default 10000)")
    parser.add_argument("--file-size", type=int, default=4096, help="bytes of each (default 4096)")
    parser.add_argument("--ext4", action="store_true", help="on a new ext4 file system in an image")
    parser.add_argument("--json", type=Path, help="a file for everything that was measured")
    parser.add_argument("--folder", help="where to work; default: the system's folder for temporary files")
    options = parser.parse_args()
    options.size = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # not without stopping the servers
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homeftp-benchmark-", dir=options.folder)))
        if options.ext4:
            folder = stack.enter_context(ext4(folder, (1 << 30) + 16 * options.files * (options.file_size + 8192)))
        (folder / "share").mkdir()
        make_tree(folder / "source", options.files, options.file_size)
        port = free_port()
        with contextlib.ExitStack() as servers:
            server = servers.enter_context(homeftp_server(folder, port))
            pair(folder, port)
            sides = {"homeftp": homeftp_side(folder / "share", server)}
            if all(map(shutil.which, ("ssh", "ssh-keygen", "rsync"))):
                config, sshd = servers.enter_context(ssh_server(folder / "ssh"))
                sides["rsync"] = rsync_side(config, sshd)
                sides["rsync --fsync"] = rsync_side(config, sshd, "--fsync")
            costs = measure(sides, folder, folder / "source", options.runs)
            if options.json:
                options.json.write_text(json.dumps(report(costs, options), indent=1) + "\n")
            peak = memory_kib(server, "VmHWM")
        show(medians(costs))
        print(f"\nmedians of {options.runs}: {options.files} files of {options.file_size} bytes")
        print(f"the server's memory, at its peak: {peak / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
