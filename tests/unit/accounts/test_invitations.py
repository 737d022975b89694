"""Invitations: for one device, once, for a while, and for three wrong tries."""

from __future__ import annotations

import threading
from unittest import mock

from homeftp.accounts import invitations
from homeftp.accounts.access import AccessTable
from homeftp.accounts.devices import Device, Devices
from homeftp.accounts.invitations import TRIES, Invitation, Invitations, InvitationState, default_account
from homeftp.crypto.pake import Code
from homeftp.errors import OperatorError
from homeftp.store.policy.rights import parse_rights
from tests.support.accountstate import StateCase
from tests.support.logins import PAIRED

DAY = 24 * 60 * 60


class InvitationTests(StateCase):
    """One code, and what becomes of it."""

    def setUp(self) -> None:
        self.now = 1_000_000.0
        self.state = self.make_state()
        self.invitations = Invitations(self.state, lambda: self.now)
        self.made = self.invitations.make("ann", 600)
        self.code = self.made.code

    def invitation_state(self) -> InvitationState | None:
        found = self.invitations.find(self.code.number)
        return None if found is None else found.state

    def test_made(self) -> None:
        """It is open, for that account, which there is from then on, without a password."""
        self.assertEqual(self.made, Invitation(self.code, "ann", self.now + 600))
        self.assertEqual(self.invitations.find(self.code.number), self.made)
        self.assertEqual(self.invitations.open_code(self.code.number), self.code)
        self.assertIsNone(self.invitations.open_code(self.code.number + 1))
        self.assertEqual((self.state.account_names(), self.state.password("ann")), (["ann"], None))
        self.assertIn(self.code.number, range(1000, 10_000))

    def test_secret(self) -> None:
        """The invitation for the web is found by the hash of its secret while it is open; others are not."""
        made = self.invitations.make("ann", 600, secret="hash")
        self.assertEqual(self.invitations.find_secret("hash"), made.code)
        for wrong in ("", "Hash", "None"):
            self.assertIsNone(self.invitations.find_secret(wrong))
        self.invitations.redeem(made.code, "1" * 32, "laptop")
        self.assertIsNone(self.invitations.find_secret("hash"))

    def test_spent(self) -> None:
        """A code is used up for the device that is made with it; where that fails it stays open."""
        with self.assertRaises(OSError):
            self.invitations.spend(self.code, mock.Mock(side_effect=OSError), lambda device: None)
        self.assertEqual(self.invitation_state(), InvitationState.OPEN)
        device = Device("1" * 32, "ann-phone", "ann", self.now)
        add = mock.Mock(return_value=device)
        noted: list[Device] = []
        self.assertEqual(self.invitations.spend(self.code, add, noted.append), device)
        self.assertEqual(
            (add.call_args.args[1], noted, self.invitation_state()), ("ann", [device], InvitationState.USED)
        )
        self.assertIsNone(self.invitations.spend(self.code, add, noted.append))

    def test_account_that_is_there(self) -> None:
        """An account that is there keeps its password."""
        self.state.set_password("ann", "kept")
        self.invitations.make("ann", 600)
        self.assertEqual(self.state.password("ann"), "kept")

    def test_rights(self) -> None:
        """A new account gets the rights that were asked for; for one that has others no code is made."""
        accesses = AccessTable(self.state)
        self.invitations.make("kid", 600, parse_rights("read"))
        kid = accesses.find("kid")
        assert kid is not None
        self.assertEqual(kid.rights.everywhere, {"read"})
        self.invitations.make("kid", 600, parse_rights("read"))
        self.invitations.make("kid", 600)
        with self.assertRaisesRegex(OperatorError, "exists already and may read: "):
            self.invitations.make("kid", 600, parse_rights("read,add"))
        with self.assertRaisesRegex(OperatorError, "exists already and may read,add,replace,delete: "):
            self.invitations.make("ann", 600, parse_rights("read"))
        self.assertEqual(accesses.find("kid"), kid)

    def test_default_account(self) -> None:
        """The only account, or one that is named after this user; of several the owner names one."""
        self.assertEqual(default_account(["ann"]), "ann")
        with self.assertRaisesRegex(OperatorError, "--account ann or --account bob$"):
            default_account(["ann", "bob"])
        for user, account in (("Bob Smith", "bob-smith"), ("root", "home"), ("...", "home")):
            with mock.patch("getpass.getuser", return_value=user):
                self.assertEqual(default_account([]), account)

    def test_used(self) -> None:
        """It admits one device, once."""
        device = self.invitations.redeem(self.code, "1" * 32, "laptop")
        self.assertEqual(device, Device("1" * 32, "ann-laptop", "ann", self.now, **PAIRED))
        self.assertEqual(Devices(self.state).all(), [device])
        self.assertEqual(
            (self.invitation_state(), self.invitations.open_code(self.code.number)), (InvitationState.USED, None)
        )
        self.assertIsNone(self.invitations.redeem(self.code, "2" * 32, "phone"))
        self.assertEqual(Devices(self.state).all(), [device])

    def test_ended(self) -> None:
        """Its time ends it."""
        self.now += 599
        self.assertEqual(self.invitation_state(), InvitationState.OPEN)
        self.now += 1
        self.assertEqual(
            (self.invitation_state(), self.invitations.open_code(self.code.number)), (InvitationState.EXPIRED, None)
        )
        self.assertIsNone(self.invitations.redeem(self.code, "1" * 32, "laptop"))
        self.assertEqual(Devices(self.state).all(), [])

    def test_cancelled(self) -> None:
        """The third wrong try burns it; after that even the right device stays out."""
        self.assertEqual([self.invitations.reserve(self.code) for _ in range(TRIES + 1)], [True, True, True, False])
        self.assertEqual(
            (self.invitation_state(), self.invitations.open_code(self.code.number)), (InvitationState.CANCELLED, None)
        )
        self.assertIsNone(self.invitations.redeem(self.code, "1" * 32, "laptop"))

    def test_garbled_misses(self) -> None:
        """A number of wrong tries that nobody counted ends a code: it never gives more of them."""
        for misses, expected in (
            (0, InvitationState.OPEN),
            (-1, InvitationState.CANCELLED),
            (TRIES, InvitationState.CANCELLED),
        ):
            self.set_misses(misses)
            self.assertIs(self.invitation_state(), expected, misses)

    def set_misses(self, misses: float) -> None:
        """Write so many wrong tries into the table."""
        with self.state.transaction() as connection:
            connection.execute("UPDATE invitations SET misses = ?", (misses,))

    def test_right(self) -> None:
        """A try that was right does not count."""
        for _ in range(10):
            self.assertTrue(self.invitations.reserve(self.code))
            self.invitations.give_back(self.code)
        self.assertEqual(self.invitation_state(), InvitationState.OPEN)

    def test_other_code(self) -> None:
        """The code of an earlier invitation with the same number does nothing to a later one."""
        earlier = Code(self.code.number, "guitar-pine")
        self.assertFalse(any(self.invitations.reserve(earlier) for _ in range(5)))
        self.assertIsNone(self.invitations.redeem(earlier, "1" * 32, "laptop"))
        self.assertEqual(self.invitation_state(), InvitationState.OPEN)

    def test_at_once(self) -> None:
        """Of many devices that try at the same moment one is admitted."""
        devices: list[Device | None] = []
        threads = [
            threading.Thread(target=lambda id=f"{n:032}": devices.append(self.invitations.redeem(self.code, id, "x")))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(devices), 8)
        self.assertEqual([device for device in devices if device is not None], Devices(self.state).all())
        self.assertEqual(len(Devices(self.state).all()), 1)

    def test_unpredictable(self) -> None:
        """Nobody can tell a new code's number, and so nobody can cancel the code by wrong tries for its number."""
        numbers = [self.invitations.make("ann", 600).code.number for _ in range(30)]
        self.assertEqual(len(set(numbers)), 30)
        self.assertGreater(len({number // 1000 for number in numbers}), 3, "they are spread; by chance once in 10^13")

    def test_many(self) -> None:
        """Each has a number of its own, as long as there are any; those of used invitations are given again."""
        self.patch(invitations, "MOST", 20)
        self.patch(invitations, "NUMBERS", range(self.code.number, self.code.number + 20))
        numbers = {self.invitations.make("ann", 600).code.number for _ in range(19)} | {self.code.number}
        self.assertEqual(numbers, set(invitations.NUMBERS))
        with self.assertRaisesRegex(OperatorError, "wait until some of them have expired"):
            self.invitations.make("ann", 600)
        self.invitations.redeem(self.code, "1" * 32, "laptop")
        self.assertEqual(self.invitations.make("ann", 600).code.number, self.code.number)
        self.now += 601
        self.invitations.make("ann", 600)

    def test_forgotten(self) -> None:
        """The fate of a code is known for a day."""
        self.now += 600 + DAY - 1
        self.invitations.make("ann", 1)
        self.assertIsNotNone(self.invitations.find(self.code.number))
        self.now += 2
        self.invitations.make("bob", 1)
        found = self.invitations.find(self.code.number)
        self.assertTrue(found is None or found.account == "bob", found)


class DamagedInvitationTests(StateCase):
    """What SQLite takes and the table never holds."""

    def test_fraction(self) -> None:
        """A code with half a wrong try is at its end."""
        state = self.make_state()
        invitations = Invitations(state)
        made = invitations.make("ann", 600)
        with state.transaction() as connection:
            connection.execute("UPDATE invitations SET misses = 0.5")
        self.assertIsNone(invitations.open_code(made.code.number))
