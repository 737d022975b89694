"""What one transfer looks up and records: in few jobs, and nothing is lost when it ends."""

from __future__ import annotations

from typing import Any, Iterable, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import Client
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.connection.replies import Hello
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.seen.store import SeenScope, SeenStore
from homeftp.hashing.filehash import hash_bytes
from homeftp.workers import InlineWorkers
from tests.support.queuedworkers import QueuedWorkers

NAS = SeenScope("SHA256:1", "ann")
ONE = hash_bytes(b"one")


class Recording(SeenStore):
    """A store in memory that remembers how many rows each transaction had."""

    def __init__(self) -> None:
        super().__init__(None)
        self.written: list[int] = []

    def record(self, scope: SeenScope, rows: Iterable[tuple[str, str]]) -> None:
        listed = list(rows)
        self.written.append(len(listed))
        super().record(scope, listed)


def client(fingerprint: str = NAS.server) -> Client:
    """A client that is logged in as ann."""
    made = Client(cast(ClientProtocol, None), fingerprint=fingerprint)
    made.server_info = Hello(protocol=1, account=NAS.account)
    return made


class LastSeenTests(SynchronousTestCase):
    """LastSeen."""

    def setUp(self) -> None:
        self.store = Recording()
        self.seconds = 100.0
        self.seen = self.begin(InlineWorkers())

    def begin(self, workers: Any, fingerprint: str = NAS.server) -> LastSeen:
        return LastSeen(self.store, workers, client(fingerprint), lambda: self.seconds)

    def close(self) -> list[str]:
        """End it; the notices."""
        notices: list[str] = []
        self.successResultOf(Deferred.fromCoroutine(self.seen.close(notices.append)))
        return notices

    def test_seen(self) -> None:
        """What was recorded was seen, by this server's and account's later transfers too; nothing else was."""
        self.seen.record("a", ONE)
        self.seen.record("unknown", None)
        self.close()
        later = self.begin(InlineWorkers())
        self.assertEqual(later.look_up(["a", "b", "unknown"]), {"a": ONE})

    def test_no_server(self) -> None:
        """A client that does not know its server has seen nothing. The control: one that does."""
        for fingerprint, expected in (("", {}), (NAS.server, {"a": ONE, "c": ONE})):
            self.seen = self.begin(InlineWorkers(), fingerprint)
            self.seen.record("a", ONE)
            self.successResultOf(self.seen.record_folders({"": ONE}, [("b", ONE)]))
            self.close()
            self.successResultOf(self.seen.moved("b", "c"))
            self.assertEqual(self.seen.look_up(["a", "b", "c"]), expected)

    def test_few_transactions(self) -> None:
        """The first row is written at once, the next ones together: when a moment has passed, or at the end."""
        for number in range(1000):
            self.seen.record(str(number), ONE)
        self.assertEqual(self.store.written, [1])
        self.seconds += 1
        self.seen.record("late", ONE)
        self.assertEqual(self.store.written, [1, 1000])
        self.seen.record("last", ONE)
        self.assertEqual(self.close(), [])
        self.assertEqual(self.store.written, [1, 1000, 1])

    def test_many(self) -> None:
        """However fast they come, no more than some thousand are held."""
        for number in range(10_000):
            self.seen.record(str(number), ONE)
        self.assertEqual(self.store.written, [1, 4096, 4096])

    def test_while_writing(self) -> None:
        """One transaction runs at a time, and the end waits for it and for the rest."""
        workers = QueuedWorkers()
        self.seen = self.begin(workers)
        for number in range(10):
            self.seconds += 1
            self.seen.record(str(number), ONE)
        notices: list[str] = []
        closing = Deferred.fromCoroutine(self.seen.close(notices.append))
        self.assertNoResult(closing)
        workers.work_all()
        self.successResultOf(closing)
        self.assertEqual(self.store.written, [1, 9])

    def test_notices(self) -> None:
        """What people should know is told at the end."""
        self.store = cast(Any, SeenStore("/proc/none/seen.sqlite"))
        self.seen = self.begin(InlineWorkers())
        self.seen.record("a", ONE)
        self.assertEqual(len(self.close()), 1)
