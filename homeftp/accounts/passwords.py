"""Passwords: what may be one, how it is kept, and the checker that a login goes through.

A password is kept as `scrypt$N$r$p$salt$hash` (RFC 7914; salt and hash in
base64), with its own cost, so that the cost can be raised: who logs in next
is then moved to it. The cost is OWASP's "N=2^13, r=8, p=10", as dear to guess
as their N=2^17, p=1, for 8 MiB of memory instead of 128.
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
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.names import plain_name
from homeftp.errors import OperatorError
from homeftp.interfaces import IWorkers

SHORTEST = 8
"""Characters (NIST SP 800-63B)."""

LONGEST = 1024
"""Characters; LOGIN takes no more."""


@attrs.frozen
class Cost:
    """What one guess costs: scrypt's parameters."""

    n: int = 2**13
    r: int = 8
    p: int = 10

    @property
    def memory(self) -> int:
        """Bytes, as RFC 7914 needs them."""
        return 128 * self.r * (self.n + self.p + 2)

    @property
    def work(self) -> int:
        """How dear it is, in units that are good for comparing."""
        return self.n * self.r * self.p


COST = Cost()
"""Of every new password."""

_DIGEST = 32
"""Bytes."""

_MOST_MEMORY = 2**30
"""Bytes that a kept password may ask for; one that asks for more is damaged."""


def account_name(text: str) -> str:
    """A name that an account may have. Raises `OperatorError` for one that it may not."""
    return plain_name(text, "an account's", 64)


def new_password(text: str) -> str:
    """A password that an account may get. Raises `OperatorError`, without quoting it, for one that it may not."""
    if not SHORTEST <= len(text) <= LONGEST:
        raise OperatorError(
            f"a password has {SHORTEST} characters at least and {LONGEST} at most: several words in a row do well"
        )
    return text


def hash_password(password: str, cost: Cost = COST) -> str:
    """The password as it is kept. Blocks for a good part of a second."""
    salt = os.urandom(16)
    return _kept(cost, salt, _digest(password, cost, salt))


def verify_password(password: str, kept: str) -> bool:
    """Whether this is the password that was kept. Blocks for a good part of a second.

    Raises ValueError when `kept` is damaged.
    """
    cost, salt, digest = _parts(kept)
    return hmac.compare_digest(_digest(password, cost, salt), digest)


def outdated(kept: str, cost: Cost = COST) -> bool:
    """Whether guessing this one is cheaper than `cost`."""
    return _parts(kept)[0].work < cost.work


def _kept(cost: Cost, salt: bytes, digest: bytes) -> str:
    encoded = [base64.b64encode(part).decode("ascii") for part in (salt, digest)]
    return "$".join(["scrypt", str(cost.n), str(cost.r), str(cost.p), *encoded])


def _parts(kept: str) -> tuple[Cost, bytes, bytes]:
    scheme, n, r, p, salt, digest = kept.split("$")
    cost = Cost(int(n), int(r), int(p))
    raw = base64.b64decode(digest, validate=True)
    if scheme != "scrypt" or min(cost.n, cost.r, cost.p) < 1 or cost.memory > _MOST_MEMORY or len(raw) != _DIGEST:
        raise ValueError("no password that this version can check")
    return cost, base64.b64decode(salt, validate=True), raw


def _digest(password: str, cost: Cost, salt: bytes) -> bytes:
    # One spelling of what looks the same, since systems type accents differently (RFC 8265, section 4.2.2).
    spelled = unicodedata.normalize("NFC", password).encode("utf-8")
    return hashlib.scrypt(spelled, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=cost.memory + 2**20, dklen=_DIGEST)


@implementer(ICredentialsChecker)
@attrs.frozen
class PasswordChecker:
    """Checks names and passwords against `state`, in `workers`, a small pool of its own; gives the account's name.

    Fails with `UnauthorizedLogin`, the same for a wrong name and a wrong
    password, and after the same time; with `Busy` when too many wait.
    """

    state: AccountDatabase
    workers: IWorkers
    cost: Cost = COST
    credentialInterfaces: ClassVar[Sequence[type[Interface]]] = (IUsernamePassword,)

    def requestAvatarId(self, credentials: IUsernamePassword) -> Deferred[bytes | tuple[()]]:
        """The account's name, in UTF-8, when the password is its own."""
        return self.workers.run(self._check, credentials.username, credentials.password)

    def _check(self, username: bytes, password: bytes) -> bytes | tuple[()]:
        """In a worker: what `requestAvatarId` gives."""
        try:
            name, typed = username.decode("utf-8"), password.decode("utf-8")
        except UnicodeDecodeError:
            raise UnauthorizedLogin from None
        kept = self.state.password(name)
        nobodys = _kept(self.cost, bytes(16), bytes(_DIGEST))  # takes as long to refuse
        if not verify_password(typed, kept or nobodys) or kept is None:
            raise UnauthorizedLogin
        if outdated(kept, self.cost):
            with suppress(OperatorError):  # a full disk keeps nobody out; there will be another login
                self.state.set_password(name, hash_password(typed, self.cost), instead_of=kept)
        return username
