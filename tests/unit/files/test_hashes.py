"""One hashing for all who wait for it."""

from __future__ import annotations

from typing import Iterator

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.errors import Changed
from homeftp.files.hashes import LAST_KEPT, SharedHashes, Waiter
from homeftp.interfaces import IOpenFile
from homeftp.model import Entry
from tests.support.queuedworkers import QueuedWorkers

SLICES = 3


@implementer(IOpenFile)
@attrs.define(eq=False)
class SlicedFile:
    """A file that is hashed in three slices; a test counts them."""

    tag: str = "tag"
    changes: bool = False
    hashed: int = 0
    closed: int = 0
    content: bytes | None = None

    @property
    def entry(self) -> Entry:
        return Entry("", "file", 10, tag=self.tag)

    def read(self, offset: int, length: int) -> bytes:
        return b""

    def hash_steps(self) -> Iterator[str | None]:
        for _ in range(SLICES):
            self.hashed += 1
            yield None
        if self.changes:
            raise Changed("changed")
        yield f"hash of {self.tag}"

    def is_stale(self) -> bool:
        return False

    def close_verified(self, hash: str | None) -> Entry:
        return self.entry

    def close(self) -> None:
        self.closed += 1


class SharedHashesTests(SynchronousTestCase):
    """Requests of two accounts."""

    def setUp(self) -> None:
        self.hashes = SharedHashes()
        self.ann, self.bob = QueuedWorkers(), QueuedWorkers()
        self.gone: set[str] = set()

    def waiter(self, name: str, workers: QueuedWorkers | None = None) -> Waiter:
        """A request of an account; it is cancelled when the test says that it is gone."""
        if workers is None:
            workers = self.ann if name.startswith("ann") else self.bob
        return Waiter(name[:3], workers, lambda: name in self.gone)

    def join(self, tag: str, name: str) -> Deferred[Entry]:
        """Join a hashing that is under way."""
        joined = self.hashes.join(tag, self.waiter(name), self.hashes.ended)
        assert joined is not None
        return joined

    def work(self) -> None:
        """Let both accounts' jobs run to the end."""
        while self.ann.work() + self.bob.work():
            pass

    def test_one_for_all(self) -> None:
        """All who wait for a content get the one hash that is made of it; the file is closed once."""
        file = SlicedFile()
        answers = [self.hashes.begin(file, self.waiter("ann"))]
        answers += [self.join("tag", name) for name in ("ann2", "bob", "bob2")]
        self.ann.work()
        answers.append(self.join("tag", "bob3"))
        self.work()
        for answer in answers:
            entry = self.successResultOf(answer)
            self.assertEqual((entry.hash, entry.tag), ("hash of tag", "tag"))
        self.assertEqual((file.hashed, file.closed), (SLICES, 1))

    def test_nothing_to_join(self) -> None:
        """Another content has a hashing of its own, and so has one without a tag; none is kept after its end."""
        files = [SlicedFile("a"), SlicedFile("b"), SlicedFile(""), SlicedFile("")]
        answers = [self.hashes.begin(file, self.waiter("ann")) for file in files]
        self.assertIsNone(self.hashes.join("", self.waiter("ann"), 0))
        self.assertIsNone(self.hashes.join("c", self.waiter("ann"), 0))
        self.work()
        self.assertEqual(
            [self.successResultOf(each).hash for each in answers], ["hash of a", "hash of b", "hash of ", "hash of "]
        )
        self.assertEqual([file.hashed for file in files], [SLICES] * 4)
        self.assertIsNone(self.hashes.join("a", self.waiter("ann"), self.hashes.ended))

    def test_ended_meanwhile(self) -> None:
        """A request that opened its file before a hashing of it ended gets that hash; a later one does not."""
        for number in range(LAST_KEPT + 2):
            self.hashes.begin(SlicedFile(f"tag{number}"), self.waiter("ann"))
        self.hashes.begin(SlicedFile(""), self.waiter("ann"))
        self.work()
        ended = self.hashes.ended
        self.assertEqual(ended, LAST_KEPT + 3)
        last = f"tag{LAST_KEPT + 1}"
        for opened in (0, ended - 2):
            joined = self.hashes.join(last, self.waiter("bob"), opened)
            assert joined is not None
            self.assertEqual(self.successResultOf(joined).hash, f"hash of {last}")
        for tag, opened in ((last, ended - 1), (last, ended), ("tag1", 0), ("", 0)):
            self.assertIsNone(self.hashes.join(tag, self.waiter("bob"), opened))

    def test_goes_on_for_others(self) -> None:
        """It continues while anyone waits; a lost connection gets ConnectionLost, the others get the hash."""
        file = SlicedFile()
        first = self.hashes.begin(file, self.waiter("ann"))
        second = self.join("tag", "bob")
        self.gone.add("ann")
        self.work()
        self.failureResultOf(first, ConnectionLost)
        self.assertEqual(self.successResultOf(second).hash, "hash of tag")
        self.assertEqual((file.hashed, file.closed), (SLICES, 1))

    def test_ends_when_nobody_waits(self) -> None:
        """It ends after the slice that is under way, and closes the file, when nobody waits any more."""
        file = SlicedFile()
        answers = [self.hashes.begin(file, self.waiter("ann")), self.join("tag", "bob")]
        self.ann.work()
        self.gone |= {"ann", "bob"}
        self.work()
        for answer in answers:
            self.failureResultOf(answer, ConnectionLost)
        self.assertLess(file.hashed, SLICES)
        self.assertEqual(file.closed, 1)
        self.assertIsNone(self.hashes.join("tag", self.waiter("ann"), 0))

    def test_never_begun(self) -> None:
        """A file whose only request is gone already is closed without being read."""
        file = SlicedFile()
        self.gone.add("ann")
        answer = self.hashes.begin(file, self.waiter("ann"))
        self.work()
        self.failureResultOf(answer, ConnectionLost)
        self.assertEqual((file.hashed, file.closed), (0, 1))

    def test_failure(self) -> None:
        """What ends it early is everybody's answer."""
        file = SlicedFile(changes=True)
        answers = [self.hashes.begin(file, self.waiter("ann")), self.join("tag", "bob")]
        self.work()
        for answer in answers:
            self.failureResultOf(answer, Changed)
        self.assertEqual(file.closed, 1)

    def test_least_busy_account(self) -> None:
        """Slices run in the queue of the account that waits for the fewest hashes: its turn comes soonest."""
        for number in range(5):
            self.hashes.begin(SlicedFile(f"other{number}"), self.waiter("ann", QueuedWorkers()))
        file = SlicedFile()
        self.hashes.begin(file, self.waiter("ann"))
        self.join("tag", "bob")
        self.ann.work()
        self.assertEqual((len(self.ann.jobs), len(self.bob.jobs)), (0, 1))
        self.bob.work()
        self.assertEqual((len(self.ann.jobs), len(self.bob.jobs)), (0, 1))
