"""A server that is killed while it puts a large folder back: the same request does the rest, and nothing is lost."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.batches import push_entry
from tests.support.needs import LONG
from tests.support.pasttrees import pass_a_tick
from tests.support.processes import PASSWORD, ServerProcess
from tests.support.rawclient import RawClient

FILES = 3000 if LONG else 900
FOLDERS = 10
KILLS = 30 if LONG else 3


class KillTests(SynchronousTestCase):
    """Kill -9 again and again, until a request gets to its end."""

    def connect(self, server: ServerProcess) -> RawClient:
        """A client that has logged in."""
        return RawClient(server.ports[0], server.ca_file).start_tls().login("ann", PASSWORD)

    def files_in(self, folder: str) -> dict[str, bytes]:
        """The files beneath a folder."""
        return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}

    def push(self, client: RawClient, names: list[str], word: str) -> None:
        """Store files in one batch."""
        entries = [push_entry(name, f"{name} {word}".encode()) for name in names]
        answer, _ = client.ask("PUSH", {"rel_endpoint": "base", "kind": "batch"}, b"".join(entries))
        self.assertEqual(answer["body"], {"stored": len(names), "refused": 0})

    def test_killed(self) -> None:
        """After each kill every file is whole, old or new, and kept; in the end the folder is what it was."""
        folder = os.path.abspath(self.mktemp())
        os.makedirs(folder)
        server = ServerProcess(folder=folder)
        names = [f"d{number % FOLDERS}/f{number:05}" for number in range(FILES)]
        with self.connect(server) as client:
            self.push(client, names, "then")
            then = self.files_in(f"{server.root}/base")
            as_of = pass_a_tick()
            self.push(client, names[::2], "now")
            self.push(client, [f"new/{number}" for number in range(FILES // 10)], "new")
            client.ask("DELETE", {"rel_endpoint": "base/d3", "recursive": True})
        now = self.files_in(f"{server.root}/base")
        body = {"rel_endpoint": "base", "recursive": True, "as_of": as_of}
        interrupted = 0
        for number in range(KILLS):
            killer = threading.Timer(0.05 + 0.07 * number % 0.4, server.end, (signal.SIGKILL,))
            try:
                with self.connect(server) as client:
                    killer.start()
                    client.ask("RESTORE", body)
            except (EOFError, OSError):
                interrupted += 1
            killer.join()
            for name, content in self.files_in(f"{server.root}/base").items():
                self.assertIn(content, (then.get(name), now.get(name)), name)
            server = ServerProcess(folder=folder)
            self.addCleanup(server.end, signal.SIGKILL)
        self.assertGreater(interrupted, 0, "the control: it was killed in the middle")
        with self.connect(server) as client:
            answer, _ = client.ask("RESTORE", body)
            self.assertEqual((answer["status"], answer["body"]["refused_total"]), (0, 0))
            again, _ = client.ask("RESTORE", body)
            self.assertEqual(again["body"]["unchanged_total"], FILES)
        self.assertEqual(self.files_in(f"{server.root}/base"), then)
        kept = set(self.files_in(f"{server.root}/.homeftp/versions").values())
        self.assertLessEqual(set(now.values()) - set(then.values()), kept, "what was replaced or removed is a version")
        self.assertEqual(os.listdir(f"{server.root}/.homeftp/incoming"), [])
