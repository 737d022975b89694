"""The table of links: what makes one, what counts its uses, and all that removes it."""

from __future__ import annotations

from typing import Any
from unittest import mock

import attrs

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.devices import Device, DeviceKind, Devices, add_device, insert_device, new_id
from homeftp.accounts.links.table import KEPT_SECONDS, MOST_LINKS, LinkRecord, Links, NewLink
from homeftp.accounts.state.schema import COLUMN_TYPES
from homeftp.endpoint import parse
from homeftp.errors import Busy, Forbidden
from homeftp.store.policy.rights import parse_rights
from tests.support.accountstate import StateCase
from tests.support.folders import QuickCase

NOW = 1_000_000.0


class LinksCase(StateCase, QuickCase):
    """A table, and an account that may make links with its laptop."""

    def setUp(self) -> None:
        self.now = NOW
        self.state = self.make_state()
        self.accesses = AccessTable(self.state)
        self.accesses.add("ann", None, AccessChange(home=parse("people/ann"), links=True))
        self.links = Links(self.state, lambda: self.now)
        self.devices = Devices(self.state)
        self.laptop = self.device("laptop")

    def device(self, name: str) -> Device:
        """Another device of ann's."""
        with self.state.transaction() as connection:
            return add_device(connection, new_id(), "ann", name, self.now)

    def new(self, **changes: Any) -> NewLink:
        """What is asked for, as ann and her laptop are now."""
        access = self.accesses.find("ann")
        assert access is not None
        new = NewLink(
            account="ann",
            account_stamp=access.stamp,
            creator=self.devices.find(self.laptop.id),
            home=parse("photos"),
            upload=False,
            seconds=60,
            uses=None,
            password=None,
        )
        return attrs.evolve(new, **changes)

    def make(self, **changes: Any) -> tuple[LinkRecord, str]:
        """A link, and its secret."""
        return self.links.make(self.new(**changes), lambda record: None)


class MakeTests(LinksCase):
    """`make`, `find` and `of_account`."""

    def test_password_unseen(self) -> None:
        """No text that a log could have of a link, made or to be made, has its password."""
        record, _ = self.make(password="stored")
        for link in (record, self.new(password="stored")):
            self.assertNotIn("stored", repr(link))
            self.assertEqual(link.password, "stored", "the control")

    def test_made(self) -> None:
        """A link is a device that may read one path; it is found by its secret, of which only the hash is stored."""
        record, token = self.make(uses=2, password="stored")
        self.assertRegex(token, r"^[A-Za-z0-9_-]{43}$")
        self.assertEqual(self.links.find(token), record)
        self.assertIsNone(self.links.find(token[:-1] + ("A" if token[-1] != "A" else "B")))
        self.assertEqual(record.device.kind, DeviceKind.SHARE_LINK.value)
        self.assertRegex(record.device.name, r"^link-[a-z2-9]{8}$")
        self.assertEqual((record.narrowing.rights, record.narrowing.home), ({"read"}, parse("photos")))
        self.assertEqual(
            (record.ends, record.creator, record.uses_left, record.password), (NOW + 60, self.laptop.id, 2, "stored")
        )
        with self.state.connection() as connection:
            dump = repr([connection.execute(f"SELECT * FROM {table}").fetchall() for table in COLUMN_TYPES])
        self.assertIn(record.device.name, dump)
        self.assertNotIn(token, dump)

    def test_upload(self) -> None:
        """A drop box may add, and nothing else."""
        record, _ = self.make(upload=True)
        self.assertEqual((record.narrowing.rights, record.upload), ({"add"}, True))

    def test_listed(self) -> None:
        """The newest link is the first; those of others are not listed."""
        first, _ = self.make()
        self.now += 1
        second, _ = self.make(home=parse("b"))
        self.assertEqual(self.links.of_account("ann"), [second, first])
        self.assertEqual(self.links.of_account("bob"), [])

    def test_not_allowed(self) -> None:
        """Without the owner's permission there is no link; nor for a login that is not valid any more."""
        stale = self.new()
        self.accesses.change("ann", AccessChange(links=False))
        with self.assertRaisesRegex(Forbidden, "may not make share links: .* --links on"):
            self.make()
        self.accesses.change("ann", AccessChange(links=True))
        self.make()
        with self.assertRaisesRegex(Forbidden, "revoked"):
            self.links.make(stale, lambda record: None)
        creator = self.devices.find(self.laptop.id)
        self.devices.narrow(self.laptop.name, parse_rights("read"), None)
        with self.assertRaisesRegex(Forbidden, "revoked"):
            self.make(creator=creator)
        self.make()
        self.devices.revoke(self.laptop.name)
        with self.assertRaisesRegex(Forbidden, "revoked"):
            self.make(creator=creator)
        self.state.remove_account("ann")
        with self.assertRaisesRegex(Forbidden, "revoked"):
            self.links.make(stale, lambda record: None)

    def test_unrecorded(self) -> None:
        """A link that cannot be recorded is not made, and one whose end cannot be recorded is not revoked."""
        with self.assertRaises(OSError):
            self.links.make(self.new(), mock.Mock(side_effect=OSError))
        self.assertEqual(self.links.of_account("ann"), [])
        record, _ = self.make()
        with self.assertRaises(OSError):
            self.links.revoke(record, mock.Mock(side_effect=OSError))
        self.assertEqual(self.links.of_account("ann"), [record])

    def test_most(self) -> None:
        """Where an account has too many, those that have ended make space, and then no more are made."""
        kept = [f"link-{number}" for number in range(MOST_LINKS - 2)]
        with self.state.transaction() as connection:
            for name in kept:
                link = insert_device(
                    connection, new_id(), name, "ann", NOW, DeviceKind.SHARE_LINK, name, expires=NOW + 600
                )
                connection.execute("INSERT INTO links (device) VALUES (?)", (link.id,))
        used, _ = self.make(seconds=600, uses=1)
        self.links.use(used.device.id)
        expired, _ = self.make(seconds=1)
        self.now += 2
        self.make(seconds=600)
        self.make(seconds=600)
        left = {each.device.name for each in self.links.of_account("ann")}
        self.assertEqual(left & {used.device.name, expired.device.name}, set())
        self.assertLessEqual(set(kept), left)
        with self.assertRaises(Busy):
            self.make()

    def test_purged(self) -> None:
        """What has ended is kept for a month, to be seen, and removed when another link is made after that."""
        old, _ = self.make(seconds=1)
        self.now += KEPT_SECONDS
        self.make()
        self.assertIn(old, self.links.of_account("ann"))
        self.now += 1
        self.make()
        self.assertNotIn(old, self.links.of_account("ann"))


class EndTests(LinksCase):
    """All that ends a link."""

    def ends(self, *, link: bool = True) -> None:
        """The link of `make` is gone, or still there."""
        self.assertEqual(self.links.find(self.token) is None, link)
        with self.state.connection() as connection:
            (count,) = connection.execute("SELECT count(*) FROM links").fetchone()
        self.assertEqual(count, 0 if link else 1)

    def setUp(self) -> None:
        super().setUp()
        self.record, self.token = self.make()

    def test_revoked(self) -> None:
        """It is revoked once, and that is recorded."""
        noted: list[LinkRecord] = []
        self.assertTrue(self.links.revoke(self.record, noted.append))
        self.assertFalse(self.links.revoke(self.record, noted.append))
        self.assertEqual(noted, [self.record])
        self.ends()

    def test_not_a_link(self) -> None:
        """Only a link is revoked as one."""
        other = attrs.evolve(self.record, device=self.laptop)
        self.assertFalse(self.links.revoke(other, lambda record: None))
        self.assertIsNotNone(self.devices.find(self.laptop.id))

    def test_device_command(self) -> None:
        """The owner revokes it like any device."""
        self.devices.revoke(self.record.device.name)
        self.ends()

    def test_account_removed(self) -> None:
        """It goes with its account, also where another gets the name."""
        self.state.remove_account("ann")
        self.ends()
        self.accesses.add("ann", None, AccessChange(links=True))
        self.ends()

    def test_permission_withdrawn(self) -> None:
        """It ends for good when the owner withdraws the permission."""
        self.accesses.change("ann", AccessChange(links=False))
        self.accesses.change("ann", AccessChange(links=True))
        self.ends()

    def test_home_moved(self) -> None:
        """It would lead to another folder where the account gets another home."""
        self.accesses.set_home("ann", parse("people/other"))
        self.ends()

    def test_creator_removed(self) -> None:
        """It ends with the device that made it, and not with another."""
        other = self.device("phone")
        self.devices.revoke(other.name)
        self.ends(link=False)
        self.devices.revoke(self.laptop.name)
        self.ends()

    def test_creator_narrowed(self) -> None:
        """It ends when the device that made it may do less."""
        self.devices.rename(self.laptop.name, "renamed")
        self.ends(link=False)
        self.devices.narrow("renamed", parse_rights("read"), None)
        self.ends()

    def test_account_changed(self) -> None:
        """It stays when its account is changed: its logins are checked anew then."""
        self.accesses.change("ann", AccessChange(quota=1000))
        self.accesses.grant("ann", parse("photos"), parse_rights("none"))
        self.ends(link=False)


class UseTests(LinksCase):
    """`use`."""

    def test_counted(self) -> None:
        """A link is used as often as it may be, and one without a limit any number of times."""
        limited, _ = self.make(uses=2)
        self.assertEqual([self.links.use(limited.device.id) for _ in range(3)], [True, True, False])
        free, _ = self.make()
        self.assertEqual([self.links.use(free.device.id) for _ in range(3)], [True] * 3)
        self.assertFalse(self.links.use("nothing"))


class DamagedLinkTests(LinksCase):
    """What SQLite takes and the table never holds."""

    def test_damaged(self) -> None:
        """What nobody has written into the table gives nothing."""
        record, token = self.make(uses=1)
        with self.state.transaction() as connection:
            connection.execute("UPDATE links SET uses_left = 'many'")
            connection.execute("UPDATE devices SET expires = 'never', rights = 'all' WHERE id = ?", (record.device.id,))
        self.assertFalse(self.links.use(record.device.id))
        damaged = self.links.find(token)
        assert damaged is not None
        self.assertEqual((damaged.ends, damaged.narrowing.rights, damaged.upload), (0.0, frozenset(), False))
        self.assertIsNone(self.devices.find_link(record.device.id, 0.0))
