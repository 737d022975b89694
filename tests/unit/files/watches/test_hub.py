"""The hub: which changes it tells, to whom, and how many may watch."""

from __future__ import annotations

from typing import Callable, Sequence

from homeftp.config import Limits
from homeftp.endpoint import parse
from homeftp.errors import Busy, Forbidden, ShuttingDown
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.files import Files
from homeftp.files.watches.hub import TREE, ChangeHub
from homeftp.files.watches.watch import EndpointWatch
from homeftp.interfaces import ChangedNames
from homeftp.interfaces.store import StoreOptions
from homeftp.model import SERVER, Actor, Change, WriteRequest
from homeftp.store.memory import MemoryStore
from tests.support.filestores import FilesTestCase, request_for


class HubCase(FilesTestCase):
    """A store that tells a hub, and files whose changes are told."""

    limits = Limits(account_watches=2, watches=3)

    def setUp(self) -> None:
        super().setUp()
        self.called: list[Callable[[], object]] = []
        self.hub = ChangeHub(lambda call, *args: self.called.append(lambda: call(*args)), self.limits)
        self.store = MemoryStore(StoreOptions(record_changes=self.hub.publish))
        self.factory = FilesFactory(self.workers, self.budget, hub=self.hub)
        self.files = self.factory.files(self.store, login=self.login)

    def wake(self) -> None:
        """Let the reactor's thread do what it was asked to do."""
        called, self.called = self.called, []
        for each in called:
            each()

    def next(self, watch: EndpointWatch) -> ChangedNames:
        """What a watch tells next."""
        waiting = self.start(watch.__anext__())
        self.wake()
        return self.result_of(waiting)

    def publish(self, *changes: Change) -> None:
        self.hub.publish(changes)

    def change(self, what: str, path: str, kind: str = "file", to: str | None = None) -> Change:
        return Change(what, kind, parse(path), SERVER, None if to is None else parse(to))


class HubTests(HubCase):
    """What is told."""

    def test_follower(self) -> None:
        """A follower is told every change at once, in the order in which they are made, watched or not."""
        told: list[tuple[str, str]] = []
        self.hub.follow(lambda changes: told.extend((each.what, str(each.endpoint)) for each in changes))
        self.result_of(self.files.write(request_for("a", b"x"), b"x"))
        self.result_of(self.files.move(parse("a"), parse("b")))
        self.assertEqual(told, [("add", "a"), ("move", "a")])

    def test_every_change(self) -> None:
        """Each way to change the tree is told, by the names that it changes."""
        self.lay({"old": b"x"})
        watch = self.files.watch(parse(""))
        self.result_of(self.files.write(request_for("a", b"1"), b"1"))
        self.assertEqual(self.next(watch), ChangedNames(("a",)))
        self.result_of(self.files.write(request_for("a", b"2"), b"2"))
        self.assertEqual(self.next(watch), ChangedNames(("a",)))
        self.result_of(self.files.make_directory(WriteRequest(endpoint=parse("d/e"))))
        self.assertEqual(self.next(watch), ChangedNames(("d", "d/e")))
        self.result_of(self.files.move(parse("a"), parse("d/b")))
        self.assertEqual(self.next(watch), ChangedNames(("a", "d/b")))
        self.result_of(self.files.set_metadata(parse("d/b"), mtime_us=1, mode=None))
        self.assertEqual(self.next(watch), ChangedNames(("d/b",)))
        self.result_of(self.files.remove(parse("d"), recursive=True))
        self.assertEqual(self.next(watch), ChangedNames(("d/b", "d/e", "d")))

    def test_not_in_tree(self) -> None:
        """What happens to versions and to partial uploads is not told."""
        watch = self.files.watch(parse(""))
        waiting = self.start(watch.__anext__())
        self.publish(*(self.change(what, "a", "version") for what in ("evict", "prune", "damage", "mend")))
        self.wake()
        self.assertNoResult(waiting)
        for what in TREE:
            self.publish(self.change(what, "a"))
        self.wake()
        self.assertEqual(self.result_of(waiting), ChangedNames(("a",)), "the control")

    def test_beneath(self) -> None:
        """A watch tells what changes beneath its endpoint, relative to it, and nothing beside."""
        watch = self.files.watch(parse("d"))
        waiting = self.start(watch.__anext__())
        self.publish(self.change("add", "a"), self.change("add", "da"), self.change("metadata", "e/d"))
        self.wake()
        self.assertNoResult(waiting)
        self.publish(self.change("add", "d/x/y"), self.change("metadata", "d", "directory"))
        self.wake()
        self.assertEqual(self.result_of(waiting), ChangedNames(("x/y", "")))

    def test_above(self) -> None:
        """What happens to a directory above the endpoint is told as a change of the endpoint itself."""
        watch = self.files.watch(parse("a/b"))
        waiting = self.start(watch.__anext__())
        self.publish(self.change("metadata", "a", "directory"), self.change("add", "a/c"))
        self.wake()
        self.assertNoResult(waiting)
        self.publish(self.change("move", "x", "directory", to="a"))
        self.wake()
        self.assertEqual(self.result_of(waiting), ChangedNames(("",)))

    def test_anything(self) -> None:
        """What nobody knows is told to all, as anything."""
        watches = [self.files.watch(parse(name)) for name in ("", "d")]
        self.hub.tell(None)
        self.assertEqual([self.next(watch) for watch in watches], [ChangedNames((), True)] * 2)

    def test_woken_once(self) -> None:
        """The reactor is asked once for many changes, however late it does it."""
        self.files.watch(parse(""))
        for number in range(10):
            self.publish(self.change("add", str(number)))
        self.assertEqual(len(self.called), 1)

    def test_nobody(self) -> None:
        """Where nobody watches, nothing is kept, and the reactor is not asked for anything."""
        self.publish(self.change("add", "a"))
        watch = self.files.watch(parse(""))
        self.publish(self.change("add", "b"))
        self.assertEqual(self.next(watch), ChangedNames(("b",)))
        self.result_of(watch.aclose())
        self.publish(self.change("add", "c"))
        self.assertEqual(self.called, [])


class LimitTests(HubCase):
    """How many may watch, and for how long."""

    def of(self, *accounts: str) -> Sequence[Files]:
        return [self.factory.files(self.store, Actor(name)) for name in accounts]

    def test_limits(self) -> None:
        """An account has so many watches, and so has the server; one that is closed makes place."""
        ann, bob, eve = self.of("ann", "bob", "eve")
        first = ann.watch(parse(""))
        ann.watch(parse("a"))
        self.assertIn("your account has 2", str(self.assertRaises(Busy, ann.watch, parse(""))))
        bob.watch(parse(""))
        self.assertIn("the server has 3", str(self.assertRaises(Busy, eve.watch, parse(""))))
        for _ in range(2):
            self.result_of(first.aclose())
        self.assertEqual(len(self.hub), 2)
        eve.watch(parse(""))

    def test_stop(self) -> None:
        """When the server stops, all watches end, and none begins."""
        watch = self.files.watch(parse(""))
        waiting = self.start(watch.__anext__())
        self.hub.stop()
        self.error_of(ShuttingDown, waiting)
        self.error_of(ShuttingDown, watch.__anext__())
        self.assertRaises(ShuttingDown, self.files.watch, parse(""))

    def test_revoked(self) -> None:
        """Once access was revoked nothing is told, not even what happened before; nobody begins to watch then."""
        watch = self.files.watch(parse(""))
        self.publish(self.change("add", "a"))
        self.login.in_database = False
        self.error_of(Forbidden, watch.__anext__())
        self.login.revoked = True
        self.error_of(Forbidden, watch.__anext__())
        self.assertRaises(Forbidden, self.files.watch, parse(""))

    def test_default(self) -> None:
        """Without a hub of its own a factory makes one, of which nobody is told anything."""
        files = FilesFactory(self.workers, MemoryBudget()).files(self.store)
        self.assertNoResult(self.start(files.watch(parse("")).__anext__()))
