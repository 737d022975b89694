"""Noticing changes on both sides, and syncing then."""

from __future__ import annotations

import threading
from typing import AsyncIterator, Callable, Iterator, Sequence, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.client import Client, ConnectionFailed
from homeftp.client.sync.scope import WHOLE, Scope
from homeftp.client.sync.watching import (
    COMPARE_SECONDS,
    MOST_SECONDS,
    POLL_SECONDS,
    QUIET_SECONDS,
    REST_AGAIN_SECONDS,
    REST_SECONDS,
    ChangeSignal,
    LocalWatch,
    follow_server,
    keep_in_step,
)
from homeftp.errors import InUse, LoginFailed, OperatorError, UnknownRequestType
from homeftp.interfaces import ChangedNames


class SignalTests(SynchronousTestCase):
    """Events, and one who waits for them."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.signal = ChangeSignal(self.clock)

    def test_quiet(self) -> None:
        """Who waits goes on when nothing has changed for a while; many events are one."""
        waiting = self.signal.wait()
        for _ in range(5):
            self.signal.changed()
            self.clock.advance(QUIET_SECONDS / 2)
            self.assertNoResult(waiting)
        self.clock.advance(QUIET_SECONDS)
        self.successResultOf(waiting)
        self.assertNoResult(self.signal.wait())

    def test_never_quiet(self) -> None:
        """Where something changes all the time, it goes on after some seconds."""
        waiting = self.signal.wait()
        for _ in range(int(MOST_SECONDS / QUIET_SECONDS * 2) + 1):
            self.signal.changed()
            self.clock.advance(QUIET_SECONDS / 2)
        self.successResultOf(waiting)

    def test_meanwhile(self) -> None:
        """What changes while nothing waits is not lost."""
        self.signal.changed()
        self.clock.advance(QUIET_SECONDS)
        self.signal.changed()
        self.successResultOf(self.signal.wait())
        self.assertNoResult(self.signal.wait())

    def test_scope(self) -> None:
        """Who waits is told what has changed since the last wait, also while nothing waited; without a name, all."""
        for names in (("a", "d/x"), ("d",)):
            self.signal.changed(Scope.of(names))
        self.clock.advance(QUIET_SECONDS)
        self.signal.changed(Scope.of(["e"]))
        self.assertEqual(self.successResultOf(self.signal.wait()), Scope.of(["a", "d", "e"]))
        waiting = self.signal.wait()
        self.signal.changed(Scope.of(["a"]))
        self.signal.changed()
        self.clock.advance(QUIET_SECONDS)
        self.assertEqual(self.successResultOf(waiting), WHOLE)

    def test_closed(self) -> None:
        """After the end nothing fires."""
        self.signal.changed()
        self.signal.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])


@implementer(IReactorFromThreads)
class FakeReactor(Clock):
    """Has a clock, and is called by no thread."""

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:
        raise AssertionError("nothing has changed")


class PollingTests(SynchronousTestCase):
    """A folder of which no event comes."""

    def test_dropped(self) -> None:
        """Now and then both sides are compared without an event: the system may have dropped it."""
        clock = FakeReactor()
        changes: list[Scope] = []

        def no_events(path: str, ended: threading.Event) -> Iterator[Sequence[str]]:
            ended.wait()
            yield from ()

        watch = LocalWatch(clock, "Docs", changes.append, events=no_events)
        clock.advance(COMPARE_SECONDS)
        self.assertEqual(changes, [WHOLE])
        watch.stop()
        self.assertEqual(clock.getDelayedCalls(), [])


class FakeClient:
    """A connection whose watch gives what a test says."""

    def __init__(self, events: list[object]) -> None:
        self._events = events
        self.closed = False

    async def watch(self, endpoint: str) -> AsyncIterator[object]:
        """Give events, and raise errors."""
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            yield event
        await Deferred()

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class ServerTests(SynchronousTestCase):
    """Connections one after the other, as `clients` says."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clients: list[FakeClient | Exception] = []
        self.made: list[FakeClient] = []
        self.changes: list[Scope] = []
        self.messages: list[str] = []

    async def connect(self) -> Client:
        client = self.clients.pop(0)
        if isinstance(client, Exception):
            raise client
        self.made.append(client)
        return cast(Client, client)

    def follow(self, *clients: FakeClient | Exception) -> Deferred[None]:
        self.clients += clients
        following = follow_server(self.clock, self.connect, "Docs", self.changes.append, self.messages.append)
        return Deferred.fromCoroutine(following)

    def test_events(self) -> None:
        """Each event is a reason to compare what it names; the first one, with which the watch begins, to compare all.

        So is one that says that anything may have changed.
        """
        begun, some, anything = ChangedNames(()), ChangedNames(("a", "d/x")), ChangedNames((), True)
        following = self.follow(FakeClient([begun, some, anything]))
        self.assertEqual(self.changes, [WHOLE, Scope.of(["a", "d/x"]), WHOLE])
        following.cancel()
        self.failureResultOf(following, CancelledError)
        self.assertTrue(self.made[0].closed)

    def test_lost(self) -> None:
        """A lost connection is made again, after a pause that grows; then everything may have changed."""
        begun = ChangedNames(())
        self.follow(FakeClient([begun, ConnectionFailed("lost")]), ConnectionFailed("down"), FakeClient([begun]))
        self.assertEqual(self.changes, [WHOLE])
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertEqual((self.changes, len(self.made)), ([WHOLE], 1))
        self.clock.advance(1)
        self.assertEqual((self.changes, len(self.made)), ([WHOLE] * 2, 2))
        self.assertTrue(self.made[0].closed)

    def test_old_server(self) -> None:
        """A server that has no such request is asked again and again, and that is said once."""
        self.follow(FakeClient([UnknownRequestType("WATCH")]), FakeClient([UnknownRequestType("WATCH")]))
        self.assertEqual((self.changes, len(self.messages)), ([WHOLE], 1))
        self.clock.advance(POLL_SECONDS)
        self.assertEqual((self.changes, len(self.messages)), ([WHOLE] * 2, 1))

    def test_refused(self) -> None:
        """What does not pass by itself ends it."""
        self.failureResultOf(self.follow(LoginFailed("revoked")), LoginFailed)


class StepTests(SynchronousTestCase):
    """Syncs that follow changes."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.signal = ChangeSignal(self.clock)
        self.failing: Deferred[None] = Deferred()
        self.results: list[Exception | None] = []
        self.messages: list[str] = []
        self.syncs: list[Scope] = []
        self.left = Scope()
        self.rests: list[float] = []
        running = keep_in_step(self.clock, self.signal, self.sync, self.failing, self.messages.append, self.rest)
        self.running = Deferred.fromCoroutine(running)

    async def sync(self, scope: Scope) -> Scope:
        self.syncs.append(scope)
        if self.results and (result := self.results.pop(0)) is not None:
            raise result
        return self.left

    def rest(self) -> None:
        self.rests.append(self.clock.seconds())

    def change(self, *names: str) -> None:
        self.signal.changed(Scope.of(names))
        self.clock.advance(QUIET_SECONDS)

    def test_synced(self) -> None:
        """Each change is followed by a sync of what has changed, and nothing else is."""
        self.clock.advance(3600)
        self.assertEqual(self.syncs, [])
        self.change("a")
        self.change("b")
        self.assertEqual(self.syncs, [Scope.of(["a"]), Scope.of(["b"])])

    def test_rest(self) -> None:
        """A watch rests after the last of several syncs, and again and again, and not when it has ended."""
        for name in "abc":
            self.change(name)
            self.clock.advance(REST_SECONDS / 2)
        last = self.clock.seconds() - REST_SECONDS / 2
        self.clock.advance(REST_SECONDS)
        self.assertEqual(self.rests, [self.clock.seconds()])
        self.assertGreaterEqual(self.rests[0], last + REST_SECONDS)
        for _ in range(2):
            self.clock.advance(REST_AGAIN_SECONDS)
        self.assertEqual(len(self.rests), 3)
        self.change("d")
        self.running.cancel()
        self.clock.advance(3600)
        self.assertEqual(len(self.rests), 3)
        self.failureResultOf(self.running, CancelledError)

    def test_left(self) -> None:
        """What a sync was not able to do is compared again with the next change, and no sooner."""
        self.left = Scope.of(["refused"])
        self.change("refused", "a")
        self.clock.advance(3600)
        self.left = Scope()
        self.change("b")
        self.change("c")
        self.assertEqual(self.syncs[1:], [Scope.of(["b", "refused"]), Scope.of(["c"])])

    def test_problems(self) -> None:
        """A sync that is refused waits for the next change; one without a network or beside another goes again.

        What it was about is compared again then, until that succeeds.
        """
        self.results = [OperatorError("too many deletions"), ConnectionFailed("down"), InUse("is being synced")]
        self.change("a")
        self.clock.advance(3600)
        self.assertEqual(self.syncs, [Scope.of(["a"])])
        self.change("b")
        self.clock.advance(POLL_SECONDS)
        self.clock.advance(QUIET_SECONDS)
        both = Scope.of(["a", "b"])
        self.assertEqual(self.syncs[1:], [both, both])
        self.assertEqual(self.messages, ["too many deletions", "down", "is being synced"])
        self.clock.advance(POLL_SECONDS)
        self.clock.advance(QUIET_SECONDS)
        self.assertEqual(self.syncs[3:], [both])
        self.change("c")
        self.assertEqual(self.syncs[4:], [Scope.of(["c"])])

    def test_failed(self) -> None:
        """When the server cannot be followed any more, that is raised."""
        self.change("a")
        self.failing.errback(LoginFailed("revoked"))
        self.clock.advance(QUIET_SECONDS)
        self.failureResultOf(self.running, LoginFailed)
