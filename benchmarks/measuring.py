"""What one run of a client costs: time, processor time of both ends, memory.

What is run, and in which order, is the others'.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Mapping, NamedTuple, Sequence

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"
"""What /proc/PID/clear_refs takes to begin the peak of a process's memory anew; see proc(5)."""


class Cost(NamedTuple):
    """What a run of a client took: seconds in all, seconds of processor time at each end, KiB of the client's peak."""

    wall: float
    client: float
    server: float
    memory: float


Costs = dict[str, dict[str, list[Cost]]]
"""The costs of each step for each program, one for each run."""


def processor_seconds(process: int) -> float:
    """What a process and its ended children have used so far; waits until they are done using it."""

    def used() -> int:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))

    before, now = -1, used()
    while now != before:
        time.sleep(0.1)
        before, now = now, used()
    return now / TICKS


def memory_kib(process: int, field: str) -> int:
    """VmHWM (the peak) or VmRSS (now) of a process."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


class Resident(NamedTuple):
    """Bytes of a process that are in memory."""

    all: int
    own: int
    """Those that no other process shares."""


def resident(process: int) -> Resident:
    """What of a process is in memory now."""
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE))
    own = int(found["Private_Clean"]) + int(found["Private_Dirty"])
    return Resident(int(found["Rss"]) * 1024, own * 1024)


def reset_peak(process: int) -> None:
    """Let the peak of a process's memory begin anew."""
    Path(f"/proc/{process}/clear_refs").write_text(RESET_PEAK)


def run(arguments: Sequence[str], server: int, statuses: Sequence[int] = (0,)) -> Cost:
    """Run a client to its end; ends the benchmark if it ends with none of `statuses`."""
    os.sync()
    before = processor_seconds(server)
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        client = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _, status, usage = os.wait4(client.pid, 0)
        except BaseException:  # the benchmark is stopped: nothing may use the disk any more
            client.kill()
            client.wait()
            raise
        wall = time.perf_counter() - began
        client.returncode = os.waitstatus_to_exitcode(status)
        if client.returncode not in statuses:
            output.seek(0)
            sys.exit(f"{' '.join(arguments)} ended with {client.returncode}:\n{output.read().decode()}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, processor_seconds(server) - before, usage.ru_maxrss)


def medians(costs: Mapping[str, Mapping[str, Sequence[Cost]]]) -> dict[str, dict[str, Cost]]:
    """The median cost of each step for each program."""
    return {
        step: {name: Cost(*map(statistics.median, zip(*values, strict=True))) for name, values in programs.items()}
        for step, programs in costs.items()
    }
