"""The loads, and how each is measured: the programs take turns at every step."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

from measuring import Cost, Costs, run
from places import Way, check_space, ext4, may_mount, network
from programs import Program, homeftp, homeftp_server, neighbours, pair, reserved_port, ssh_server

PER_FOLDER = 100
"""Files in each folder of a tree."""

BLOCK = 4096
"""Bytes of a block of the disk."""

OVERHEAD = 4096
"""Bytes of the disk that a file takes besides its content, at most: its inode, its name, what homeftp keeps of it."""

STEPS = {
    "up": "up",
    "first compare": "compare all",
    "compare": "compare",
    "compare, again": "compare",
    "down": "down",
    "up, the same": "again",
    "up, again": "again",
    "up, 1 changed": "again",
}
"""What each step asks a program to do."""

WRITING = ("up", "down", "up, 1 changed")
"""The steps after which both sides are compared."""

NEW = ("up", "first compare")
"""The steps for which no hash is known beforehand: what homeftp's client remembers of its files is removed."""


class Load(NamedTuple):
    """Files that are transferred."""

    files: int
    """1: a single file, which is in no folder."""
    size: int
    """Bytes of each."""
    steps: tuple[str, ...]
    programs: tuple[str, ...]
    """Those that are measured besides homeftp, where they are installed."""
    milliseconds: float = 0
    """A round trip's."""

    def title(self) -> str:
        """Such as "10,000 files of 4 KiB"."""
        size = f"{self.size:,} bytes"
        for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
            if self.size and not self.size % unit:
                size = f"{self.size // unit:,} {name}"
                break
        files = "1 file" if self.files == 1 else f"{self.files:,} files"
        return f"{files} of {size}" + (f", a round trip takes {self.milliseconds:g} ms" if self.milliseconds else "")


RSYNC = ("rsync", "rsync --fsync", "rsync -c")
ALL = ("sftp", *RSYNC, "rclone")
CURVE = ("up", "down", "up, the same")

LOADS = {
    "large": Load(1, 1 << 30, ("up", "down"), ALL),
    "small": Load(10_000, 4096, tuple(STEPS), ALL),
    "many": Load(100_000, 1024, tuple(STEPS), RSYNC),
    "far": Load(1_000, 4096, CURVE, ("rsync",), 20),
    "few": Load(100, 4096, ("compare", "up, the same"), ("rsync",)),
    "thousand": Load(1_000, 1024, CURVE, ("rsync",)),
    "ten-thousand": Load(10_000, 1024, CURVE, ("rsync",)),
}
"""What is measured if nothing is chosen; the last two are for the curve from 1,000 to 100,000 files."""


def make_tree(folder: Path, files: int, size: int) -> None:
    """Random content, which cannot be compressed."""
    for number in range(files):
        path = folder / f"{number // PER_FOLDER:05}" / f"{number:07}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))


def make_file(path: Path, size: int) -> None:
    """The same, in one file, MiB by MiB."""
    with path.open("wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - start)))


def same_tree(one: Path, other: Path) -> bool:
    """Whether a copy is whole: names, and every byte."""
    return not subprocess.run(["diff", "-rq", one, other], stdout=subprocess.DEVNULL).returncode


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def space(load: Load, programs: int) -> int:
    """Bytes of the disk that a load takes: the source, a copy for each program, and what is fetched."""
    return load.files * (-(-load.size // BLOCK) * BLOCK + OVERHEAD) * (programs + 2)


@contextlib.contextmanager
def disk(folder: Path, size: int, *, new: bool) -> Iterator[Path]:
    """A folder with space for `size` bytes: on a new ext4 file system in an image in `folder`, or `folder` itself."""
    check_space(folder, size)
    if new and may_mount():
        with ext4(folder, 2 * size + (1 << 30)) as top:
            yield top
    else:
        yield folder


class Bench(NamedTuple):
    """Where a load is measured, and with which programs."""

    folder: Path
    source: Path
    programs: list[Program]

    def there(self, program: Program, number: int) -> Path:
        """A program's copy on the server in a run."""
        return self.folder / "share" / f"{program.copy}-{number}"

    def check(self, program: Program, number: int, here: Path) -> None:
        """End the benchmark unless both sides are the same; what was fetched is removed."""
        if not same_tree(here, self.there(program, number)):
            sys.exit(f"{program.name}: the copy is not the source")
        if here != self.source:
            remove(here)

    def step(self, step: str, number: int) -> Iterator[tuple[str, Cost]]:
        """Let each program that can do a step do it, in an order that each run turns."""
        verb = STEPS[step]
        turned = self.programs[number % len(self.programs) :] + self.programs[: number % len(self.programs)]
        if step == "up, 1 changed":
            changed = next(self.source.rglob("*.bin"))
            changed.write_bytes(os.urandom(changed.stat().st_size + 1))
        for program in turned:
            if verb not in program.commands:
                continue
            here = self.folder / "fetched" if verb == "down" else self.source
            if step in NEW and program is self.programs[0]:  # homeftp: no other program has a say in what it remembers
                shutil.rmtree(self.folder / "client" / "cache", ignore_errors=True)
            cost = run(program.commands[verb](here, self.there(program, number)), program.server)
            print(f"{step:15} {program.name:15}{cost.wall:8.2f} s", flush=True)
            if step in WRITING:
                self.check(program, number, here)
            yield program.name, cost


def measure(load: Load, folder: Path, runs: int, costs: Costs) -> None:
    """Add to `costs` what each step of a load costs each program, as soon as it is known."""
    (folder / "share").mkdir()
    source = folder / "source"
    if load.files == 1:
        make_file(source, load.size)
    else:
        make_tree(source, load.files, load.size)
    costs.update((step, {}) for step in load.steps)
    with contextlib.ExitStack() as stack:
        way: Way = stack.enter_context(network(load.milliseconds))
        port = reserved_port()
        server = stack.enter_context(homeftp_server(folder, port))
        pair(folder, stack.enter_context(way(port)))
        programs = [homeftp(folder / "share", server)]
        if all(map(shutil.which, ("ssh", "ssh-keygen"))):
            programs += neighbours(*stack.enter_context(ssh_server(folder / "ssh", way)))
        bench = Bench(folder, source, [each for each in programs if each.name in ("homeftp", *load.programs)])
        for number in range(runs):
            for step in dict.fromkeys(("up", *load.steps)):
                for name, cost in bench.step(step, number):
                    if step in costs:
                        costs[step].setdefault(name, []).append(cost)
            for program in bench.programs:
                if "up" in program.commands:
                    remove(bench.there(program, number))
