"""When and where devices were connected last."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device, Devices, add_device
from homeftp.errors import OperatorError
from homeftp.server.gate.sightings import MOST_DEVICES, PAUSE_SECONDS, Sightings
from homeftp.workers import InlineWorkers


class SightingTests(SynchronousTestCase):
    """Sightings of one device."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        self.devices = Devices(AccountDatabase(self.folder))
        self.now = 1000.0
        self.sightings = Sightings(self.devices, InlineWorkers(), lambda: self.now)
        with self.devices.state.transaction() as connection:
            self.device = add_device(connection, "1" * 32, "ann", "laptop", 5.0)

    def kept(self) -> Device:
        (found,) = self.devices.all()
        return found

    def saw(self, address: str = "192.0.2.7", client: str | None = None, expires: float | None = None) -> None:
        self.successResultOf(self.sightings.saw(self.device, address, client=client, expires=expires))

    def test_kept(self) -> None:
        """Time and place are those of the last time; what is not said again stays."""
        self.saw(client="homeftp 1", expires=9000.0)
        self.now += 1
        self.saw("192.0.2.8")
        kept = self.kept()
        self.assertEqual(
            (kept.seen, kept.address, kept.client, kept.expires), (1001.0, "192.0.2.8", "homeftp 1", 9000.0)
        )

    def test_pause(self) -> None:
        """What tells only a new time is written once a minute; a clock that was set back does not stop it."""
        self.saw()
        for later, seen in ((PAUSE_SECONDS - 1, 1000.0), (PAUSE_SECONDS, 1000.0 + PAUSE_SECONDS), (-500.0, 500.0)):
            self.now = 1000.0 + later
            self.saw()
            self.assertEqual(self.kept().seen, seen)

    def test_bounded(self) -> None:
        """Only so many devices are remembered: the first is written again."""
        self.saw()
        self.now += 1
        for number in range(MOST_DEVICES):
            self.successResultOf(self.sightings.saw(Device(f"{number:032}", "x", "ann", 0.0), "192.0.2.9"))
        self.saw()
        self.assertEqual(self.kept().seen, 1001.0)

    def test_revoked(self) -> None:
        """A device that was revoked meanwhile does not come back."""
        self.devices.revoke("ann-laptop")
        self.saw()
        self.assertEqual(self.devices.all(), [])

    def test_failure(self) -> None:
        """A database that cannot be written is in the log, and fails nothing."""

        def saw(*arguments: object) -> None:
            raise OperatorError("the disk is full")

        self.patch(Devices, "saw", saw)
        self.saw()
        self.assertEqual(len(self.flushLoggedErrors(OperatorError)), 1)
