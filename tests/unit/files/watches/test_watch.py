"""One watch: how much it holds, and what its reader sees."""

from __future__ import annotations

from typing import Sequence

from twisted.internet.defer import CancelledError, Deferred

from homeftp.endpoint import parse
from homeftp.files.jobs.revocation import PermanentLogin, RevocableJobs
from homeftp.files.watches.watch import MOST_BYTES, MOST_NAMES, EndpointWatch
from homeftp.interfaces import ChangedNames, IStore
from homeftp.interfaces.observing import StoreChange
from tests.support.authorized import AuthorizedCase
from tests.support.queuedworkers import QueuedWorkers


class WatchCase(AuthorizedCase):
    """Watches of a store, with no hub."""

    def setUp(self) -> None:
        super().setUp()
        self.workers = QueuedWorkers()
        self.closed: list[EndpointWatch] = []

    def watch(self, path: str = "", store: IStore | None = None) -> EndpointWatch:
        jobs = RevocableJobs(self.workers, PermanentLogin())
        return EndpointWatch(parse(path), store or self.whole, "ann", jobs, self.closed.append)

    def files(self, *paths: str) -> Sequence[StoreChange]:
        return [StoreChange(parse(path), directory=False) for path in paths]

    def next_change(self, watch: EndpointWatch) -> ChangedNames:
        """What it tells now."""
        waiting = Deferred.fromCoroutine(watch.__anext__())
        self.workers.work_all()
        return self.successResultOf(waiting)

    def names_read(self, watch: EndpointWatch, path: str, *, directory: bool = False) -> Sequence[str]:
        """What the reader of a watch hears of one change; that it hears of nothing is seen by its not being woken."""
        woken = watch.add([StoreChange(parse(path), directory)])
        return self.next_change(watch).names if woken else ()


class HeldTests(WatchCase):
    """What a watch holds."""

    def test_gathered(self) -> None:
        """What changes before the reader has it is told at once, each name once."""
        watch = self.watch()
        waiting = Deferred.fromCoroutine(watch.__anext__())
        self.assertTrue(watch.add(self.files("a")))
        watch.wake()
        self.assertFalse(watch.add(self.files("b", "a")), "it need not be woken again")
        self.workers.work_all()
        self.assertEqual(self.successResultOf(waiting), ChangedNames(("a", "b")))
        self.assertNoResult(Deferred.fromCoroutine(watch.__anext__()))

    def test_many(self) -> None:
        """It holds so many names, and beyond that only that anything may have changed; then it begins anew."""
        watch = self.watch()
        names = [str(number) for number in range(MOST_NAMES)]
        watch.add(self.files(*names))
        self.assertEqual(self.next_change(watch), ChangedNames(tuple(names)))
        watch.add(self.files(*names, "more"))
        self.assertFalse(watch.add(self.files("even more")))
        self.assertEqual(self.next_change(watch), ChangedNames((), True))
        watch.add(self.files("a"))
        self.assertEqual(self.next_change(watch), ChangedNames(("a",)))

    def test_long(self) -> None:
        """Their bytes are bounded too, so that they fit into the line of an answer."""
        watch = self.watch()
        folder = "/".join(["x" * 255] * 15)
        most = MOST_BYTES // (len(folder) + 3)
        names = [f"{folder}/{number:02}" for number in range(most + 1)]
        watch.add(self.files(*names[:most]))
        self.assertEqual(len(self.next_change(watch).names), most)
        watch.add(self.files(*names))
        self.assertEqual(self.next_change(watch), ChangedNames((), True))

    def test_cancelled(self) -> None:
        """A reader that waits no more loses nothing: the next one that waits is told."""
        watch = self.watch()
        waiting = Deferred.fromCoroutine(watch.__anext__())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        watch.add(self.files("a"))
        watch.wake()
        self.assertEqual(self.next_change(watch), ChangedNames(("a",)))

    def test_close(self) -> None:
        """Its end is told to its hub."""
        watch = self.watch()
        self.successResultOf(Deferred.fromCoroutine(watch.aclose()))
        self.assertEqual(self.closed, [watch])


class SeenTests(WatchCase):
    """An account hears of what it may see, by the names that it sees, and of nothing else."""

    def test_home(self) -> None:
        """What changes beside the account's home, or above it, is not heard."""
        watch = self.watch(store=self.seen("read"))
        self.assertEqual(self.names_read(watch, "home/d/b.txt"), ("d/b.txt",), "the control")
        self.assertEqual(self.names_read(watch, "home"), ("",))
        for path in ("other/d.txt", "homes/a", "x"):
            self.assertEqual(self.names_read(watch, path, directory=True), (), path)

    def test_hidden(self) -> None:
        """A folder that the account may not read is silent, in any spelling."""
        watch = self.watch(store=self.seen("read,add", secret="none"))
        for path in ("home/secret", "home/secret/c.txt", "home/SECRET/c.txt"):
            for directory in (False, True):
                self.assertEqual(self.names_read(watch, path, directory=directory), (), path)
        self.assertEqual(self.names_read(watch, "home/secrets"), ("secrets",), "the control")

    def test_hidden_does_not_overflow(self) -> None:
        """However much happens in a hidden folder, nothing of it is told, not even that anything may have changed."""
        watch = self.watch(store=self.seen("read", secret="add"))
        hidden = self.files(*(f"home/secret/{number}" for number in range(2 * MOST_NAMES)))
        self.assertFalse(watch.add(hidden))
        seen = self.files(*(f"home/d/{number}" for number in range(2 * MOST_NAMES)))
        self.assertTrue(watch.add(seen), "the control")

    def test_no_right(self) -> None:
        """An account that may only add hears of nothing, not even of its own files."""
        watch = self.watch(store=self.seen("add"))
        self.assertEqual(self.names_read(watch, "home/a.txt"), ())
        self.assertEqual(self.names_read(self.watch(store=self.seen("read")), "home/a.txt"), ("a.txt",), "the control")
