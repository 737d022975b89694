"""Invitations: codes that let one device in, once, for a while; and what becomes of them.

A code ends with its time, with the device that it let in, and with the third
wrong try, whatever connections those came over. All of that is decided in
transactions, so that two who come at once cannot both have it.
"""

from __future__ import annotations

import enum
import getpass
import random
import re
import sqlite3
import time
from typing import Callable, Sequence

import attrs

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device, add_device
from homeftp.crypto.pake import Code, new_words
from homeftp.errors import OperatorError
from homeftp.store.policy.rights import ALL, rights_shown

TRIES = 3
"""Wrong ones after which a code is burnt."""

MOST = 999
"""That are open at once: the number of each is said aloud."""

_KEPT_SECONDS = 24 * 60 * 60
"""For how long it is known what became of a code."""


class InvitationState(enum.Enum):
    """What has become of an invitation."""

    OPEN = "open"
    USED = "used"
    BURNT = "burnt"
    ENDED = "ended"


@attrs.frozen
class Invitation:
    """A code, and whom it lets in."""

    code: Code
    account: str
    ends: float
    """Seconds since 1970 UTC."""
    fate: InvitationState = InvitationState.OPEN
    device: str = ""
    """The name of the device that it let in."""


def default_account(accounts: Sequence[str]) -> str:
    """Whose device is meant where nobody says it: the only account's; at first, of who runs this.

    Raises `OperatorError` where there are several.
    """
    if len(accounts) == 1:
        return accounts[0]
    if accounts:
        raise OperatorError(f"say whose device it will be: --account {' or --account '.join(accounts[:5])}")
    try:
        user = re.sub(r"[^a-z0-9._-]+", "-", getpass.getuser().lower()).strip("-._")[:64]
    except (OSError, KeyError):
        user = ""
    return user if user and user != "root" else "home"


@attrs.frozen
class Invitations:
    """The table. All methods block; they raise `OperatorError` as `AccountDatabase` does."""

    state: AccountDatabase
    clock: Callable[[], float] = time.time
    """Seconds since 1970 UTC: an invitation outlives a restart."""

    def make(self, account: str, seconds: float, rights: frozenset[str] | None = None) -> Invitation:
        """A new code for an account, which is made if there is none of that name, with these rights or all.

        Raises `OperatorError` where there is one that has others.
        """
        now = self.clock()
        with self.state.transaction() as connection:
            connection.execute("DELETE FROM invitations WHERE ends < ?", (now - _KEPT_SECONDS,))
            free = _free(connection)
            if not free:  # those that came to nothing would be kept for a day: not at this price
                connection.execute(
                    "DELETE FROM invitations WHERE ends < ? OR misses >= ? OR device IS NOT NULL", (now, TRIES)
                )
                free = _free(connection)
            if not free:
                raise OperatorError(f"{MOST} codes are open already: wait until some of them have ended")
            number = random.SystemRandom().choice(free[:9])
            invitation = Invitation(Code(number, new_words()), account, now + seconds)
            made = account, rights_shown(ALL if rights is None else rights)
            connection.execute("INSERT OR IGNORE INTO accounts (name, rights) VALUES (?, ?)", made)
            (has,) = connection.execute("SELECT rights FROM accounts WHERE name = ?", (account,)).fetchone()
            if rights is not None and has != made[1]:
                raise OperatorError(
                    f"{account} is there already, and may {has}: name a new account, or change that for all devices of "
                    f"this one: homeftp account change {account} --rights {made[1]}"
                )
            connection.execute(
                "INSERT INTO invitations (number, words, account, ends) VALUES (?, ?, ?, ?)",
                (number, invitation.code.words, account, invitation.ends),
            )
        return invitation

    def look(self, number: int) -> Invitation | None:
        """The invitation of that number, whatever has become of it; None where there is none."""
        with self.state.connection() as connection:
            return self._look(connection, number)

    def open_code(self, number: int) -> Code | None:
        """The code of that number, if it is open."""
        found = self.look(number)
        return found.code if found is not None and found.fate is InvitationState.OPEN else None

    def reserve(self, code: Code) -> bool:
        """Count a try, before anybody knows whether it is right; whether the code is open.

        It writes, and takes as long, for a code that there is not.
        """
        with self.state.transaction() as connection:
            found = self._look(connection, code.number)
            is_open = found is not None and found.code == code and found.fate is InvitationState.OPEN
            number = code.number if is_open else -1
            connection.execute("UPDATE invitations SET misses = misses + 1 WHERE number = ?", (number,))
            connection.execute("UPDATE tries SET count = count + 1")
        return is_open

    def give_back(self, code: Code) -> None:
        """The try was right: it does not count."""
        with self.state.transaction() as connection:
            connection.execute(
                "UPDATE invitations SET misses = misses - 1 WHERE number = ? AND words = ?", (code.number, code.words)
            )

    def use(
        self, code: Code, id: str, said: str, note: Callable[[Device], None] = lambda device: None
    ) -> Device | None:
        """Let the device with this id in, which calls itself `said`; None where the code is not open any more.

        `note` writes down that it is let in; when it raises, it is not.
        """
        with self.state.transaction() as connection:
            found = self._look(connection, code.number)
            if found is None or found.code != code or found.fate is not InvitationState.OPEN:
                return None
            device = add_device(connection, id, found.account, said, self.clock())
            connection.execute("UPDATE invitations SET device = ? WHERE number = ?", (device.name, code.number))
            note(device)
        return device

    def _look(self, connection: sqlite3.Connection, number: int) -> Invitation | None:
        row = connection.execute(
            "SELECT words, account, ends, misses, device FROM invitations WHERE number = ?", (number,)
        ).fetchone()
        if row is None:
            return None
        words, account, ends, misses, device = row
        fate = InvitationState.OPEN
        if device is not None:
            fate = InvitationState.USED
        elif misses >= TRIES:
            fate = InvitationState.BURNT
        elif ends <= self.clock():
            fate = InvitationState.ENDED
        return Invitation(Code(number, words), account, ends, fate, device or "")


def _free(connection: sqlite3.Connection) -> list[int]:
    """The numbers that no invitation has."""
    taken = {number for (number,) in connection.execute("SELECT number FROM invitations")}
    return [number for number in range(1, MOST + 1) if number not in taken]
