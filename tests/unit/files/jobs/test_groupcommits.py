"""What is written together is counted."""

from __future__ import annotations

from typing import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.files.jobs.groupcommits import GroupCommits
from homeftp.model import Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from tests.support.filestores import request_for


class SlowStore(MemoryStore):
    """A store that takes half a second."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        self.clock.advance(0.5)
        return super().write_many(requests)


class GroupCommitTests(SynchronousTestCase):
    """`GroupCommits`."""

    def setUp(self) -> None:
        clock = Clock()
        self.store = SlowStore(clock)
        self.commits = GroupCommits(clock.seconds)

    def test_counted(self) -> None:
        """The results are the store's; how many there were and how long that took is counted."""
        writes = [(request_for(name, b"x"), b"x") for name in ("a", "b", "c")]
        results = self.commits.write_many(self.store, writes)
        self.assertEqual([each for each in results if isinstance(each, Exception)], [])
        self.assertEqual((self.commits.sizes.total, self.commits.sizes.cumulative()[-1]), (3, 1))
        self.assertEqual((self.commits.seconds.total, self.commits.seconds.cumulative()[-1]), (0.5, 1))

    def test_nothing(self) -> None:
        """No writes are no commit."""
        self.assertEqual(list(self.commits.write_many(self.store, [])), [])
        self.assertEqual(self.commits.sizes.cumulative()[-1], 0)

    def test_failed(self) -> None:
        """A store that fails has taken its time too."""
        self.patch(MemoryStore, "write_many", lambda store, requests: 1 / 0)
        self.assertRaises(ZeroDivisionError, self.commits.write_many, self.store, [(request_for("a", b"x"), b"x")])
        self.assertEqual(self.commits.seconds.total, 0.5)
