"""How much more several servers of a cluster do than one, and at what cost: `python benchmarks/clusterservers.py`.

Clients push small files at once, first to one server, then to several; times are seconds by the clock. The processor
time of servers, clients, the database and the bucket says what the machine had to do: where all of its cores are busy
with that, more servers cannot be faster. The processor time of the servers says what to expect at most where each
server has a machine of its own, and all else is quick enough.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from homeftp.config import KIB
from measuring import memory_kib, processor_seconds
from tests.support.engines import PostgreSQL, SeaweedFS, children
from tests.support.processes import SERVE, ServerProcess, add_remote, environment, run_homeftp

PASSWORD = "correct horse battery"

SMALL = 4 * KIB


def lay(folder: str, files: int) -> None:
    """Make a folder of small files, each with another content."""
    os.makedirs(folder)
    for number in range(files):
        with open(os.path.join(folder, f"{number:05}"), "wb") as file:
            file.write(os.urandom(SMALL))


def used_by(process: int) -> float:
    """The processor seconds of a process and its children, also of those that run."""
    while True:
        own = processor_seconds(process)
        with contextlib.suppress(FileNotFoundError):  # a child has ended: its time is that of the process now
            return own + sum(map(processor_seconds, children(process)))


class Measured:
    """The engines, in a temporary folder, and one cluster after the other on them."""

    def __init__(self, work: str, options: argparse.Namespace) -> None:
        self.work = work
        self.options = options
        self.database, self.bucket = PostgreSQL(durable=True, folder=work), SeaweedFS(work)
        self.env = self.bucket.environment()

    def run(self, servers: int) -> tuple[float, float]:
        """The seconds that the clients take with so many servers, and the processor seconds of these."""
        url = self.database.create(f"with_{servers}")
        objects = f"{self.bucket.bucket('bench')}/{servers}"
        done = run_homeftp("cluster", "init", url, "--objects", objects, **self.env)
        assert done.returncode == 0, done.stderr
        options = ("--objects", objects, "--no-announce")
        running = [self.serve(url, options) for _ in range(servers)]
        added = run_homeftp(
            *("account", "add", "ann", "--state", running[0].state, "--password-stdin"), input=PASSWORD + "\n"
        )
        assert added.returncode == 0, added.stderr
        homes = [os.path.join(self.work, f"home-{servers}-{number}") for number in range(self.options.clients)]
        for number, home in enumerate(homes):
            add_remote(running[number % servers], home)
            looked = run_homeftp("ls", "nas:", HOMEFTP_HOME=home)
            assert looked.returncode == 0, looked.stderr
        measured = [*(each.process.pid for each in running), self.database.pid, self.bucket.pid]
        before = [used_by(process) for process in measured]
        began, ended = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        clients = [self.push(number, home) for number, home in enumerate(homes)]
        for each in clients:
            assert each.wait() == 0, each.args
        seconds = time.monotonic() - began
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        of_clients = spent.ru_utime + spent.ru_stime - ended.ru_utime - ended.ru_stime
        used = [used_by(process) - then for process, then in zip(measured, before, strict=True)]
        peaks = [memory_kib(each.process.pid, "VmHWM") // KIB for each in running]
        for server in running:
            server.end()
        files = self.options.files * self.options.clients
        print(
            f"{servers} server(s), {self.options.clients} clients: {files} files in {seconds:.2f} s; "
            f"processor seconds: clients {of_clients:.2f}, servers {sum(used[:servers]):.2f}, "
            f"database {used[-2]:.2f}, bucket {used[-1]:.2f}; "
            f"memory of each server at most {', '.join(map(str, peaks))} MiB",
            flush=True,
        )
        return seconds, sum(used[:servers])

    def serve(self, url: str, options: tuple[str, ...]) -> ServerProcess:
        """One more server."""
        folder = tempfile.mkdtemp(dir=self.work)
        return ServerProcess(*options, root=url, env=self.env, program=SERVE, account=False, folder=folder)

    def push(self, number: int, home: str) -> subprocess.Popen[bytes]:
        """Begin to push the folder of a client."""
        command = [sys.executable, "-m", "homeftp", "push", "-r", "--quiet", f"{self.work}/{number}", f"nas:{number}"]
        return subprocess.Popen(command, env=environment(HOMEFTP_HOME=home))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2500, help="files of each client")
    parser.add_argument("--clients", type=int, default=4, help="clients that push at once")
    parser.add_argument("--servers", type=int, default=2, help="servers, in comparison with one")
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="homeftp-cluster-")
    try:
        for number in range(options.clients):
            lay(os.path.join(work, str(number)), options.files)
        os.chmod(work, 0o755)  # PostgreSQL is another user
        measured = Measured(work, options)
        one, of_one = measured.run(1)
        several, of_several = measured.run(options.servers)
        print(f"{options.servers} servers: {one / several:.2f} times what one does, with {os.cpu_count()} cores")
        most = options.servers * of_one / of_several
        print(f"with machines of their own: at most {most:.2f} times, by the processor time of the servers")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
