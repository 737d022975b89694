"""App passwords: what they look like, and the checker that tells them from the passwords of accounts.

An app password is made for one program, by the server, so it can be as long as needed: 128 random bits, of which only
the hash is stored (tokens.py). Programs send it with each request, so it must cost nothing to check.

    hf-k2m4q-7xv3a-…

`hf` and six groups of five characters a-z and 2-7 (RFC 4648, section 6): 128 bits and a checksum of 22. Case, hyphens
and spaces do not count, and 0, 1 and 8 are read as o, l and b, because that is how they are mistyped.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import ClassVar, Sequence

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail
from zope.interface import Interface, implementer

from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.devicelogin import VerifiedName, verified
from homeftp.accounts.devices import DeviceKind, Devices
from homeftp.interfaces import IWorkers

_PREFIX = "hf"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_BITS_OF_A_CHARACTER = 5
_SECRET_BYTES = 16
_SECRET_BITS = 8 * _SECRET_BYTES
_CHECK_BITS = 22
_CHARACTERS = (_SECRET_BITS + _CHECK_BITS) // _BITS_OF_A_CHARACTER
_GROUP = 5
_LONGEST = 80
"""Characters of what may be one: with a space or a hyphen after each."""

_MISTYPED = str.maketrans("018", "olb")
_FORM = re.compile(rf"{_PREFIX}([a-z2-7]{{{_CHARACTERS}}})\Z")


def new_app_password() -> str:
    """A new app password, as a person types it."""
    secret = secrets.randbits(_SECRET_BITS)
    number = secret << _CHECK_BITS | _checksum(secret)
    shifts = range(_BITS_OF_A_CHARACTER * (_CHARACTERS - 1), -1, -_BITS_OF_A_CHARACTER)
    text = "".join(_ALPHABET[number >> shift & (len(_ALPHABET) - 1)] for shift in shifts)
    return "-".join([_PREFIX, *(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))])


def app_password_hash(typed: str) -> str | None:
    """The stored form of an app password, however it was typed; None for what is no app password."""
    if len(typed) > _LONGEST:
        return None
    match = _FORM.match(re.sub(r"[-\s]", "", typed).lower().translate(_MISTYPED))
    if match is None:
        return None
    number = 0
    for character in match[1]:
        number = number << _BITS_OF_A_CHARACTER | _ALPHABET.index(character)
    secret, check = number >> _CHECK_BITS, number & ((1 << _CHECK_BITS) - 1)
    return token_hash(match[0]) if check == _checksum(secret) else None


def _checksum(secret: int) -> int:
    digest = hashlib.sha256(secret.to_bytes(_SECRET_BYTES, "big")).digest()
    return int.from_bytes(digest, "big") & ((1 << _CHECK_BITS) - 1)


@implementer(ICredentialsChecker)
@attrs.frozen
class AppPasswordChecker:
    """Finds app passwords in `devices`, in `workers`, and leaves every other password to `others`.

    Fails with `UnauthorizedLogin` for an app password that the account does not have.
    """

    devices: Devices
    workers: IWorkers
    others: ICredentialsChecker | None
    credentialInterfaces: ClassVar[Sequence[type[Interface]]] = (IUsernamePassword,)

    def requestAvatarId(self, credentials: IUsernamePassword) -> Deferred[bytes | tuple[()]]:
        """The account's name, as a `VerifiedName`, or what the other checker says."""
        try:
            name, typed = credentials.username.decode("utf-8"), credentials.password.decode("utf-8")
        except UnicodeDecodeError:
            found = None
        else:
            found = app_password_hash(typed)
        if found is not None:
            return self.workers.run(self._check, name, found)
        if self.others is None:
            return fail(UnauthorizedLogin())
        given: Deferred[bytes | tuple[()]] = self.others.requestAvatarId(credentials)
        return given

    def _check(self, name: str, credential: str) -> VerifiedName:
        """In a worker: the result of `requestAvatarId`."""
        return verified(self.devices.find_of_account(DeviceKind.APP_PASSWORD, credential, name))


def with_app_passwords(
    checkers: Sequence[ICredentialsChecker], devices: Devices, workers: IWorkers
) -> list[ICredentialsChecker]:
    """The checkers, where the one for passwords is no longer asked about app passwords."""
    asked = [each for each in checkers if IUsernamePassword in each.credentialInterfaces]
    return [*checkers, AppPasswordChecker(devices, workers, asked[-1] if asked else None)]
