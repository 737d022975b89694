"""What is legal when, on a server's connection: the phases, as a table.

    PLAIN --STARTTLS--> HANDSHAKE --TLS is up--> STRANGER --LOGIN, or a device's certificate--> MEMBER
      any of them --QUIT, or a fault after which the stream cannot be trusted--> CLOSING

A connection to an endpoint that is TLS from the first byte begins in
HANDSHAKE. Nothing moves back, and CLOSING is the end: whatever still arrives
is not looked at. Command injection (CVE-2011-0411) has no room here: between
STARTTLS and the end of the handshake nothing is legal at all.
"""

from __future__ import annotations

import enum

from homeftp.errors import BadRequest, LoginRequired, Refusal, TLSRequired


class Phase(enum.Enum):
    """How far a connection has come."""

    PLAIN = "plain"
    HANDSHAKE = "handshake"
    STRANGER = "stranger"
    MEMBER = "member"
    CLOSING = "closing"


STARTTLS = "STARTTLS"
HELLO = "HELLO"
LOGIN = "LOGIN"
PAIR = "PAIR"
RENEW = "RENEW"
QUIT = "QUIT"

RESERVED_TYPES = frozenset({STARTTLS, HELLO, LOGIN, PAIR, RENEW, QUIT})
"""The request types of the session itself; no dispatcher may claim one."""

_LEGAL: dict[Phase, frozenset[str] | None] = {
    Phase.PLAIN: frozenset({STARTTLS}),
    Phase.HANDSHAKE: frozenset(),
    Phase.STRANGER: frozenset({HELLO, LOGIN, PAIR, QUIT}),
    Phase.MEMBER: None,
    Phase.CLOSING: frozenset(),
}
"""The request types that a phase allows; None: any but STARTTLS."""

_NEXT: dict[Phase, frozenset[Phase]] = {
    Phase.PLAIN: frozenset({Phase.HANDSHAKE, Phase.CLOSING}),
    Phase.HANDSHAKE: frozenset({Phase.STRANGER, Phase.CLOSING}),
    Phase.STRANGER: frozenset({Phase.MEMBER, Phase.CLOSING}),
    Phase.MEMBER: frozenset({Phase.CLOSING}),
    Phase.CLOSING: frozenset({Phase.CLOSING}),
}


class ConnectionState:
    """The phase of one connection."""

    def __init__(self, phase: Phase) -> None:
        self.phase = phase

    def advance(self, phase: Phase) -> None:
        """Go on to `phase`; going anywhere that the table does not name is a bug: RuntimeError."""
        if phase not in _NEXT[self.phase]:
            raise RuntimeError(f"a connection cannot go from {self.phase.value} to {phase.value}")
        self.phase = phase

    def refusal(self, request_type: str) -> Refusal | None:
        """Why `request_type` is not legal now; None if it is."""
        legal = _LEGAL[self.phase]
        if legal is None:
            if request_type == STARTTLS:
                return BadRequest("TLS is up already: STARTTLS comes first and once")
            return None
        if request_type in legal:
            return None
        if self.phase is Phase.PLAIN:
            return TLSRequired('nothing is answered before TLS: send {"request_type": "STARTTLS"} first')
        if self.phase is Phase.STRANGER and request_type == STARTTLS:
            return BadRequest("TLS is up already: STARTTLS comes first and once")
        if self.phase is Phase.STRANGER:
            return LoginRequired(
                "log in first: LOGIN with username and password, or with the certificate of a paired device"
            )
        return BadRequest("the connection takes no request now")
