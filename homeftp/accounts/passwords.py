"""Passwords: which are legal, how they are stored, and the checker of logins.

A password is stored as `scrypt$N$r$p$salt$hash` (RFC 7914; salt and hash in
base64), with its own cost. When the cost is raised, a stored password is
upgraded at the next login. The cost is OWASP's "N=2^13, r=8, p=10": as
expensive to guess as their N=2^17, p=1, with 8 MiB of memory instead of 128.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import unicodedata
from contextlib import suppress
from typing import ClassVar, Sequence

import attrs
import msgspec
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface, implementer

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devicelogin import VerifiedName
from homeftp.accounts.names import plain_name
from homeftp.accounts.throttle import PasswordQueue
from homeftp.config import MAX_PASSWORD, MIB
from homeftp.errors import OperatorError
from homeftp.interfaces import IWorkers

SHORTEST = 8
"""Characters of a password, at least (NIST SP 800-63B)."""

NAME_LENGTH = 64
"""Characters of an account's name, at most."""


_BLOCK = 128
"""Bytes: scrypt works on blocks of 128 * r bytes."""


class Cost(msgspec.Struct, frozen=True):
    """The cost of one guess: scrypt's parameters."""

    n: int = 2**13
    r: int = 8
    p: int = 10

    @property
    def memory(self) -> int:
        """Bytes of memory that scrypt needs (RFC 7914, sections 5 and 6)."""
        return _BLOCK * self.r * (self.n + self.p + 2)

    @property
    def work(self) -> int:
        """The computation, in units for comparison."""
        return self.n * self.r * self.p


COST = Cost()
"""The cost of new passwords."""

_SALT = 16
"""Bytes."""

_DIGEST = 32
"""Bytes."""

_SLACK = 1 * MIB
"""Bytes that OpenSSL's scrypt needs beyond the RFC's."""

_MAX_MEMORY = 1024 * MIB
"""Bytes that the check of a stored password may need; one that needs more is damaged."""


def account_name(text: str) -> str:
    """The name, if it is legal for an account; raises `OperatorError` otherwise."""
    return plain_name(text, "an account's", NAME_LENGTH)


def new_password(text: str) -> str:
    """The password, if it is legal; raises `OperatorError` otherwise, without quoting it."""
    if not SHORTEST <= len(text) <= MAX_PASSWORD:
        raise OperatorError(
            f"a password has between {SHORTEST} and {MAX_PASSWORD} characters: use several words, for example"
        )
    return text


def hash_password(password: str, cost: Cost = COST) -> str:
    """The password in its stored form. Blocks for a large part of a second."""
    salt = os.urandom(_SALT)
    return _format(cost, salt, _digest(password, cost, salt))


def verify_password(password: str, stored: str) -> bool:
    """Whether this is the stored password. Blocks for a large part of a second.

    Raises ValueError where `stored` is damaged.
    """
    cost, salt, digest = _parse(stored)
    return hmac.compare_digest(_digest(password, cost, salt), digest)


def is_outdated(stored: str, cost: Cost = COST) -> bool:
    """Whether guessing the stored password costs less than `cost`."""
    return _parse(stored)[0].work < cost.work


def _format(cost: Cost, salt: bytes, digest: bytes) -> str:
    encoded = [base64.b64encode(part).decode("ascii") for part in (salt, digest)]
    return "$".join(["scrypt", str(cost.n), str(cost.r), str(cost.p), *encoded])


def _parse(stored: str) -> tuple[Cost, bytes, bytes]:
    scheme, n, r, p, salt, digest = stored.split("$")
    cost = Cost(int(n), int(r), int(p))
    raw = base64.b64decode(digest, validate=True)
    if scheme != "scrypt" or min(cost.n, cost.r, cost.p) < 1 or cost.memory > _MAX_MEMORY or len(raw) != _DIGEST:
        raise ValueError("not a password that this version can check")
    return cost, base64.b64decode(salt, validate=True), raw


def _digest(password: str, cost: Cost, salt: bytes) -> bytes:
    # Systems type accents in different forms (RFC 8265, section 4.2.2).
    normalised = unicodedata.normalize("NFC", password).encode("utf-8")
    return hashlib.scrypt(
        normalised, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=cost.memory + _SLACK, dklen=_DIGEST
    )


class ICountedPassword(IUsernamePassword):
    """A name and a password that count as a guess."""

    guesses: int = Attribute("The guesses that count for its address, with this one (`GuessLimit.count`).")


@implementer(ICountedPassword)
@attrs.frozen
class CountedPassword:
    """A name and a password that count as a guess."""

    username: bytes
    password: bytes = attrs.field(repr=False)
    guesses: int

    def checkPassword(self, password: bytes) -> bool:
        """Whether it is this password: for checkers of plugins that store it as it was typed."""
        return hmac.compare_digest(self.password, password)


def counted_password(credentials: ICredentials, guesses: int) -> ICredentials:
    """A name and a password with the guesses that they count with; other credentials as they are."""
    if not IUsernamePassword.providedBy(credentials):
        return credentials
    given = IUsernamePassword(credentials)
    return CountedPassword(given.username, given.password, guesses)


@implementer(ICredentialsChecker)
@attrs.frozen
class PasswordChecker:
    """Checks names and passwords against `state`, in `workers`, a small pool of its own, in the order of `queue`.

    Fails with `UnauthorizedLogin`, after the same time for a wrong name as for
    a wrong password, and with `Busy` when too many checks wait.
    """

    state: AccountDatabase
    workers: IWorkers
    cost: Cost = COST
    queue: PasswordQueue = attrs.field(default=attrs.Factory(lambda self: PasswordQueue(self.workers), takes_self=True))
    """The queue of all passwords that are checked."""
    credentialInterfaces: ClassVar[Sequence[type[Interface]]] = (IUsernamePassword,)

    def requestAvatarId(self, credentials: IUsernamePassword) -> Deferred[bytes | tuple[()]]:
        """The account's name, as a `VerifiedName`."""
        counted = ICountedPassword.providedBy(credentials)
        guesses = ICountedPassword(credentials).guesses if counted else 1
        return self.queue.run(guesses, self._check, credentials.username, credentials.password)

    def _check(self, username: bytes, password: bytes) -> bytes | tuple[()]:
        """In a worker: the result of `requestAvatarId`."""
        try:
            name, typed = username.decode("utf-8"), password.decode("utf-8")
        except UnicodeDecodeError:
            raise UnauthorizedLogin from None
        stored, stamp = self.state.password_and_stamp(name)
        no_password = _format(self.cost, bytes(_SALT), bytes(_DIGEST))  # which takes as long to check
        if not verify_password(typed, stored or no_password) or stored is None:
            raise UnauthorizedLogin
        if is_outdated(stored, self.cost):
            with suppress(OperatorError):  # a full disk must not prevent logins; the next one tries again
                self.state.set_password(name, hash_password(typed, self.cost), instead_of=stored)
        return VerifiedName(name, stamp)
