"""The audit log of a real server under load: replayed, it gives the tree; and has every answered change."""

from __future__ import annotations

import os
import random
import signal
import threading

from twisted.trial.unittest import TestCase

from homeftp.accounts.loginaudit import REFUSALS
from homeftp.hashing.filehash import hash_bytes
from tests.support import replay
from tests.support.processes import PASSWORD, ServerProcess
from tests.support.rawclient import RawClient
from tests.support.waiting import wait_until

CLIENTS = 3
NAMES = ["a", "b", "d/x", "d/y", "d/e/z", "q/x"]
FOLDERS = ["d", "d/e", "q", "new"]


class Client(threading.Thread):
    """Changes what others change too, until it has had enough or the server has gone."""

    def __init__(self, server: ServerProcess, seed: int, times: int) -> None:
        super().__init__()
        self._server = server
        self._chance = random.Random(seed)
        self._times = times
        self.told: set[str] = set()
        """The hashes of what the server said it had stored."""
        self.statuses: list[int] = []

    def run(self) -> None:
        """Ask for one thing after the other."""
        try:
            with RawClient(self._server.ports[0], self._server.ca_file) as client:
                client.start_tls().login("ann", PASSWORD)
                for _ in range(self._times):
                    self._ask(client)
        except (OSError, EOFError):
            pass  # the server was killed: what had been said counts

    def _ask(self, client: RawClient) -> None:
        pick = self._chance.choice
        kind = pick(["PUSH", "PUSH", "PUSH", "DELETE", "MOVE", "MOVE", "RESTORE"])
        names = pick([NAMES, FOLDERS])
        body, content = {"rel_endpoint": pick(names)}, b""
        if kind == "PUSH":
            body, content = {"rel_endpoint": pick(NAMES)}, self._chance.randbytes(pick([9, 9, 300_000]))
        elif kind == "MOVE":
            body["to"] = pick(names)
        answer, _ = client.ask(kind, body, content)
        self.statuses.append(answer["status"])
        if kind == "PUSH" and answer["status"] == 0:
            self.told.add(hash_bytes(content))


class ReplayTests(TestCase):
    """A server with files of its log that are soon full, and clients that get into each other's way."""

    def setUp(self) -> None:
        self.server = ServerProcess("--audit-size", "64K", "--audit-files", "1000")
        self.addCleanup(self.server.end)

    def work(self, times: int) -> list[Client]:
        clients = [Client(self.server, seed, times) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        return clients

    def test_stopped(self) -> None:
        """After a stop the log gives exactly the tree."""
        clients = self.work(REFUSALS // 2)  # with fewer refusals, then, than would be left out
        for client in clients:
            client.join(120)
        self.assertEqual([len(client.statuses) for client in clients], [REFUSALS // 2] * CLIENTS)
        self.server.end()
        lines = replay.lines(self.server.state)
        self.assertEqual(replay.replay(lines), replay.tree_of(self.server.root))
        logs = [name for name in os.listdir(self.server.state) if name.startswith("audit")]
        self.assertGreater(len(logs), 1, "the control: there are several files")
        refused = [line for line in lines if line["event"] == "refused"]
        told = [status for client in clients for status in client.statuses if status >= 20]
        self.assertEqual(sorted(line["status"] for line in refused), sorted(told))
        self.assertGreater(len(told), 20, "the control: some were refused")
        self.assertEqual({line["address"] for line in lines if line["event"] in ("change", "refused")}, {"127.0.0.1"})

    def test_killed(self) -> None:
        """After kill -9 all that the clients were told of is in the log; the tree may have what was under way, too."""
        clients = self.work(100_000)
        wait_until(
            lambda: sum(len(client.told) for client in clients) >= 150,
            lambda: f"{sum(client.is_alive() for client in clients)} clients are still at work",
        )
        self.server.end(signal.SIGKILL)
        for client in clients:
            client.join(60)
        lines = replay.lines(self.server.state)
        noted = {line["hash"] for line in lines if line["event"] == "change" and "hash" in line}
        told = set().union(*(client.told for client in clients))
        self.assertEqual(told - noted, set())
        self.assertNotEqual(told, set())
        logged, existing = replay.replay(lines), replay.tree_of(self.server.root)
        self.assertLessEqual(len(set(logged.items()) ^ set(existing.items())), 4 * CLIENTS)
        again = ServerProcess(folder=self.server.folder)
        self.addCleanup(again.end)
        again.end()
        self.assertEqual(replay.tree_of(self.server.root), existing)
