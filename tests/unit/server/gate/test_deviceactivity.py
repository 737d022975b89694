"""When and where devices were connected last."""

from __future__ import annotations

from typing import Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device, Devices, add_device
from homeftp.errors import OperatorError
from homeftp.server.gate.deviceactivity import GATHER_SECONDS, PAUSE_SECONDS, DeviceActivity
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase

T = TypeVar("T")


class SlowWorkers(InlineWorkers):
    """Workers that run a job when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []

    def run_unbounded(self, job: Callable[..., T], *args: object) -> Deferred[T]:
        """Call `job(*args)` when `waiting` fires."""
        waiting: Deferred[None] = Deferred()
        self.waiting.append(waiting)
        return waiting.addCallback(lambda _: job(*args))


class SightingTests(QuickCase):
    """The connections of one device."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        self.devices = Devices(AccountDatabase(self.folder))
        self.clock = Clock()
        self.device_activity = self.made(InlineWorkers())
        with self.devices.state.transaction() as connection:
            self.device = add_device(connection, "1" * 32, "ann", "laptop", 5.0)

    def made(self, workers: InlineWorkers) -> DeviceActivity:
        return DeviceActivity(self.devices, workers, self.clock, lambda: 1000.0 + self.clock.seconds())

    def kept(self) -> Device:
        (found,) = self.devices.all()
        return found

    def saw(self, address: str = "192.0.2.7", client: str | None = None, expires: float | None = None) -> None:
        self.device_activity.saw(self.device.id, address, None, client=client, expires=expires)

    def test_kept(self) -> None:
        """Time and place are those of the last time; what is not said again stays."""
        self.saw(client="homeftp 1", expires=9000.0)
        self.clock.advance(GATHER_SECONDS / 2)
        self.saw("192.0.2.8")
        self.clock.advance(GATHER_SECONDS / 2)
        kept = self.kept()
        self.assertEqual(
            (kept.seen, kept.address, kept.client, kept.expires), (1000.5, "192.0.2.8", "homeftp 1", 9000.0)
        )

    def test_once_a_minute(self) -> None:
        """Whatever a client says, and however often: the database changes once in a pause, to what it said last."""
        self.saw(client="0")
        self.clock.advance(GATHER_SECONDS)
        before = self.devices.state.version()
        for number in range(int(PAUSE_SECONDS) - 1):
            self.clock.advance(1)
            self.saw(f"192.0.2.{number}", str(number), float(number))
        self.assertEqual((self.kept().client, self.devices.state.version()), ("0", before))
        self.clock.advance(1)
        self.assertEqual((self.kept().client, self.kept().address), ("58", "192.0.2.58"))
        self.assertNotEqual(self.devices.state.version(), before, "the control")

    def test_after_quiet(self) -> None:
        """After a pause in which nobody was seen, a connection is written soon again."""
        self.saw()
        self.clock.pump([GATHER_SECONDS, PAUSE_SECONDS])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.saw(client="new")
        self.clock.advance(GATHER_SECONDS)
        self.assertEqual(self.kept().client, "new")

    def test_one_write(self) -> None:
        """While one write is under way no other begins, for any device."""
        workers = SlowWorkers()
        self.device_activity = self.made(workers)
        self.saw(client="first")
        self.clock.advance(GATHER_SECONDS)
        for number in range(5):
            self.device_activity.saw(f"{number:032}", "192.0.2.9", "https")
            self.saw(client=str(number))
            self.clock.advance(PAUSE_SECONDS)
        self.assertEqual(len(workers.waiting), 1)
        workers.waiting[0].callback(None)
        self.clock.advance(PAUSE_SECONDS)
        self.assertEqual((len(workers.waiting), self.kept().client), (2, "first"))
        workers.waiting[1].callback(None)
        self.assertEqual(self.kept().client, "4")

    def test_stop(self) -> None:
        """What is not written yet is written when the server stops, after what is being written; then nothing is."""
        workers = SlowWorkers()
        self.device_activity = self.made(workers)
        self.saw(client="first")
        self.clock.advance(GATHER_SECONDS)
        self.saw(client="last")
        stopped = self.device_activity.stop()
        workers.waiting[0].callback(None)
        self.assertNoResult(stopped)
        workers.waiting[1].callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.kept().client, "last")
        self.saw(client="later")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_in_pause(self) -> None:
        """A server that stops waits for no pause."""
        self.saw(client="first")
        self.successResultOf(self.device_activity.stop())
        self.assertEqual((self.kept().client, self.clock.getDelayedCalls()), ("first", []))

    def test_revoked(self) -> None:
        """A device that was revoked meanwhile does not come back."""
        self.saw()
        self.devices.revoke("ann-laptop")
        self.clock.advance(GATHER_SECONDS)
        self.assertEqual(self.devices.all(), [])

    def test_failure(self) -> None:
        """A database that cannot be written is in the log, and the next write is tried."""

        def saw(*arguments: object) -> None:
            raise OperatorError("the disk is full")

        patch = self.patch(Devices, "saw", saw)
        self.saw()
        self.clock.advance(GATHER_SECONDS)
        self.assertEqual(len(self.flushLoggedErrors(OperatorError)), 1)
        patch.restore()
        self.saw(client="again")
        self.clock.advance(PAUSE_SECONDS)
        self.assertEqual(self.kept().client, "again")
