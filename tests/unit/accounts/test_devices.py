"""Devices: known by an id that does not change, called what their owner likes, and gone when they are revoked."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.devices import (
    LONGEST,
    WHOLE_ACCOUNT,
    Device,
    DeviceKind,
    Devices,
    Narrowing,
    add_device,
    device_name,
    pair_device,
    suggest_name,
)
from homeftp.endpoint import ROOT, parse
from homeftp.errors import OperatorError
from homeftp.store.policy.rights import ALL, parse_rights
from tests.support.accountstate import StateCase
from tests.support.logins import PAIRED

READ = parse_rights("read")


class NameTests(SynchronousTestCase):
    """What devices are called."""

    def test_names(self) -> None:
        """Plain lower-case names only."""
        for name in ("ann-laptop", "a", "0.b_c-d", "a" * LONGEST):
            self.assertEqual(device_name(name), name)
        for name in ("", "Ann", "a" * (LONGEST + 1), "a b", ".a", "-a", "zoë", "a/b", "a\n", "a\0", "\x1b[1m"):
            message = str(self.assertRaises(OperatorError, device_name, name))
            self.assertTrue(message.isprintable())

    def test_suggest_name(self) -> None:
        """The suggested name of a device is legal and begins with its account, whatever the machine is called."""
        for said, name in (
            ("laptop", "ann-laptop"),
            ("Laptop.local", "ann-laptop"),
            ("Zoë's MacBook", "ann-zoe-s-macbook"),
            ("ann-laptop", "ann-laptop"),
            ("ann", "ann"),
            ("annex", "ann-annex"),
            ("", "ann-device"),
            ("\x1b[31m/../\n", "ann-31m"),
            ("電腦", "ann-device"),
        ):
            self.assertEqual(suggest_name("ann", said), name)
        for said in ("x" * 1000, "-" * 100, "a." * 50):
            device_name(suggest_name("a" * 63, said) + "-999")


class TableTests(StateCase):
    """The table."""

    def setUp(self) -> None:
        """Two devices."""
        self.state = self.make_state()
        self.devices = Devices(self.state)
        self.laptop = self.add("1" * 32, "laptop")
        self.phone = self.add("2" * 32, "phone")

    def add(self, id: str, said: str) -> Device:
        with self.state.transaction() as connection:
            return add_device(connection, id, "ann", said, 5.0)

    def test_found(self) -> None:
        """Each device is found by its id; no other is."""
        self.assertEqual(self.devices.find(self.laptop.id), Device("1" * 32, "ann-laptop", "ann", 5.0, **PAIRED))
        self.assertIsNone(self.devices.find("3" * 32))
        self.assertEqual(self.devices.all(), [self.laptop, self.phone])

    def test_same_name(self) -> None:
        """A second laptop is called something else."""
        self.assertEqual(self.add("3" * 32, "laptop").name, "ann-laptop-2")
        self.assertEqual(self.add("4" * 32, "laptop").name, "ann-laptop-3")

    def test_alone(self) -> None:
        """What is noted of a device is noted of no other, and a machine is the device that it was paired as."""
        with self.state.transaction() as connection:
            laptop = pair_device(connection, "3" * 32, "ann", "one", "machine 1", 1.0)
            phone = pair_device(connection, "4" * 32, "ann", "two", "machine 2", 1.0)
        before = self.devices.all()
        self.devices.saw(laptop.id, 5.0, "192.0.2.1", "homeftp", 9.0)
        with self.state.transaction() as connection:
            again = [
                pair_device(connection, "5" * 32, "ann", "other", machine, 7.0)
                for machine in ("machine 1", "machine 2")
            ]
        self.assertEqual([each.id for each in again], [laptop.id, phone.id])
        self.devices.saw(laptop.id, 8.0, "192.0.2.2", None, None)
        changed = [each for each in self.devices.all() if each not in before]
        self.assertEqual(
            [(each.id, each.paired, each.seen) for each in changed],
            [
                (laptop.id, 7.0, 8.0),
                (phone.id, 7.0, None),
            ],
        )

    def test_renamed(self) -> None:
        """It stays the same device; a name that is taken, or none, is refused."""
        self.devices.rename("ann-laptop", "ann-old-laptop")
        found = self.devices.find(self.laptop.id)
        assert found is not None
        self.assertEqual(found.name, "ann-old-laptop")
        for old, new, fault in (
            ("ann-laptop", "x", "there is no device named ann-laptop"),
            ("ann-old-laptop", "ann-phone", "a device called ann-phone exists already"),
            ("ann-old-laptop", "A B", "cannot be a device's name"),
        ):
            with self.assertRaisesRegex(OperatorError, fault):
                self.devices.rename(old, new)

    def test_revoked(self) -> None:
        """A removed device is unknown, also to a server that starts anew; the others stay."""
        self.assertEqual(self.devices.revoke("ann-laptop"), self.laptop)
        again = Devices(self.again(self.state))
        self.assertEqual((again.find(self.laptop.id), again.all()), (None, [self.phone]))
        with self.assertRaisesRegex(OperatorError, "no device named"):
            self.devices.revoke("ann-laptop")

    def test_added(self) -> None:
        """A device is added to an account that exists, with exactly its name, what it proves and what narrows it."""
        with self.assertRaisesRegex(OperatorError, "no account named ann"):
            self.devices.add("tv", "ann", DeviceKind.APP_PASSWORD, "0" * 64, 7.0)
        self.state.add_account("ann", None)
        self.state.add_account("bob", None)
        narrowing = Narrowing(parse_rights("read"), parse("photos/tv"))
        made = self.devices.add("tv", "ann", DeviceKind.APP_PASSWORD, "0" * 64, 7.0, narrowing)
        self.assertEqual((made.name, made.account, made.paired, made.kind), ("tv", "ann", 7.0, "app password"))
        self.assertEqual((made.narrowing, made.seen, made.front_end), (narrowing, None, None))
        self.assertEqual(self.devices.find(made.id), made)
        for name, account, credential, fault in (
            ("tv", "ann", "1" * 64, "a device called tv exists already"),
            ("box", "ann", "0" * 64, "ann has this app password already: its device is tv"),
            ("A B", "ann", "1" * 64, "cannot be a device's name"),
        ):
            with self.assertRaisesRegex(OperatorError, fault):
                self.devices.add(name, account, DeviceKind.APP_PASSWORD, credential, 8.0)
        self.devices.add("box", "bob", DeviceKind.APP_PASSWORD, "0" * 64, 8.0)

    def test_narrowed(self) -> None:
        """What is not given stays; each change gives the device another stamp, and others none."""
        narrowed = self.devices.narrow("ann-laptop", parse_rights("read,add"), None)
        self.assertEqual(narrowed.narrowing, Narrowing(parse_rights("read,add")))
        again = self.devices.narrow("ann-laptop", None, parse("photos"))
        self.assertEqual(again.narrowing, Narrowing(parse_rights("read,add"), parse("photos")))
        self.assertEqual(self.devices.narrow("ann-laptop", ALL, ROOT).narrowing, WHOLE_ACCOUNT)
        self.assertEqual(len({self.laptop.stamp, narrowed.stamp, again.stamp, "", self.phone.stamp}), 5)
        self.assertEqual([each.stamp for each in self.devices.all() if each.name == "ann-phone"], [self.phone.stamp])
        with self.assertRaisesRegex(OperatorError, "no device named"):
            self.devices.narrow("nobody", ALL, None)

    def test_damaged(self) -> None:
        """What narrows a device and cannot be understood is nothing, not everything."""
        for rights, home in (
            ("", "/"),
            ("all", "/"),
            ("read", ""),
            ("read", "/a"),
            ("read", "a/../b"),
            ("add,read", "/"),
        ):
            self.assertIsNone(Device("1" * 32, "x", "ann", 0.0, rights=rights, home=home).narrowing, (rights, home))
        self.assertIsNone(Device("1" * 32, "x", "ann", 0.0).narrowing)
        self.assertEqual(
            Device("1" * 32, "x", "ann", 0.0, rights="read", home="a").narrowing, Narrowing(READ, parse("a"))
        )

    def test_account_removed(self) -> None:
        """With their account its devices go."""
        self.state.add_account("ann", "x")
        self.state.remove_account("ann")
        self.assertEqual(self.devices.all(), [])
