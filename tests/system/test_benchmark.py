"""The benchmarks run to their end: how long anything takes is printed, and never asserted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.dispatchers.builtin import BUILT_IN
from tests.support import needs
from tests.support.imports import PACKAGE
from tests.support.processes import WITHIN, environment

BENCHMARKS = PACKAGE.parent / "benchmarks"


class DelayTests(SynchronousTestCase):
    """The proxy that stands for a long way."""

    def test_delay(self) -> None:
        """Bytes arrive in their order and not before their time, in both directions, and so does the end."""
        milliseconds = 100
        with socket.create_server(("127.0.0.1", 0)) as server:
            options = (f"--port={server.getsockname()[1]}", f"--milliseconds={milliseconds}")
            command = [sys.executable, str(BENCHMARKS / "delay.py"), *options]
            with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as proxy:
                self.addCleanup(proxy.kill)
                assert proxy.stdout
                near = socket.create_connection(("127.0.0.1", int(proxy.stdout.readline())), WITHIN)
                far, _ = server.accept()
                with near, far:
                    far.settimeout(WITHIN)
                    sent = b"".join(b"%06d" % number for number in range(50_000))
                    for one, other in ((near, far), (far, near)):
                        began = time.monotonic()
                        one.sendall(sent)
                        received = other.recv(len(sent))
                        self.assertGreater((time.monotonic() - began) * 1000, milliseconds)
                        while len(received) < len(sent):
                            received += other.recv(len(sent))
                        self.assertEqual(received, sent)
                    near.close()
                    self.assertEqual(far.recv(1), b"")
                proxy.kill()


CLIENT = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w')); time.sleep(60)"
MEASURE = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from measuring import run
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
run([sys.executable, "-c", *sys.argv[2:]], os.getpid())
"""


class StopTests(SynchronousTestCase):
    """A benchmark that is stopped while a client works."""

    def test_stopped(self) -> None:
        """The client has ended then: it would keep the disk from being unmounted."""
        fifo = self.mktemp()
        os.mkfifo(fifo)
        command = [sys.executable, "-c", MEASURE, str(BENCHMARKS), CLIENT, fifo]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment()) as process:
            client = int(Path(fifo).read_text())
            process.terminate()
            process.wait(WITHIN)
        self.assertRaises(ProcessLookupError, os.kill, client, signal.SIGKILL)


class BenchmarkTests(SynchronousTestCase):
    """Each, with next to nothing to transfer. It leaves nothing behind."""

    def ended(self, script: str, *options: str) -> subprocess.CompletedProcess[str]:
        """A benchmark that has ended; it has left nothing in its folder."""
        folder = Path(tempfile.mkdtemp(dir="/tmp"))  # a server that gives up root's rights cannot open the checkout
        folder.chmod(0o711)
        self.addCleanup(shutil.rmtree, folder)
        done = subprocess.run(
            [sys.executable, str(BENCHMARKS / script), *options, f"--folder={folder}"],
            capture_output=True,
            text=True,
            env=environment(),
        )
        self.assertEqual(list(folder.iterdir()), [])
        return done

    def check(self, script: str, *options: str, prints: Sequence[str]) -> None:
        """It measures this much."""
        done = self.ended(script, *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in prints:
            self.assertIn(line, done.stdout)

    def table(self, *options: str, prints: Sequence[str]) -> Any:
        """What transfer.py writes of this much: it has taken every load, but fewer and smaller files."""
        written = Path(self.mktemp()).absolute()
        sizes = ("--runs=1", "--files=3", "--file-size=100", "--entries=150", "--connections=20", f"--json={written}")
        self.check("transfer.py", *sizes, *options, prints=prints)
        return json.loads(written.read_text())

    def test_transfer(self) -> None:
        """It measures every step of a load for each program that can do it, and where the programs are."""
        for name in ("rsync", "sftp", "sshd"):
            needs.program(name)
        found = self.table("--load=small", "--load=large", "--no-ext4", prints=("3 files of 100 bytes", "homeftp is"))
        both = {"homeftp", "rsync", "sftp"}
        self.assertEqual(
            {step: set(costs) - {"rclone"} for step, costs in found["loads"]["small"]["seconds"].items()},
            {
                "up": {*both, "rsync --fsync"},
                "first compare": {"homeftp", "rsync -c"},
                "compare": {"homeftp", "rsync"},
                "compare, again": {"homeftp", "rsync"},
                "down": both,
                "up, the same": {"homeftp", "rsync", "rsync --fsync"},
                "up, again": {"homeftp", "rsync", "rsync --fsync"},
                "up, 1 changed": {"homeftp", "rsync", "rsync --fsync"},
            },
        )
        self.assertEqual(list(found["loads"]["large"]["seconds"]), ["up", "down"])
        self.assertNotIn("image", found["disk"])

    def test_memory(self) -> None:
        """It measures the memory of both ends for everything that is done with a folder, and of idle connections."""
        found = self.table("--load=memory", "--no-ext4", prints=("150 files", "for each of 20 idle connections"))
        steps = ["push", "push, the same", "list", "list as JSON", "usage", "compare", "compare, all differ", "get"]
        steps += ["first sync", "sync, the same", "first sync, fetching", "first sync, both same", "sync, all deleted"]
        steps += ["remove"]
        self.assertEqual(list(found["memory"]["peaks"]), steps)
        for client, server, _ in found["memory"]["peaks"].values():
            self.assertGreater(min(client, server), 1024, "a Python process has more than a MiB")

    def test_new_file_system(self) -> None:
        """As root it works on a new ext4 file system, of which nothing is left; on a long way as well."""
        needs.root()
        needs.program("mkfs.ext4")
        needs.device("/dev/loop-control")
        found = self.table("--load=far", prints=("3 files of 100 bytes, a round trip takes 20 ms",))
        self.assertIn("a new ext4 file system in an image on", found["disk"])
        self.assertEqual(list(found["loads"]["far"]["seconds"]), ["up", "down", "up, the same"])

    def test_space(self) -> None:
        """It does not begin what would fill half of the disk."""
        done = self.ended("transfer.py", "--load=small", "--files=1000000000", "--no-ext4")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("Name another --folder", done.stderr)

    def test_flushing(self) -> None:
        """It measures homeftp and rsync --fsync, on a disk of its own."""
        needs.root()
        needs.device("/dev/fuse")
        for name in ("rsync", "sshd", "mkfs.ext4", "fusermount3"):
            needs.program(name)
        lines = ("1.0 ms  homeftp ", "1.0 ms  rsync --fsync ", "of the time of rsync --fsync")
        self.check("flushing.py", "--files=3", "--file-size=100", "--milliseconds=1", prints=lines)

    def test_front_ends(self) -> None:
        """It measures HTTPS beside nginx."""
        for name in ("curl", "nginx", "openssl"):
            needs.program(name)
        lines = ("GET, s/GiB ", "PUT, s/GiB ", "4 KiB GETs, 1/s ", "nginx ", "homeftp ", "ratio ")
        self.check("frontends.py", "--only=https", "--size=1", "--rounds=1", "--requests=20", prints=lines)

    def test_sftp_front_end(self) -> None:
        """It measures SFTP beside OpenSSH's server, by two clients."""
        for name in ("sftp", "sshd", "rclone"):
            needs.program(name)
        lines = ("put, s/GiB ", "get, s/GiB ", "small put, ms ", "small get, ms ", "rclone copy, ms ", "openssh ")
        self.check("frontends.py", "--only=sftp", "--size=1", "--rounds=1", "--files=20", prints=lines)

    def test_syncing(self) -> None:
        """It measures syncs of two laptops."""
        lines = ("150 files", "first, other laptop", "unchanged", "1 changed", "server", "unchanged, homeftp")
        self.check("syncing.py", "--files=150", "--no-watch", "--runs=1", prints=lines)

    def test_micro(self) -> None:
        """It measures codec, batch, digest and index, each in a process of its own."""
        written = Path(self.mktemp()).absolute()
        least = ("--processes=1", "--values=1", "--loops=1", "--warmups=0", "--quiet", f"--output={written}")
        done = subprocess.run(
            [sys.executable, str(BENCHMARKS / "micro.py"), *least], capture_output=True, text=True, env=environment()
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        names = [each["metadata"]["name"] for each in json.loads(written.read_text())["benchmarks"]]
        self.assertEqual({name.partition(":")[0] for name in names}, {"codec", "batch", "digest", "index"})

    def test_small_files(self) -> None:
        """It measures what the disk's side of both ends takes for a file."""
        lines = ("600 files of 100 bytes", "client: read and hash", "server: write", "server: read", "client: write")
        self.check("smallfiles.py", "--files=600", "--file-size=100", "--no-ext4", prints=lines)

    def test_telling_apart(self) -> None:
        """It asks by every request type that ends, for what is there and what is not, and would notice a difference."""
        others = ("WATCH", "LINKS", "UNLINK")  # the first has no end, and these have no endpoint
        kinds = [f"{request_type} " for request_type in BUILT_IN if request_type not in others]
        sizes = ("--samples=2", "--paged=20", "--hidden=20")
        self.check("telling_apart.py", *sizes, prints=[*kinds, "a forbidden folder", "its own (control)"])

    def test_attacks(self) -> None:
        """It measures an honest client beside attacks by accounts and by strangers, on a file system of its own, and
        first beside programs that only compute: what the machine does to the client without any attack.
        """
        needs.root()
        needs.program("mkfs.ext4")
        needs.device("/dev/loop-control")
        written = Path(self.mktemp()).absolute()
        attacks = ("CMP of small files", "HELLO without a pause")
        control = "no attack: 2 programs that compute"
        lines = ("all alone: median ", "p99 against all alone: above 2 times beside ", " of 2, ", "refused: 0\n")
        compared = ("control: median ", "p99 against the control: above 2 times beside ")
        options = [f"--only={each}" for each in attacks]
        sizes = ("--names=500", "--seconds=0.4", "--alone=0.3", "--disk=ext4", "--attackers=apart")
        self.check("attacks.py", *sizes, *options, f"--json={written}", prints=[control, *attacks, *lines, *compared])
        rows = json.loads(written.read_text())
        self.assertEqual([each["attack"] for each in rows], [control, *attacks])
        for found in rows:
            self.assertEqual(found["refused"], [])
            self.assertGreater(found["peak_mib"], 1)
            self.assertEqual(found["rate"] > 0, found["attack"] != control)
            self.assertLessEqual(found["beside"]["median"], found["beside"]["worst"])
