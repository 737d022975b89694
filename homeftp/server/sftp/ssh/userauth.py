"""Logging in (RFC 4252): passwords and public keys become credentials for the login service."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Protocol

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.service import SSHService
from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from homeftp.accounts.credentials.sshkeys import SSHKey
from homeftp.errors import LoginFailed, Refusal
from homeftp.server.sftp.ssh.algorithms import USER_KEYS

REQUEST, FAILURE, SUCCESS, BANNER, KEY_OK = 50, 51, 52, 53, 60
"""Messages."""

METHODS = b"publickey,password"

_STRINGS = 3
"""At the beginning of a request: the user, the service and the method."""

MOST_REQUESTS = 24
"""Requests of one connection, at most: an agent may ask for each of its keys."""

_BLOBS_OF = {b"rsa-sha2-256": b"ssh-rsa", b"rsa-sha2-512": b"ssh-rsa"}
"""The type of the key, where it has another name than the signature."""


class Authenticated(Protocol):
    """The connection of a client that logs in."""

    sessionID: bytes | None

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        """Send a message."""

    def fail(self, why: str, reason: int = ...) -> None:
        """Close the connection."""

    def log_in(self, credentials: ICredentials) -> Deferred[None]:
        """Log in; fails with a refusal. The connection serves the client after it."""

    def begin_service(self) -> None:
        """The client has been told: serve it."""

    def knows_key(self, user: bytes, blob: bytes) -> Deferred[bool]:
        """Whether an account has a key."""


class UserAuthentication(SSHService):
    """The service `ssh-userauth` of one connection. After `attempts` wrong passwords or signatures it is closed."""

    name = b"ssh-userauth"
    _log = Logger()

    def __init__(self, attempts: int) -> None:
        self._left = attempts
        self._requests = 0
        self._busy = False
        self._ended = False

    @property
    def _connection(self) -> Authenticated:
        connection: Any = self.transport
        return connection  # type: ignore[no-any-return]

    def serviceStopped(self) -> None:
        """The connection has ended, or is served by another service now."""
        self._ended = True

    def packetReceived(self, messageNum: int, packet: bytes) -> None:
        """A message of the client."""
        if messageNum != REQUEST or self._busy:
            self._connection.fail("one login after another, and nothing else")
            return
        self._requests += 1
        if self._requests > MOST_REQUESTS:
            self._connection.fail("too many tries to log in")
            return
        user, service, method, rest = getNS(packet, _STRINGS)
        if service != b"ssh-connection":
            self._refuse()
        elif method == b"password":
            password, _ = getNS(rest[1:])
            if rest[:1] == b"\0":
                self._begin(lambda: self._connection.log_in(UsernamePassword(user, password)), guess=True)
            else:
                self._refuse()  # a password cannot be changed here
        elif method == b"publickey":
            self._public_key(user, rest)
        else:
            self._refuse()

    def _public_key(self, user: bytes, rest: bytes) -> None:
        signed = rest[:1] != b"\0"
        algorithm, blob, rest = getNS(rest[1:], 2)
        if algorithm not in USER_KEYS or getNS(blob)[0] != _BLOBS_OF.get(algorithm, algorithm):
            self._refuse()
        elif signed:
            signature, _ = getNS(rest)
            proven = self._is_signed(user, algorithm, blob, signature)
            self._begin(lambda: self._connection.log_in(SSHKey(user, blob, verified=proven)), guess=True)
        else:
            self._begin(lambda: self._ask(user, algorithm, blob), guess=False)

    def _is_signed(self, user: bytes, algorithm: bytes, blob: bytes, signature: bytes) -> bool:
        """Whether the client has signed this session with the key (RFC 4252, section 7)."""
        if getNS(signature)[0] != algorithm:
            return False
        session = self._connection.sessionID or b""
        signed = NS(session) + bytes((REQUEST,)) + NS(user) + NS(b"ssh-connection") + NS(b"publickey") + b"\1"
        return bool(Key.fromString(blob, type="BLOB").verify(signature, signed + NS(algorithm) + NS(blob)))

    async def _ask(self, user: bytes, algorithm: bytes, blob: bytes) -> None:
        """Tell a client whether it need sign with this key."""
        if not await self._connection.knows_key(user, blob):
            raise LoginFailed("this key is not known")
        if not self._ended:
            self._connection.sendPacket(KEY_OK, NS(algorithm) + NS(blob))

    def _begin(self, act: Callable[[], Awaitable[None]], *, guess: bool) -> None:
        self._busy = True
        Deferred.fromCoroutine(self._try(act, guess=guess))

    async def _try(self, act: Callable[[], Awaitable[None]], *, guess: bool) -> None:
        try:
            await act()
        except Refusal as refusal:
            self._busy = False
            if not self._ended:
                self._tell(refusal)
                self._left -= guess
                self._refuse()
        except Exception:  # noqa: BLE001 (the login must have an answer)
            self._log.failure("a login failed")
            if not self._ended:
                self._connection.fail("internal error")
        else:
            self._busy = False
            if guess and not self._ended:
                self._connection.sendPacket(SUCCESS, b"")
                self._connection.begin_service()

    def _tell(self, refusal: Refusal) -> None:
        """Say why, where it is not that the credentials are wrong."""
        if not isinstance(refusal, LoginFailed):
            self._connection.sendPacket(BANNER, NS(f"{refusal.message}\r\n".encode()) + NS(b"en"))

    def _refuse(self) -> None:
        if self._left <= 0:
            self._connection.fail("too many wrong passwords or keys")
        else:
            self._connection.sendPacket(FAILURE, NS(METHODS) + b"\0")
