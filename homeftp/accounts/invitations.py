"""Invitations: codes that each let one device pair, once, within a time; and what became of them.

A code ends when its time is over, when a device has used it, and with the
third wrong try, over whatever connections the tries came. Each step is one
transaction, so that two devices that try at the same time cannot both use it.
"""

from __future__ import annotations

import enum
import getpass
import random
import re
import time
from typing import Callable, Sequence

import msgspec

from homeftp.accounts.database import AccountDatabase, add_account
from homeftp.accounts.devices import Device, pair_device
from homeftp.accounts.passwords import NAME_LENGTH
from homeftp.accounts.state.interface import Statements
from homeftp.config import DAY, MAX_INVITATION
from homeftp.crypto.pake import Code, new_words
from homeftp.errors import OperatorError
from homeftp.store.policy.rights import ALL, rights_shown

TRIES = 3
"""Wrong tries after which a code is cancelled."""

MOST = 999
"""Codes that are open at the same time, at most: a number that is guessed is then nearly always that of no code."""

NUMBERS = range(1000, MAX_INVITATION + 1)
"""The numbers of codes. They are chosen by chance: who knows a number can cancel its code by three wrong tries."""

_WITHDRAWN = 99
"""The number of misses that stands for a code which the owner cancelled."""

_NAMED_ACCOUNTS = 5
"""Accounts that a message names, at most."""

_KEPT_SECONDS = DAY
"""How long an invitation is kept after its end, so that the owner can see what became of it."""


class InvitationState(enum.Enum):
    """Whether a code can still be used, and if not, why."""

    OPEN = "open"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Invitation(msgspec.Struct, frozen=True):
    """A code, and the account that a device which pairs with it belongs to."""

    code: Code
    account: str
    ends: float
    """Seconds since 1970 UTC."""
    state: InvitationState = InvitationState.OPEN
    device: str = ""
    """The name of the device that used it; "" while none has."""
    tries_left: int = TRIES
    """Wrong tries that are left."""
    withdrawn: bool = False
    """Whether the owner cancelled it."""
    web: bool = False
    """Whether it is a link for a browser; its code works too, for who sees it."""


def default_account(accounts: Sequence[str]) -> str:
    """The account of a new device where none is named: the only one there is, or else one named after this user.

    Raises `OperatorError` where there are several.
    """
    if len(accounts) == 1:
        return accounts[0]
    if accounts:
        raise OperatorError(
            f"name the account of the device: --account {' or --account '.join(accounts[:_NAMED_ACCOUNTS])}"
        )
    try:
        user = re.sub(r"[^a-z0-9._-]+", "-", getpass.getuser().lower()).strip("-._")[:NAME_LENGTH]
    except (OSError, KeyError):
        user = ""
    return user if user and user != "root" else "home"


class Invitations(msgspec.Struct, frozen=True):
    """The table of invitations. Its methods block and raise `OperatorError`, as those of `AccountDatabase`."""

    state: AccountDatabase
    clock: Callable[[], float] = time.time
    """Seconds since 1970 UTC: an invitation outlives a restart."""

    def make(
        self, account: str, seconds: float, rights: frozenset[str] | None = None, secret: str | None = None
    ) -> Invitation:
        """A new code for an account, which is created where it does not exist, with these rights or all.

        With `secret` it is an invitation for the web: the secret that has this hash spares the code.

        Raises `OperatorError` where the account exists with other rights.
        """
        now = self.clock()
        with self.state.transaction() as connection:
            connection.execute("DELETE FROM invitations WHERE ends < ?", (now - _KEPT_SECONDS,))
            if _full(connection):  # then give up those that have ended before their day is over
                connection.execute(
                    "DELETE FROM invitations WHERE ends < ? OR misses >= ? OR device IS NOT NULL", (now, TRIES)
                )
            if _full(connection):
                raise OperatorError(f"{MOST} codes are open already: wait until some of them have expired")
            taken = _numbers(connection)
            number = random.SystemRandom().choice([each for each in NUMBERS if each not in taken])
            invitation = Invitation(Code(number, new_words()), account, now + seconds)
            wanted = rights_shown(ALL if rights is None else rights)
            if connection.execute("SELECT 1 FROM accounts WHERE name = ?", (account,)).fetchone() is None:
                add_account(connection, account, None, rights=wanted)
            (has,) = connection.execute("SELECT rights FROM accounts WHERE name = ?", (account,)).fetchone()
            if rights is not None and has != wanted:
                raise OperatorError(
                    f"the account {account} exists already and may {has}: name a new account, or change the rights of "
                    f"all devices of this one: homeftp account change {account} --rights {wanted}"
                )
            connection.execute(
                "INSERT INTO invitations (number, words, account, ends, secret) VALUES (?, ?, ?, ?, ?)",
                (number, invitation.code.words, account, invitation.ends, secret),
            )
        return invitation

    def find(self, number: int) -> Invitation | None:
        """The invitation of that number, in any state; None where there is none."""
        with self.state.connection() as connection:
            return self._find(connection, number)

    def all(self) -> list[Invitation]:
        """All invitations that are kept, the one that ends first at the top."""
        with self.state.connection() as connection:
            numbers = connection.execute("SELECT number FROM invitations ORDER BY ends, number").fetchall()
            found = [self._find(connection, number) for (number,) in numbers]
        return [each for each in found if each is not None]

    def cancel(self, number: int) -> Invitation:
        """The owner withdraws a code: it can no longer be used. Gives it as it was before.

        Raises `OperatorError` where there is none of that number, and where it is not open any more.
        """
        with self.state.transaction() as connection:
            found = self._find(connection, number)
            if found is None:
                raise OperatorError(f"there is no code {number}: `homeftp invite --list` shows all")
            if found.state is not InvitationState.OPEN:
                used = f" by {found.device}" if found.device else ""
                raise OperatorError(f"the code {number} cannot be cancelled: it is {found.state.value}{used} already")
            connection.execute("UPDATE invitations SET misses = ? WHERE number = ?", (_WITHDRAWN, number))
        return found

    def open_code(self, number: int) -> Code | None:
        """The code of that number while it is open, else None."""
        found = self.find(number)
        return found.code if found is not None and found.state is InvitationState.OPEN else None

    def find_secret(self, secret: str) -> Code | None:
        """The code of the open invitation for the web whose secret has this hash, else None."""
        with self.state.connection() as connection:
            row = connection.execute("SELECT number FROM invitations WHERE secret = ?", (secret,)).fetchone()
        return None if row is None else self.open_code(row[0])

    def reserve(self, code: Code) -> bool:
        """Count a try before its proof is checked; gives whether the code is open.

        For a code that does not exist it writes, and takes the same time, too.
        """
        with self.state.transaction() as connection:
            found = self._find(connection, code.number)
            is_open = found is not None and found.code == code and found.state is InvitationState.OPEN
            number = code.number if is_open else -1
            connection.execute("UPDATE invitations SET misses = misses + 1 WHERE number = ?", (number,))
            connection.execute("UPDATE tries SET count = count + 1")
        return is_open

    def give_back(self, code: Code) -> None:
        """The try was right: do not count it."""
        with self.state.transaction() as connection:
            connection.execute(
                "UPDATE invitations SET misses = misses - 1 WHERE number = ? AND words = ?", (code.number, code.words)
            )

    def redeem(
        self,
        code: Code,
        id: str,
        suggestion: str,
        note: Callable[[Device], None] = lambda device: None,
        machine: str | None = None,
    ) -> Device | None:
        """Pair the device that suggests the name `suggestion`; None where the code is not open any more.

        It gets this id, or is the one that the account has on the same `machine`. `note` records
        the pairing; when it raises, nothing is changed.
        """

        def pair(connection: Statements, account: str) -> Device:
            return pair_device(connection, id, account, suggestion, machine, self.clock())

        return self.spend(code, pair, note)

    def spend(
        self, code: Code, add: Callable[[Statements, str], Device], note: Callable[[Device], None]
    ) -> Device | None:
        """Use a code up for the device that `add` makes, within the transaction, of the account it is given.

        None where the code is not open any more. When `add` or `note` raises, nothing is changed.
        """
        with self.state.transaction() as connection:
            found = self._find(connection, code.number)
            if found is None or found.code != code or found.state is not InvitationState.OPEN:
                return None
            if connection.execute("SELECT 1 FROM accounts WHERE name = ?", (found.account,)).fetchone() is None:
                return None
            device = add(connection, found.account)
            connection.execute("UPDATE invitations SET device = ? WHERE number = ?", (device.name, code.number))
            note(device)
        return device

    def _find(self, connection: Statements, number: int) -> Invitation | None:
        row = connection.execute(
            "SELECT words, account, ends, misses, device, secret FROM invitations WHERE number = ?", (number,)
        ).fetchone()
        if row is None:
            return None
        words, account, ends, misses, device, secret = row
        state = InvitationState.OPEN
        if device is not None:
            state = InvitationState.USED
        elif not isinstance(misses, int) or not 0 <= misses < TRIES:
            state = InvitationState.CANCELLED
        elif not isinstance(ends, int | float) or ends <= self.clock():
            state = InvitationState.EXPIRED
        tried = misses if isinstance(misses, int) and 0 <= misses < TRIES else TRIES
        left, withdrawn = TRIES - tried, misses == _WITHDRAWN
        return Invitation(Code(number, words), account, ends, state, device or "", left, withdrawn, secret is not None)


def _numbers(connection: Statements) -> set[int]:
    """The numbers of all invitations."""
    return {number for (number,) in connection.execute("SELECT number FROM invitations")}


def _full(connection: Statements) -> bool:
    return len(_numbers(connection)) >= MOST
