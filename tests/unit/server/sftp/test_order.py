"""The order of operations: those on the same names one after another, all others at once."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint
from homeftp.server.sftp.order import Extent, Order


def extent(path: str, *, changes: bool = True, deep: bool = False) -> Extent:
    """That of a path."""
    return Extent(Endpoint(tuple(path.split("/"))), changes, deep)


class OrderTests(SynchronousTestCase):
    """Operations that a test ends."""

    def setUp(self) -> None:
        self.order = Order()
        self.running: dict[str, Deferred[str]] = {}

    def begin(self, name: str, *extents: Extent) -> Deferred[str]:
        """Ask for an operation."""

        async def operation() -> str:
            self.running[name] = waiting = Deferred[str]()
            return await waiting

        return Deferred.fromCoroutine(self.order.run(extents, operation))

    def test_conflicts(self) -> None:
        """Two conflict where one changes something that the other concerns."""
        for one, other, conflict in (
            (extent("a"), extent("a"), True),
            (extent("a", changes=False), extent("a", changes=False), False),
            (extent("a", changes=False), extent("a"), True),
            (extent("a"), extent("b"), False),
            (extent("d"), extent("d/a"), False),
            (extent("d", deep=True), extent("d/a", changes=False), True),
            (extent("d", changes=False, deep=True), extent("d/e/a"), True),
            (extent("d/e", deep=True), extent("d"), False),
        ):
            self.assertEqual((one.conflicts(other), other.conflicts(one)), (conflict, conflict), (one, other))

    def test_order(self) -> None:
        """One that conflicts waits for all earlier ones that it conflicts with, and then has its result."""
        first, second = self.begin("1", extent("a")), self.begin("2", extent("b"))
        both = self.begin("both", extent("a"), extent("b"))
        later = self.begin("later", extent("b"))
        self.begin("other", extent("c"))
        self.assertEqual(sorted(self.running), ["1", "2", "other"])
        self.running["1"].callback("one")
        self.assertNotIn("both", self.running)
        self.running["2"].errback(ValueError())
        self.assertEqual((self.successResultOf(first), self.failureResultOf(second).type), ("one", ValueError))
        self.assertIn("both", self.running)
        self.assertNotIn("later", self.running)
        self.running["both"].callback("two")
        self.running["later"].callback("three")
        self.assertEqual((self.successResultOf(both), self.successResultOf(later)), ("two", "three"))

    def test_closed(self) -> None:
        """After the end nothing that waits begins."""
        first, second = self.begin("1", extent("a")), self.begin("2", extent("a"))
        self.order.close()
        self.running["1"].callback("one")
        self.assertEqual(self.successResultOf(first), "one")
        self.failureResultOf(second, ConnectionLost)
        self.failureResultOf(self.begin("3", extent("c")), ConnectionLost)
