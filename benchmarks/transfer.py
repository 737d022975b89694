"""homeftp beside sftp and rsync, on this machine, over loopback, in one run.

    python benchmarks/transfer.py

One big file and many small ones, up and down, several times, the programs
taking turns. For each: the time it took, and the processor time that both
ends used. homeftp makes what it carries durable before it answers; sftp and
rsync do not by default, and rsync --fsync does. Afterwards it prints the
memory of homeftp's server, and the cost of an idle connection.

The interpreter must be one that homeftp is installed for. sftp and rsync are
measured where they and sshd are installed; sshd is one of our own, with its
own keys and configuration. Every target is a folder of its own, what was
written is compared with its source, and all is removed at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import filecmp
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from programs import HOMEFTP, Program, free_port, homeftp, homeftp_server, pair, rsync, sftp, ssh_server, versions

OPERATIONS = ("big up", "big down", "small up", "small down")
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What one transfer took, in seconds."""

    wall: float
    client: float
    server: float


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


def run(arguments: list[str], server: int) -> Cost:
    """Run a client to its end; ends the benchmark if it fails."""
    os.sync()
    before = processor_seconds(server)
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        client = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _, status, usage = os.wait4(client.pid, 0)
        wall = time.perf_counter() - began
        client.returncode = os.waitstatus_to_exitcode(status)
        if client.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(arguments)} ended with {client.returncode}:\n{output.read().decode()}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, processor_seconds(server) - before)


def same(source: Path, target: Path) -> bool:
    """Whether a copy is whole: names, and every byte."""
    if not source.is_dir():
        return filecmp.cmp(source, target, shallow=False)
    names = sorted(os.listdir(source))
    _, differ, failed = filecmp.cmpfiles(source, target, names, shallow=False)
    return names == sorted(os.listdir(target)) and not differ and not failed


def make_sources(folder: Path, size: int, files: int, file_size: int) -> dict[str, Path]:
    """Random content, which cannot be compressed: one big file, and a folder of small ones."""
    (folder / "small").mkdir(parents=True)
    with (folder / "big").open("wb") as big:
        for start in range(0, size, 1 << 20):
            big.write(os.urandom(min(1 << 20, size - start)))
    for number in range(files):
        (folder / "small" / f"{number:06}.bin").write_bytes(os.urandom(file_size))
    return {"big": folder / "big", "small": folder / "small"}


Costs = dict[tuple[str, str], list[Cost]]
"""The costs of each operation for each program, one for each run."""


def measure(programs: list[Program], folder: Path, sources: dict[str, Path], runs: int) -> Costs:
    """What each operation with these sources costs each program, the programs taking turns."""
    shared = {kind: folder / "share" / kind for kind in sources}
    for kind, source in sources.items():
        run(programs[0].command(True, source, shared[kind]), programs[0].server)
    costs: Costs = {}
    for number in range(runs):
        for operation in OPERATIONS:
            kind, direction = operation.split()
            if kind not in sources:
                continue
            for turn in range(len(programs)):
                program = programs[(turn + number) % len(programs)]
                upwards = direction == "up"
                target = (
                    folder / ("share" if upwards else "fetched") / f"{kind}-{program.name.replace(' ', '')}-{number}"
                )
                target.parent.mkdir(exist_ok=True)
                shutil.rmtree(folder / "client" / "cache", ignore_errors=True)  # no hash is known beforehand
                source = sources[kind] if upwards else shared[kind]
                cost = run(program.command(upwards, source, target), program.server)
                if not same(sources[kind], target):
                    sys.exit(f"{program.name}, {operation}: the copy is not the source")
                shutil.rmtree(target) if target.is_dir() else target.unlink()
                costs.setdefault((operation, program.name), []).append(cost)
                print(f"run {number + 1}  {operation:10}  {program.name:8} {cost.wall:7.2f} s", flush=True)
    return costs


def medians(costs: Costs) -> dict[tuple[str, str], Cost]:
    """The median cost of each operation for each program."""
    return {key: Cost(*map(statistics.median, zip(*values, strict=True))) for key, values in costs.items()}


def report(costs: Costs, options: argparse.Namespace) -> dict[str, object]:
    """Everything that was measured, and where: `docs/tools/speed_picture.py` draws it."""
    found = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    samples: dict[str, dict[str, list[Cost]]] = {}
    for (operation, program), values in costs.items():
        samples.setdefault(operation, {})[program] = values
    return {
        "date": f"{datetime.date.today()}",
        "machine": f"{found[1] if found else platform.machine()}, {os.cpu_count()} processors, {platform.system()}",
        "versions": versions(),
        "size_mib": options.size,
        "files": options.files,
        "file_size": options.file_size,
        "seconds": samples,
    }


def idle_connections(folder: Path, count: int) -> float:
    """KiB that each of `count` connections costs that did the TLS handshake and nothing more."""
    port = free_port()
    caps = ("--max-connections", "--max-connections-per-address", "--max-unauthenticated")
    options = ["--login-timeout=600", *(f"{cap}={count + 100}" for cap in caps)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["homeftp/1"])

    def connect() -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port))
        plain.sendall(b'{"request_type": "STARTTLS"}\n')
        while not plain.recv(4096).endswith(b"\n"):
            pass
        secure = context.wrap_socket(plain)
        secure.sendall(b'{"request_type": "HELLO"}\n')
        while not secure.recv(4096).endswith(b"\n"):
            pass
        return secure

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(homeftp_server(folder, port, *options))
        for _ in range(10):
            connect().close()
        before = memory_kib(server, "VmRSS")
        connections = [stack.enter_context(connect()) for _ in range(count)]
        time.sleep(0.5)
        return (memory_kib(server, "VmRSS") - before) / len(connections)


def start_seconds() -> float:
    """The median time of `homeftp --help`."""
    times = []
    for _ in range(11):
        began = time.perf_counter()
        subprocess.run([*HOMEFTP, "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def show(costs: dict[tuple[str, str], Cost], programs: list[Program]) -> None:
    """The table: medians, and homeftp's time as a multiple of each other program's."""
    print(f"\n{'':12}{'program':15}{'wall s':>8}{'client s':>10}{'server s':>10}{'homeftp is':>14}")
    for operation in dict.fromkeys(operation for operation, _ in costs):
        ours = costs[operation, programs[0].name]
        for program in programs:
            cost = costs[operation, program.name]
            ratio = "" if program is programs[0] else f"{ours.wall / cost.wall:.2f} times"
            figures = f"{cost.wall:8.2f}{cost.client:10.2f}{cost.server:10.2f}"
            print(f"{operation:12}{program.name:15}{figures}{ratio:>14}")


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the big file (default 1024)")
    parser.add_argument("--files", type=int, default=10_000, help="how many small files (default 10,000)")
    parser.add_argument("--file-size", type=int, default=4096, help="bytes of a small file (default 4096)")
    parser.add_argument("--connections", type=int, default=1000, help="idle connections (default 1000)")
    parser.add_argument("--only", choices=("big", "small"), help="measure one big file only, or small files only")
    parser.add_argument("--json", type=Path, help="a file for everything that was measured")
    parser.add_argument("--folder", help="where to work; default: the system's folder for temporary files")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # not without stopping the servers
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homeftp-benchmark-", dir=options.folder)))
        (folder / "share").mkdir()
        sources = make_sources(folder / "source", options.size << 20, options.files, options.file_size)
        if options.only:
            sources = {options.only: sources[options.only]}
        port = free_port()
        with contextlib.ExitStack() as servers:
            server = servers.enter_context(homeftp_server(folder, port))
            pair(folder, port)
            programs = [homeftp(folder / "share", server)]
            if all(map(shutil.which, ("ssh", "sftp", "ssh-keygen"))):
                config, sshd = servers.enter_context(ssh_server(folder / "ssh"))
                programs.append(sftp(config, sshd))
                if shutil.which("rsync"):
                    programs += [rsync(config, sshd), rsync(config, sshd, "--fsync")]
            costs = measure(programs, folder, sources, options.runs)
            if options.json:
                options.json.write_text(json.dumps(report(costs, options), indent=1) + "\n")
            peak = memory_kib(server, "VmHWM")
        show(medians(costs), programs)
        idle = idle_connections(folder, options.connections)
        small = f"{options.files} files of {options.file_size} bytes"
        print(f"\nmedians of {options.runs}; big: {options.size} MiB; small: {small}")
        print(f"the server's memory, at its peak: {peak / 1024:.1f} MiB")
        print(f"for each of {options.connections} idle connections: {idle:.1f} KiB")
        print(f"homeftp --help: {start_seconds():.3f} s")


if __name__ == "__main__":
    main()
