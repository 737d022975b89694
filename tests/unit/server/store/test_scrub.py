"""The scrub: when it reads, what is told of it, and that it goes on after a restart."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterator, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from homeftp.config import DAY
from homeftp.control.scrubstate import ScrubState, load_scrub_state
from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, parse
from homeftp.errors import Internal
from homeftp.interfaces import IWorkers
from homeftp.model import ONLY_MARKED, Capabilities, Damage, Verification, WriteRequest
from homeftp.server.store.scrub import LOOK_SECONDS, REST, Scrub
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.wording import root_missing
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase

MONTH = 30 * DAY


class _Workers(InlineWorkers):
    """Jobs on the calling thread; each takes a while of the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.background = 0
        self.took = 0.0

    def run_background(self, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.background += 1
        if not self.took:
            return self.run(job, *args)
        return deferLater(self.clock, self.took, job, *args)

    def pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self.clock, seconds, lambda: None)


class _Store(MemoryStore):
    """Tells what was asked of it; `failing` raises in the middle."""

    failing = False
    away = False
    """Whether its disk is not mounted."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []

    def damaged(self) -> Sequence[Damage]:
        if self.away:
            raise root_missing()
        return super().damaged()

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        self.asked.append((str(endpoint), since_us))
        for step in super().verify(endpoint, since_us, hidden):
            yield step
            if self.away:
                raise root_missing()
            if self.failing:
                raise Internal("the disk failed")


class ScrubTests(QuickCase):
    """`Scrub`, over a store in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder, 0o700)
        self.store = _Store()
        self.workers = _Workers(self.clock)
        for name in "ab":
            self.store.write_many([(WriteRequest(endpoint=parse(name), size=3), name.encode() * 3)])
        self.began_us = 1_700_000_000 * 10**6

    def now_us(self) -> int:
        """The time of the clock."""
        return self.began_us + int(self.clock.seconds() * 1_000_000)

    def start(self, seconds: float = MONTH, workers: IWorkers | None = None) -> Scrub:
        """A scrub that has begun."""
        scrub = Scrub(
            self.clock,
            workers or self.workers,
            lambda: self.store,
            root="/srv",
            folder=self.folder,
            seconds=seconds,
            now_us=self.now_us,
        )
        scrub.start()
        self.addCleanup(scrub.stop)
        return scrub

    def state(self) -> ScrubState:
        """What is told now."""
        state = load_scrub_state(self.folder)
        assert state is not None
        return state

    def advance(self, seconds: float) -> None:
        """Let that much time pass, in small steps at first."""
        for _ in range(100):
            self.clock.advance(0.1)
        self.clock.advance(max(0.0, seconds - 10))
        for _ in range(100):
            self.clock.advance(0.1)

    def test_once_a_month(self) -> None:
        """It begins soon after the start, reads everything once, and again when the month is over."""
        self.start()
        self.assertEqual((self.store.asked, self.state().root), ([], "/srv"))
        self.advance(LOOK_SECONDS)
        (asked,) = self.store.asked
        state = self.state()
        self.assertEqual((asked[0], asked[1]), ("", state.began_us))
        self.assertEqual((state.files, state.size, state.found), (2, 6, 0))
        self.assertGreaterEqual(state.ended_us, state.began_us)
        for _ in range(29):
            self.clock.advance(DAY)
        self.assertEqual(len(self.store.asked), 1, "not yet")
        for _ in range(3):
            self.clock.advance(DAY)
            self.advance(LOOK_SECONDS)
        self.assertEqual(len(self.store.asked), 2)
        self.assertEqual(self.state().before_us, state.ended_us)

    def test_not_able(self) -> None:
        """A store that cannot is not asked."""
        self.store.capabilities = Capabilities()
        scrub = self.start()
        self.advance(3 * LOOK_SECONDS)
        self.successResultOf(scrub.stop())
        self.assertEqual(self.store.asked, [])

    def test_off(self) -> None:
        """With 0 days nothing is read; what is marked is still tried to be mended."""
        self.start(seconds=0)
        self.advance(5 * LOOK_SECONDS)
        self.assertEqual(self.store.asked, [])

    def test_found(self) -> None:
        """What is damaged is counted and named, and the state follows when it is mended."""
        self.store.damage(parse("a"), b"xxx")
        self.start()
        self.advance(LOOK_SECONDS)
        state = self.state()
        self.assertEqual((state.found, state.mended, state.damaged_total), (1, 0, 1))
        self.assertEqual([damage.name for damage in state.damaged], ["a"])
        self.store.write_many([(WriteRequest(endpoint=parse("a"), size=3), b"new")])
        self.advance(LOOK_SECONDS)
        self.assertEqual(self.state().damaged_total, 1, "the version that is damaged")
        self.assertEqual([damage.at_us is None for damage in self.state().damaged], [False])

    def test_marked_by_others(self) -> None:
        """What another process has marked is read again once, so that it is mended."""
        self.start()
        self.advance(LOOK_SECONDS)
        self.store.damage(parse("a"), b"xxx")
        list(MemoryStore.verify(self.store, parse("a")))
        del self.store.asked[:]
        for _ in range(3):
            self.advance(LOOK_SECONDS)
        self.assertEqual(self.store.asked, [("a", ONLY_MARKED)])
        self.assertEqual(self.state().found, 0, "the pass has not found it")

    def test_marked_version(self) -> None:
        """A version that is marked is read again too, so that it is mended once there is a copy of its content."""
        self.start()
        self.advance(LOOK_SECONDS)
        self.store.damage(parse("a"), b"xxx")
        list(MemoryStore.verify(self.store, parse("a")))
        list(self.store.remove(parse("a"), None, False))
        self.store.write_many([(WriteRequest(endpoint=parse("copy"), size=3), b"aaa")])
        self.assertEqual(len(self.store.damaged()), 1)
        self.advance(LOOK_SECONDS)
        self.assertEqual(list(self.store.damaged()), [])

    def test_marked_versions(self) -> None:
        """A file of which several versions are marked is read again once for all of them."""
        self.start()
        self.advance(LOOK_SECONDS)
        for content in (b"one", b"two"):
            self.store.damage(parse("a"), b"xxx")
            list(MemoryStore.verify(self.store, parse("a")))
            self.store.write_many([(WriteRequest(endpoint=parse("a"), size=3), content)])
        self.assertEqual([damage.name for damage in self.store.damaged()], ["a", "a"])
        del self.store.asked[:]
        self.advance(LOOK_SECONDS)
        self.assertEqual(self.store.asked, [("a", ONLY_MARKED)])

    def test_goes_on(self) -> None:
        """A pass that a stop, or a fault of the disk, has interrupted goes on: what was read is not asked for again."""
        self.store.failing = True
        scrub = self.start()
        self.advance(LOOK_SECONDS)
        state = self.state()
        self.assertEqual((state.files, state.ended_us), (1, 0))
        self.successResultOf(scrub.stop())
        self.store.failing = False
        self.clock.advance(DAY)
        self.start()
        self.advance(LOOK_SECONDS)
        self.assertEqual({since for _, since in self.store.asked}, {state.began_us})
        self.assertEqual(self.state().files, 3)
        self.assertTrue(self.state().ended_us)

    def test_disk_away(self) -> None:
        """While the disk is away that is logged once, without a traceback; what was read before is written."""
        logged: list[str] = []

        @implementer(ILogObserver)
        class Observer:
            def __call__(self, event: LogEvent) -> None:
                logged.append(formatEvent(event))

        observer = Observer()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        scrub = self.start()
        self.store.away = True
        self.advance(5 * LOOK_SECONDS)
        self.successResultOf(scrub.stop())
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual([line[:26] for line in logged], ["the scrub was interrupted,"])
        self.assertEqual(self.state().root, "/srv")
        self.store.away = False
        self.start()
        self.advance(LOOK_SECONDS)
        self.assertTrue(self.state().ended_us, "the control")

    def test_state_not_written(self) -> None:
        """A state folder that cannot be written is logged once, without a traceback, and the scrub goes on."""
        scrub = self.start()
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)
        self.advance(3 * LOOK_SECONDS)
        os.mkdir(self.folder, 0o700)
        self.advance(LOOK_SECONDS)
        self.assertEqual(self.state().files, 2)
        self.assertTrue(scrub.state.ended_us)

    def test_another_root(self) -> None:
        """The state of another shared folder does not count."""
        scrub = self.start()
        self.advance(LOOK_SECONDS)
        self.successResultOf(scrub.stop())
        path = os.path.join(self.folder, "scrub.json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("/srv", "/old"))
        self.start()
        self.advance(LOOK_SECONDS)
        self.assertEqual(len(self.store.asked), 2)

    def test_clock_set_back(self) -> None:
        """A pass that began in the future is over: another one begins."""
        scrub = self.start()
        self.advance(LOOK_SECONDS)
        self.successResultOf(scrub.stop())
        self.began_us -= int(400 * DAY) * 1_000_000
        self.start()
        self.advance(LOOK_SECONDS)
        self.assertEqual(len(self.store.asked), 2)

    def test_rests(self) -> None:
        """Each step is background work, and a rest follows that is longer than it took."""
        self.workers.took = 1.0
        self.start()
        self.clock.advance(LOOK_SECONDS)
        self.clock.advance(1.0)  # what is marked
        before = self.workers.background
        self.clock.advance(1.0)
        self.assertEqual(self.workers.background, before)
        self.clock.advance(REST - 0.5)
        self.assertEqual(self.workers.background, before, "it rests")
        self.clock.advance(1.0)
        self.assertEqual(self.workers.background, before + 1)

    def test_sleeping_disk(self) -> None:
        """While nothing changes nothing is written."""
        self.start()
        self.advance(LOOK_SECONDS)
        path = os.path.join(self.folder, "scrub.json")
        before = os.stat(path)
        for _ in range(5):
            self.advance(LOOK_SECONDS)
        self.assertEqual(os.stat(path).st_ino, before.st_ino)
