"""Web sessions as devices: how long they last, and how many there are."""

from __future__ import annotations

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.devices import Device, DeviceKind, Devices, add_device, new_id
from homeftp.accounts.sessions.table import (
    IDLE_SECONDS,
    LONGEST_SECONDS,
    MOST_SESSIONS,
    RENEWED_SECONDS,
    SessionTable,
)
from tests.support.accountstate import StateCase
from tests.support.folders import QuickCase

NOW = 1_000_000.0


class SessionTableTests(StateCase, QuickCase):
    """`SessionTable`, for the account ann."""

    def setUp(self) -> None:
        self.now = NOW
        self.state = self.make_state()
        AccessTable(self.state).add("ann", None, AccessChange())
        self.sessions = SessionTable(self.state, lambda: self.now)
        self.devices = Devices(self.state)

    def add(self, token: str = "secret", name: str = "Firefox on Android") -> Device:
        with self.state.transaction() as connection:
            return self.sessions.add(connection, "ann", token, name, "Firefox on Android")

    def test_added(self) -> None:
        """A session is a device with a name that people can read; its secret is stored as a hash."""
        device = self.add()
        self.assertEqual((device.name, device.kind), ("ann-firefox-on-android", DeviceKind.WEB_SESSION.value))
        self.assertEqual((device.client, device.expires), ("Firefox on Android", NOW + IDLE_SECONDS))
        self.assertEqual(self.devices.find(device.id), device)
        found = self.devices.find_session(token_hash("secret"), NOW)
        assert found is not None
        self.assertEqual(found[0], device)
        self.assertEqual(self.add("other").name, "ann-firefox-on-android-2")

    def test_renewed(self) -> None:
        """A session that is used ends later, but not after its longest time; little is not worth a write."""
        device = self.add()
        self.now += RENEWED_SECONDS - 1
        version = self.state.version()
        self.assertEqual(self.sessions.renew(device.id), device)
        self.assertEqual(self.state.version(), version)
        self.now += 1
        renewed = self.sessions.renew(device.id)
        assert renewed is not None
        self.assertEqual(renewed.expires, self.now + IDLE_SECONDS)
        self.assertEqual(renewed.stamp, device.stamp)
        for _ in range(6):
            self.now += IDLE_SECONDS - 1
            renewed = self.sessions.renew(device.id)
        assert renewed is not None
        self.assertEqual(renewed.expires, NOW + LONGEST_SECONDS)

    def test_ended(self) -> None:
        """One that ended by itself, or was signed out, is no session any more."""
        device = self.add()
        self.assertIsNone(self.devices.find_session(token_hash("secret"), NOW + IDLE_SECONDS))
        self.assertEqual(self.sessions.remove(device.id), device)
        self.assertIsNone(self.sessions.remove(device.id))
        self.assertIsNone(self.sessions.renew(device.id))
        self.assertEqual(self.devices.all(), [])

    def test_others(self) -> None:
        """No other device is renewed or ended as a session."""
        with self.state.transaction() as connection:
            laptop = add_device(connection, new_id(), "ann", "laptop", NOW)
        self.assertIsNone(self.sessions.renew(laptop.id))
        self.assertIsNone(self.sessions.remove(laptop.id))
        self.assertEqual(self.devices.all(), [laptop])

    def test_purged(self) -> None:
        """Sessions that have ended go when another begins."""
        old = self.add("old")
        self.now += IDLE_SECONDS
        new = self.add("new")
        self.assertEqual([each.id for each in self.devices.all()], [new.id])
        self.assertNotEqual(old.id, new.id)

    def test_most(self) -> None:
        """An account has so many at most: the one that was used least recently ends. Other devices are not touched."""
        with self.state.transaction() as connection:
            laptop = add_device(connection, new_id(), "ann", "laptop", NOW)
        first, second = self.add("first"), self.add("second")
        self.devices.saw(first.id, NOW + 1000, "192.0.2.1", None, None)
        for number in range(MOST_SESSIONS - 1):
            self.now += 1
            self.add(str(number))
        left = {each.id for each in self.devices.all()}
        self.assertEqual(len(left), MOST_SESSIONS + 1)
        self.assertLessEqual({laptop.id, first.id}, left)
        self.assertNotIn(second.id, left)
