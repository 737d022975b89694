"""The legal messages in each phase of a connection, as tables, for the client and the server.

    PLAIN --STARTTLS--> HANDSHAKE --TLS--> UNAUTHENTICATED --login--> AUTHENTICATED
      each of them --QUIT, a violation, or the end of the connection--> CLOSING

A connection to an endpoint that is TLS from the first byte begins in
HANDSHAKE. No transition leads back, and CLOSING is final: what still arrives
is discarded. Between STARTTLS and the end of the handshake no request and no
response is legal, so command injection (CVE-2011-0411) and response injection
(CVE-2021-23222) fail at both ends.

Both roles go through the same phases. The server enters AUTHENTICATED when
the login service accepts the client; the client when a response proves it
(`proves_login`).
"""

from __future__ import annotations

import enum

from homeftp.errors import BadRequest, LoginRequired, Refusal, TLSRequired
from homeftp.status import Status
from homeftp.wire.messages import Response


class Role(enum.Enum):
    """Which end of the connection."""

    CLIENT = "client"
    SERVER = "server"


class Phase(enum.Enum):
    """How far a connection has come."""

    PLAIN = "plain"
    HANDSHAKE = "handshake"
    UNAUTHENTICATED = "unauthenticated"
    AUTHENTICATED = "authenticated"
    CLOSING = "closing"


TLS_ACTIVE = (Phase.AUTHENTICATED, Phase.UNAUTHENTICATED)
"""The phases in which requests and responses cross, inside TLS; a tuple, because `in` a set calls Enum.__hash__."""

STARTTLS = "STARTTLS"
HELLO = "HELLO"
LOGIN = "LOGIN"
PAIR = "PAIR"
RENEW = "RENEW"
QUIT = "QUIT"

RESERVED_TYPES = frozenset({STARTTLS, HELLO, LOGIN, PAIR, RENEW, QUIT})
"""The request types of the session itself; no dispatcher may claim one."""

ALL_BUT_STARTTLS = None
"""In `LEGAL`: every request type, known or not, except STARTTLS."""

LEGAL: dict[Role, dict[Phase, frozenset[str] | None]] = {
    Role.SERVER: {
        Phase.PLAIN: frozenset({STARTTLS}),
        Phase.HANDSHAKE: frozenset(),
        Phase.UNAUTHENTICATED: frozenset({HELLO, LOGIN, PAIR, QUIT}),
        Phase.AUTHENTICATED: ALL_BUT_STARTTLS,
        Phase.CLOSING: frozenset(),
    },
    Role.CLIENT: {
        Phase.PLAIN: frozenset({STARTTLS}),
        Phase.HANDSHAKE: frozenset(),
        # A client may send requests behind LOGIN without waiting for its response.
        Phase.UNAUTHENTICATED: ALL_BUT_STARTTLS,
        Phase.AUTHENTICATED: ALL_BUT_STARTTLS,
        Phase.CLOSING: frozenset(),
    },
}
"""The request types that a server accepts, and that a client may send, in each phase."""

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.PLAIN: frozenset({Phase.HANDSHAKE, Phase.CLOSING}),
    Phase.HANDSHAKE: frozenset({Phase.UNAUTHENTICATED, Phase.CLOSING}),
    Phase.UNAUTHENTICATED: frozenset({Phase.AUTHENTICATED, Phase.CLOSING}),
    Phase.AUTHENTICATED: frozenset({Phase.CLOSING}),
    Phase.CLOSING: frozenset({Phase.CLOSING}),
}
"""The phases that may follow each phase, in both roles."""

TLS_FIRST = 'nothing is answered before TLS: send {"request_type": "STARTTLS"} first'
"""The message of the refusal before TLS; docs/protocol/vectors.txt quotes it, and the two below."""

_TLS_TWICE = "TLS is up already: STARTTLS comes first and once"
_LOGIN_FIRST = "log in first: LOGIN with username and password, or with the certificate of a paired device"


class ConnectionState:
    """The phase of one connection, in one role."""

    def __init__(self, phase: Phase, role: Role = Role.SERVER) -> None:
        self.phase = phase
        self.role = role

    def advance(self, phase: Phase) -> None:
        """Enter `phase`; raises RuntimeError where `TRANSITIONS` does not allow it, which is a bug of the caller."""
        if phase not in TRANSITIONS[self.phase]:
            raise RuntimeError(f"a connection cannot go from {self.phase.value} to {phase.value}")
        self.phase = phase

    def refusal(self, request_type: str) -> Refusal | None:
        """Why `request_type` is not legal now; None if it is."""
        legal = LEGAL[self.role][self.phase]
        if request_type != STARTTLS if legal is ALL_BUT_STARTTLS else request_type in legal:
            return None
        if self.phase is Phase.PLAIN:
            return TLSRequired(TLS_FIRST)
        if self.phase in (Phase.UNAUTHENTICATED, Phase.AUTHENTICATED):
            return BadRequest(_TLS_TWICE) if request_type == STARTTLS else LoginRequired(_LOGIN_FIRST)
        return BadRequest(f"the connection accepts no requests now (phase: {self.phase.value})")


def proves_login(request_type: str, response: Response) -> bool:
    """Whether a client is logged in, as far as the response to a request of this type shows.

    LOGIN was accepted; or HELLO names the account; or a request succeeded that
    needs a login, which is all that a device's certificate brings. A
    certificate by itself proves nothing: the server may not know the device.
    """
    if response.status >= Status.BAD_REQUEST:
        return False
    if request_type == HELLO:
        return response.body.get("account") is not None
    legal_before_login = LEGAL[Role.SERVER][Phase.UNAUTHENTICATED]
    assert legal_before_login is not None
    return request_type == LOGIN or request_type not in legal_before_login
