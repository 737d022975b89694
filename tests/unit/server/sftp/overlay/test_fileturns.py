"""The turns of one file."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import STREAM_PIECE
from homeftp.server.sftp.overlay.fileturns import FileTurns, PendingRead, PendingWrite

MANY = 2000
"""More than Python has calls within each other."""


class FileTurnsTests(SynchronousTestCase):
    """One file."""

    def setUp(self) -> None:
        self.turns = FileTurns(self.do)
        self.done: list[object] = []
        self.waits: list[Deferred[None]] = []
        """What the reads wait for, the first one first; those behind them do not wait."""

    async def do(self, part: PendingRead | PendingWrite) -> None:
        """Do a part, and note that."""
        if isinstance(part, PendingRead):
            if self.waits:
                await self.waits.pop(0)
            self.done.append(part.offset)
        else:
            self.done.append([bytes(each.data) for each in self.turns.continued(part)])

    def read(self, number: int) -> None:
        """Ask for a read."""
        self.turns.add(PendingRead(number, 1, lambda result: None))

    def write(self, offset: int | None, data: bytes) -> None:
        """Ask for a write."""
        self.turns.add(PendingWrite(offset, data, lambda error: None))

    def act(self, name: str, waits: Deferred[None] | None = None, error: Exception | None = None) -> Deferred[str]:
        """Ask for something else."""

        async def act() -> str:
            self.done.append(f"begin {name}")
            if waits is not None:
                await waits
            if error is not None:
                raise error
            self.done.append(f"end {name}")
            return name

        return Deferred.fromCoroutine(self.turns.run(act))

    def test_cancelled(self) -> None:
        """What is cancelled before its turn has none, and what is behind it has its own."""
        waits: Deferred[None] = Deferred()
        first, second, third = self.act("one", waits), self.act("two"), self.act("three")
        second.cancel()
        self.failureResultOf(second, CancelledError)
        waits.callback(None)
        self.assertEqual((self.successResultOf(first), self.successResultOf(third)), ("one", "three"))
        self.assertEqual(self.successResultOf(self.act("four")), "four")
        self.assertNotIn("begin two", self.done)

    def test_at_once(self) -> None:
        """What nothing comes before is done in the call that asks for it."""
        self.read(1)
        self.assertEqual(self.successResultOf(self.act("one")), "one")
        self.assertEqual(self.done, [1, "begin one", "end one"])
        self.assertFalse(self.turns.running)

    def test_in_order(self) -> None:
        """Whatever waits, what was asked for later begins when it has ended."""
        first, second = Deferred[None](), Deferred[None]()
        self.waits.append(first)
        self.read(1)
        acted = self.act("one", second)
        self.read(2)
        other = self.act("two")
        self.assertEqual((self.done, self.turns.running), ([], True))
        first.callback(None)
        self.assertEqual(self.done, [1, "begin one"])
        self.assertNoResult(acted)
        second.callback(None)
        self.assertEqual(self.done, [1, "begin one", "end one", 2, "begin two", "end two"])
        self.assertEqual((self.successResultOf(acted), self.successResultOf(other)), ("one", "two"))

    def test_failure(self) -> None:
        """One that fails does not keep the others from their turns."""
        first = Deferred[None]()
        failed, other = self.act("one", first, ValueError()), self.act("two")
        first.callback(None)
        self.failureResultOf(failed, ValueError)
        self.assertEqual(self.successResultOf(other), "two")

    def test_asked_meanwhile(self) -> None:
        """What is asked for in a turn has its own behind those that wait."""
        first = Deferred[None]()

        async def act() -> None:
            await first
            self.read(2)

        acting = Deferred.fromCoroutine(self.turns.run(act))
        self.read(1)
        first.callback(None)
        self.successResultOf(acting)
        self.assertEqual(self.done, [1, 2])

    def test_many(self) -> None:
        """However many wait, none is called within another."""
        first = Deferred[None]()
        self.waits.append(first)
        self.read(0)
        acts = [self.act(str(number)) for number in range(MANY)]
        for number in range(MANY):
            self.read(number)
        first.callback(None)
        self.assertEqual([self.successResultOf(act) for act in acts], [str(number) for number in range(MANY)])
        self.assertEqual(self.done[-MANY:], list(range(MANY)))

    def test_continued(self) -> None:
        """Writes that continue one another have one turn, as far as they fit; others have their own."""
        first = Deferred[None]()
        self.waits.append(first)
        self.read(0)
        for offset, data in ((0, b"ab"), (2, b"c"), (4, b"d"), (None, b"e"), (None, b"f")):
            self.write(offset, data)
        first.callback(None)
        self.assertEqual(self.done, [0, [b"ab", b"c"], [b"d"], [b"e", b"f"]])

    def test_continued_bound(self) -> None:
        """Writes that are too much together have a turn each."""
        first = Deferred[None]()
        self.waits.append(first)
        self.read(0)
        self.write(0, bytes(STREAM_PIECE))
        self.write(STREAM_PIECE, b"a")
        self.write(STREAM_PIECE + 1, b"b")
        first.callback(None)
        self.assertEqual(self.done, [0, [bytes(STREAM_PIECE)], [b"a", b"b"]])
