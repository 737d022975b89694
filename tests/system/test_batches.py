"""Batches from a client of nothing but ssl and socket: a server killed in one, one cut off, and one without an end."""

from __future__ import annotations

import functools
import os
import signal
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import BATCH_ENTRIES, MIB
from tests.support.batches import push_entry
from tests.support.needs import LONG
from tests.support.processes import PASSWORD, ServerProcess
from tests.support.rawclient import RawClient
from tests.support.waiting import pause, wait_until

KILLS = 40 if LONG else 5

FILES = 300
"""In each batch."""

NAMES = 1000
"""Different names: each is replaced again and again."""

GROWTH = 96 * MIB
"""By so much the server's memory may grow; an endless batch has more."""


def connect(server: ServerProcess) -> RawClient:
    """A client that has logged in."""
    return RawClient(server.ports[0], server.ca_file).start_tls().login("ann", PASSWORD)


def content_of(name: str, round: int) -> bytes:
    """What a file has after a round: it says so itself."""
    return f"{name} {round}\n".encode() * (1 + int(name[1:]) % 200)


def files_in(root: str) -> dict[str, bytes]:
    """All files in the share."""
    return {path.name: path.read_bytes() for path in Path(root, "base").glob("**/*") if path.is_file()}


class KillTests(SynchronousTestCase):
    """A server that is killed while batches arrive."""

    def test_killed(self) -> None:
        """What was answered is there, every other file is whole, old or new; and nothing is left over."""
        folder = os.path.abspath(self.mktemp())
        os.makedirs(folder)
        latest: dict[str, int] = {}
        interrupted = rounds = 0
        for number in range(KILLS):
            server = ServerProcess(folder=folder)
            self.addCleanup(server.end, signal.SIGKILL)
            sent = dict(latest)
            killer = threading.Timer(0.11 * number % 0.5, server.end, (signal.SIGKILL,))
            try:
                with connect(server) as client:
                    while True:
                        rounds += 1
                        names = [f"f{(rounds * FILES + each) % NAMES}" for each in range(FILES)]
                        sent.update(dict.fromkeys(names, rounds))
                        entries = [push_entry(f"d{name[-1]}/{name}", content_of(name, rounds)) for name in names]
                        answer, _ = client.ask("PUSH", {"rel_endpoint": "base", "kind": "batch"}, b"".join(entries))
                        self.assertEqual(answer["body"], {"stored": FILES, "refused": 0})
                        latest.update(dict.fromkeys(names, rounds))
                        if killer.ident is None:  # a busy machine answers the first one late
                            killer.start()
            except (EOFError, OSError):
                interrupted += 1
            killer.join()
            for name, content in files_in(server.root).items():
                found = int(content.split()[1])
                self.assertEqual(content, content_of(name, found))
                self.assertIn(found, range(latest.get(name, 0), sent[name] + 1), name)
                latest[name] = found
            self.assertLessEqual(set(latest), set(files_in(server.root)))
        self.assertEqual(interrupted, KILLS)
        self.assertGreater(rounds, KILLS, "the control: batches were answered, too")
        server = ServerProcess(folder=folder)
        self.addCleanup(server.end, signal.SIGKILL)
        left = [*Path(server.root, "base").glob("**/.homeftp-*"), *Path(server.root, ".homeftp", "incoming").iterdir()]
        self.assertEqual(left, [])


class MalformedTests(SynchronousTestCase):
    """Batches that no client of ours sends."""

    def setUp(self) -> None:
        self.server = ServerProcess()
        self.addCleanup(self.server.end)

    def memory(self) -> int:
        """The most memory that the server has had, in bytes."""
        status = Path(f"/proc/{self.server.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def has(self, folder: Path, count: int) -> bool:
        """Whether so many files are in a folder."""
        return sum(1 for _ in folder.glob("*")) == count

    def test_a_million_entries(self) -> None:
        """A batch of far too many entries ends at the limit, takes no memory, and the connection goes on."""
        before = self.memory()
        entry = push_entry("d", None)
        payload = entry * (1_000_000 if LONG else 200_000)
        with connect(self.server) as client:
            answer, _ = client.ask("PUSH", {"rel_endpoint": "base", "kind": "batch"}, payload)
            self.assertEqual(answer["status"], 22, answer)
            answer, _ = client.ask("PUSH", {"rel_endpoint": "base", "kind": "batch"}, entry * BATCH_ENTRIES)
            self.assertEqual(answer["body"], {"stored": BATCH_ENTRIES, "refused": 0}, "the control")
        self.assertLess(self.memory() - before, GROWTH)

    def test_cut(self) -> None:
        """A connection that ends within an entry of a large batch leaves those before it, and nothing of that one."""
        whole = [push_entry(f"f{number}", bytes(20_000)) for number in range(5)]
        rest = push_entry("cut", bytes(5000))
        for number, missing in enumerate((1, 4999, 5001, len(rest) - 1)):
            base = f"base{number}"
            client = connect(self.server)
            payload = b"".join(whole) + rest
            line = b'{"request_type": "PUSH", "content_length": %d, "body": {"rel_endpoint": "%s", "kind": "batch"}}\n'
            client.socket.sendall(line % (len(payload), base.encode()) + payload[: len(payload) - missing])
            client.cut()
            here = Path(self.server.path(base))
            wait_until(functools.partial(self.has, here, len(whole)))
            pause(0.1)
            self.assertEqual({path.name for path in here.iterdir()}, {f"f{number}" for number in range(len(whole))})
        incoming = self.server.path(".homeftp/incoming")
        wait_until(lambda: not os.listdir(incoming), lambda: os.listdir(incoming))
        self.assertNotIn("Traceback", self.server.output())
