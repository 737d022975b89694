"""Changes by other programs on their way to the hub: when they are looked for, and what happens where some are lost."""

from __future__ import annotations

from typing import Sequence

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.errors import Busy, OperatorError
from homeftp.interfaces.observing import IObservableStore, IStoreObserver, StoreChange
from homeftp.server.store.otherprograms import CHECK_SECONDS, PACE_SECONDS, OtherPrograms
from homeftp.store.memory import MemoryStore
from homeftp.workers import InlineWorkers
from tests.support.hubs import RecordingHub

CHANGE = StoreChange(parse("a"), directory=False)


@implementer(IStoreObserver)
class Observer:
    """Tells what a test says."""

    def __init__(self) -> None:
        self.found: Sequence[StoreChange] | None = ()
        self.current = True
        self.closed = False

    def fileno(self) -> int:
        return 0

    def changes(self) -> Sequence[StoreChange] | None:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def problem(self) -> str | None:
        return None

    def is_current(self) -> bool:
        return self.current

    def close(self) -> None:
        self.closed = True


@implementer(IObservableStore)
class Store(MemoryStore):
    """A store that is observed."""

    def __init__(self) -> None:
        super().__init__()
        self.observers: list[Observer] = []
        self.is_there = True

    def observe(self) -> Observer:
        if not self.is_there:
            raise Busy("it is not there")
        self.observers.append(Observer())
        return self.observers[-1]


class OtherProgramsTests(SynchronousTestCase):
    """A store, and a reactor whose descriptors a test makes readable."""

    def setUp(self) -> None:
        self.store, self.hub, self.reactor = Store(), RecordingHub(), MemoryReactorClock()
        self.watching = OtherPrograms(self.reactor, self.reactor, InlineWorkers(), lambda: self.store, self.hub)

    def start(self) -> Observer:
        self.watching.start()
        self.assertEqual(self.hub.heard, [None], "what has changed before is not known")
        self.hub.heard.clear()
        return self.store.observers[-1]

    def readable(self, found: Sequence[StoreChange] | None) -> None:
        """There is something to be read, and this is it."""
        self.store.observers[-1].found = found
        [reader] = self.reactor.getReaders()
        reader.doRead()

    def test_changes(self) -> None:
        """They are told at once; then nothing is looked at for a moment, however much there is."""
        self.start()
        self.readable([CHANGE])
        self.assertEqual(self.hub.heard, [[CHANGE]])
        self.assertEqual(self.reactor.getReaders(), [])
        self.reactor.advance(PACE_SECONDS)
        self.readable([CHANGE])
        self.assertEqual(len(self.hub.heard), 2)

    def test_lost(self) -> None:
        """Where changes were lost, or the observer fails, the store is observed anew, and anything may have changed."""
        for lost in (None, OSError("broken")):
            self.setUp()
            first = self.start()
            self.readable(lost)  # type: ignore[arg-type]
            self.assertTrue(first.closed)
            self.assertEqual(self.hub.heard, [])
            self.reactor.advance(CHECK_SECONDS)
            self.assertEqual((self.hub.heard, len(self.store.observers)), ([None], 2))
            self.assertEqual(len(self.flushLoggedErrors(OSError)), 0 if lost is None else 1)

    def test_replaced(self) -> None:
        """Where the store shows another folder, that is observed; where it is not there, as soon as it is."""
        first = self.start()
        self.reactor.advance(CHECK_SECONDS)
        self.assertFalse(first.closed, "the control")
        first.current = self.store.is_there = False
        self.reactor.pump([CHECK_SECONDS] * 4)
        self.assertEqual((first.closed, len(self.store.observers), self.hub.heard), (True, 1, []))
        self.store.is_there = True
        self.reactor.advance(CHECK_SECONDS)
        self.assertEqual((len(self.store.observers), self.hub.heard), (2, [None]))

    def test_stop(self) -> None:
        """It stops at once in whatever state, and leaves no timer and no descriptor."""
        for changes in (0, 1):
            self.setUp()
            observer = self.start()
            for _ in range(changes):
                self.readable([CHANGE])
            self.successResultOf(self.watching.stop())
            self.assertTrue(observer.closed)
            self.assertEqual((self.reactor.getReaders(), self.reactor.getDelayedCalls()), ([], []))
        self.successResultOf(OtherPrograms(self.reactor, self.reactor, InlineWorkers(), Store, self.hub).stop())

    def test_other_store(self) -> None:
        """A store that notices nothing is refused when the server starts."""
        watching = OtherPrograms(self.reactor, self.reactor, InlineWorkers(), MemoryStore, self.hub)
        self.assertIn("--watch-root", str(self.assertRaises(OperatorError, watching.start)))
