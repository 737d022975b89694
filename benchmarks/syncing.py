"""Two laptops that sync with one server: whole syncs, and how soon a change is on the other laptop in a watch.

    python benchmarks/syncing.py --files 100 10000 100000
    python benchmarks/syncing.py --files 100000 --no-watch --runs 5

Where unison and rsync are installed, a sync that finds nothing changed is compared with theirs, over ssh: the programs
take turns, and the medians are told.
Everything is on one machine and on its loopback interface. Files have next to nothing in them. In a watch each change
is made when the one before has arrived and everything has come to rest.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from measuring import Costs, medians, memory_kib, processor_seconds, resident, run
from memory import make_entries
from places import find
from programs import HOMEFTP, homeftp_server, pair, reserved_port, ssh_server

CHANGES = 20
"""Changes whose median is told, each of another file."""

REST_SECONDS = 2.0
"""After which the events that follow from a change have been looked at."""

IDLE_SECONDS = 60.0

MANY_CHANGES, CHANGED_AT_ONCE, PAUSE_SECONDS = 3000, 100, 0.3
"""Changes after which the memory of a watch is told: so many at once, and so long a pause. That is many syncs."""

MEMORY_SECONDS = 6.0
"""After which a watch that has nothing to do any more has given back memory."""

MOST_SECONDS = 300.0
"""Within which a change must have arrived, and a watch have begun."""


class Laptop(NamedTuple):
    """One machine: its folder, and where the client keeps what it remembers."""

    folder: Path
    home: Path

    def sync(self, *options: str) -> list[str]:
        """The command that syncs the folder."""
        os.environ["HOMEFTP_HOME"] = str(self.home)
        return [*HOMEFTP, "sync", "-q", "-y", *options, str(self.folder), "nas:synced"]


def await_content(path: Path, content: bytes) -> float:
    """When a file had a content."""
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if path.read_bytes() == content:
                return time.monotonic()
        time.sleep(0.005)
    raise TimeoutError(f"{path} has not changed")


@contextlib.contextmanager
def watching(laptop: Laptop) -> Iterator[int]:
    """A laptop's watch, by its process id."""
    process = subprocess.Popen(laptop.sync("--watch"))
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def measure_whole(laptops: list[Laptop], server: int) -> None:
    """Print what syncs of the whole folder cost."""
    one, other = laptops
    for name, laptop in (("first", one), ("first, other laptop", other), ("unchanged", one), ("1 changed", one)):
        if name == "1 changed":
            changed = next(one.folder.rglob("*.txt"))
            changed.write_bytes(b"changed")
        cost = run(laptop.sync(), server)
        print(f"{name:22} {cost.wall:7.2f} s  client {cost.client:6.2f} s {cost.memory / 1024:6.1f} MiB", flush=True)
    print(f"{'server':22} {memory_kib(server, 'VmHWM') / 1024:6.1f} MiB at its peak")


def measure_unchanged(laptop: Laptop, folder: Path, server: int, runs: int) -> None:
    """Print what a sync costs that finds nothing changed, beside unison and rsync; `folder` is for their copies."""
    os.environ["UNISON"] = str(folder / "unison")  # where it keeps its archives
    programs = {"homeftp": (laptop.sync(), server)}
    with contextlib.ExitStack() as stack:
        if find("sshd") and shutil.which("ssh-keygen"):
            config, sshd = stack.enter_context(ssh_server(folder / "ssh"))
            ssh = f"-F {config}"
            if shutil.which("unison"):
                words = ["unison", "-ui", "text", "-batch", "-silent", "-auto", "-times", "-sshargs", ssh]
                programs["unison"] = ([*words, str(laptop.folder), f"ssh://nas/{folder}/unisoned"], sshd)
            if shutil.which("rsync"):
                words = ["rsync", "-a", "-e", f"ssh {ssh}"]
                programs["rsync"] = ([*words, f"{laptop.folder}/", f"nas:{folder}/rsynced/"], sshd)
        for command, process in programs.values():
            run(command, process)  # the first one copies everything
        costs: Costs = {"unchanged": {name: [] for name in programs}}
        for _ in range(runs):
            for name, (command, process) in programs.items():
                costs["unchanged"][name].append(run(command, process))
        found = medians(costs)["unchanged"]
        for name, cost in found.items():
            times = found["homeftp"].wall / cost.wall
            print(f"{'unchanged, ' + name:22} {cost.wall:7.2f} s  homeftp takes {times:.2f} of it", flush=True)


def measure_watch(laptops: list[Laptop], server: int, restart: Callable[[], int]) -> None:
    """Print how soon changes arrive, what each costs, and what a watch costs in which nothing happens.

    `restart` starts the server again, and gives its new process.
    """
    one, other = laptops
    files = sorted(path.relative_to(one.folder) for path in one.folder.rglob("*.txt"))
    chosen = files[:: max(1, len(files) // CHANGES)][:CHANGES]
    with watching(one) as first, watching(other) as second:
        for laptop, there in ((one, other), (other, one)):  # each watch has begun when it has noticed something
            (laptop.folder / "begun").write_text(laptop.folder.name)
            await_content(there.folder / "begun", laptop.folder.name.encode())
            time.sleep(2 * REST_SECONDS)
        before = [0.0, 0.0, 0.0]

        def spent() -> list[float]:
            """The seconds of each processor since the last call."""
            used = [processor_seconds(process) for process in (first, second, server)]
            last, before[:] = [*before], used
            return [now - then for now, then in zip(used, last, strict=True)]

        spent()
        seconds = []
        for number, name in enumerate(chosen):
            content = b"change %d" % number
            began = time.monotonic()
            (one.folder / name).write_bytes(content)
            seconds.append(await_content(other.folder / name, content) - began)
            time.sleep(REST_SECONDS)
        used = spent()
        each = ", ".join(f"{1000 * value / len(chosen):.0f} ms" for value in used)
        print(f"{'change':22} median {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s")
        print(f"{'processor, each':22} {each} (sender, receiver, server)", flush=True)
        spent()
        time.sleep(IDLE_SECONDS)
        print(f"{'idle for a minute':22} {', '.join(f'{value:.2f} s' for value in spent())}")

        def print_memory(when: str) -> None:
            """Print what each watch takes, and the part of that which no other process shares."""
            time.sleep(MEMORY_SECONDS)
            used = (f"{rss / 1e6:.1f} MB ({own / 1e6:.1f} of its own)" for rss, own in map(resident, (first, second)))
            print(f"{when:22} {', '.join(used)}", flush=True)

        print_memory("memory at rest")
        many = files[:MANY_CHANGES]
        for begin in range(0, len(many), CHANGED_AT_ONCE):
            for name in many[begin : begin + CHANGED_AT_ONCE]:
                (one.folder / name).write_bytes(b"one of many")
            time.sleep(PAUSE_SECONDS)
        for name in many:
            await_content(other.folder / name, b"one of many")
        print_memory(f"after {len(many):,} changes")
        restart()
        (one.folder / files[0]).write_bytes(b"after the restart")
        await_content(other.folder / files[0], b"after the restart")
        print_memory("server restarted")


def measure(files: int, place: str | None, runs: int, *, watch: bool) -> None:
    """Measure with so many files, in a folder that is made in `place`; `runs` times what finds nothing changed."""
    print(f"{files:,} files", flush=True)
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        (folder / "share").mkdir()
        port = reserved_port()
        with contextlib.ExitStack() as serving:

            def serve() -> int:
                serving.close()
                return serving.enter_context(homeftp_server(folder, port, "--no-announce"))

            server = serve()
            pair(folder, port)
            laptops = [Laptop(folder / laptop, folder / f"client of {laptop}") for laptop in ("one", "other")]
            for laptop in laptops:
                shutil.copytree(folder / "client", laptop.home)
            make_entries(laptops[0].folder, files)
            measure_whole(laptops, server)
            measure_unchanged(laptops[0], folder, server, runs)
            if watch:
                measure_watch(laptops, server, serve)


def main() -> None:
    """Measure as the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[10_000])
    parser.add_argument("--folder", help="where the files are, instead of the system's folder for temporary files")
    parser.add_argument("--no-watch", action="store_true", help="only syncs of the whole folder")
    parser.add_argument("--runs", type=int, default=3, help="how often each program looks at what has not changed")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each run of a client would compile it anew
    for files in options.files:
        measure(files, options.folder, options.runs, watch=not options.no_watch)


if __name__ == "__main__":
    main()
