"""homeftp beside rsync, sftp and rclone, on this machine, over loopback, in one run.

    python benchmarks/transfer.py
    python benchmarks/transfer.py --load small --load far --runs 5

Each load is sent, compared, sent again with nothing and with one file
changed, and fetched, several times, the programs taking turns. For each: the
time it took, and the processor time that both ends used. homeftp makes what it
carries durable before it answers; the others do not, but for rsync --fsync.
At the end come the memory of both ends for a folder of many files, and that of
an idle connection.

It works on a new ext4 file system in an image where it may mount one. The
interpreter must be one that homeftp is installed for. The others are measured
where they and sshd are installed; sshd is one of our own, with its own keys
and configuration. What was sent and fetched is compared with its source, and
all is removed at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator

from loads import LOADS, Load, disk, measure, space
from measuring import Cost, Costs, medians
from memory import CONTENT, idle_connections, measure_entries
from places import may_mount
from programs import versions

MEMORY = "memory"
"""What is chosen for the memory of both ends."""


def machine() -> str:
    """The processor and the system."""
    found = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{found[1] if found else platform.machine()}, {os.cpu_count()} processors, {platform.system()}"


def file_system(options: argparse.Namespace) -> str:
    """The type of the file system that the folder is on."""
    command = ["df", "--output=fstype", options.folder or tempfile.gettempdir()]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]


def show(load: Load, costs: dict[str, dict[str, Cost]]) -> None:
    """The table of a load: medians, and homeftp's time as a multiple of each other program's."""
    print(f"\n{load.title()}\n{'':15} {'program':15}{'wall s':>8}{'client s':>10}{'server s':>10}{'homeftp is':>14}")
    for step, programs in costs.items():
        for name, cost in programs.items():
            ratio = "" if name == "homeftp" else f"{programs['homeftp'].wall / cost.wall:.2f} times"
            print(f"{step:15} {name:15}{cost.wall:8.2f}{cost.client:10.2f}{cost.server:10.2f}{ratio:>14}")
    print(flush=True)


@contextlib.contextmanager
def working_folder(options: argparse.Namespace, size: int) -> Iterator[Path]:
    """A folder with space for `size` bytes, where the options say; removed with all that it holds."""
    with tempfile.TemporaryDirectory(prefix="homeftp-benchmark-", dir=options.folder) as name:
        (Path(name) / "disk").mkdir()
        with disk(Path(name) / "disk", size, new=not options.no_ext4) as folder:
            yield folder


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    loads = "; ".join(f"{name}: {load.title()}" for name, load in LOADS.items())
    parser.add_argument(
        "--load",
        action="append",
        choices=[*LOADS, MEMORY],
        metavar="NAME",
        help=f"measure this, not everything; may be given several times. {loads}; {MEMORY}",
    )
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--files", type=int, help="so many files in each load but the large one")
    parser.add_argument("--file-size", type=int, help="bytes of each file")
    parser.add_argument("--entries", type=int, default=100_000, help="files for the memory (default 100,000)")
    parser.add_argument("--connections", type=int, default=1000, help="idle connections (default 1000)")
    parser.add_argument("--no-ext4", action="store_true", help="on the file system of the folder")
    parser.add_argument("--folder", help="where to work; default: the system's folder for temporary files")
    parser.add_argument("--json", type=Path, help="a file for everything that was measured")
    return parser.parse_args()


def measure_load(options: argparse.Namespace, name: str, found: dict[str, Any]) -> None:
    """Measure one load, and print its table; `found` gets what was measured."""
    load = LOADS[name]
    if load.files > 1 and options.files:
        load = load._replace(files=options.files)
    if options.file_size is not None:
        load = load._replace(size=options.file_size)
    costs: Costs = {}
    found[name] = {**load._asdict(), "seconds": costs}
    with working_folder(options, space(load, len(load.programs) + 1)) as folder:
        measure(load, folder, options.runs, costs)
    show(load, medians(costs))


def measure_memory(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Measure the memory, and print it; `found` gets what was measured."""
    entries = Load(options.entries, CONTENT, (), ())
    print(f"Memory with {entries.title()}", flush=True)
    with working_folder(options, space(entries, 2)) as folder:
        peaks = measure_entries(folder, entries.files)
        idle = idle_connections(folder, options.connections)
    print(f"for each of {options.connections} idle connections: {idle:.1f} KiB")
    found.update(entries=entries.files, peaks=peaks, idle_kib=idle)


def main() -> None:
    """Measure what the command line asks for, and print it."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # not without stopping the servers
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each run of a client would compile it anew
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    new = may_mount() and not options.no_ext4
    report: dict[str, Any] = {
        "date": f"{datetime.date.today()}",
        "machine": machine(),
        "versions": versions(),
        "disk": f"a new ext4 file system in an image on {file_system(options)}" if new else file_system(options),
        "loads": {},
        "memory": {},
    }
    try:
        for name in dict.fromkeys(options.load or [*LOADS, MEMORY]):
            if name == MEMORY:
                measure_memory(options, report["memory"])
            else:
                measure_load(options, name, report["loads"])
    finally:
        if options.json:  # with what was measured until then, if it was stopped
            options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
