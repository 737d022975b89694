"""Events of a connection for the code that moves its bytes: one class for each event, in both roles.

Only values are here: parser.py and connection.py make them.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

import msgspec

from homeftp.errors import Refusal
from homeftp.status import Status
from homeftp.wire.messages import Identifier


class Framed(Protocol):
    """The fields that every line has."""

    @property
    def content_length(self) -> int:
        """Bytes of the payload that follows the line."""


M = TypeVar("M", bound=Framed)


class MessageReceived(msgspec.Struct, Generic[M], frozen=True):
    """A line that is a message, and its payload where that is complete."""

    message: M
    payload: bytes | None
    """The whole payload; None: it follows in `PayloadReceived` events."""
    line: bytes
    """The line without its ending."""


class PayloadReceived(msgspec.Struct, frozen=True):
    """The next bytes of the payload of the last message."""

    data: bytes
    last: bool
    """Whether the payload is complete now."""


class RequestAnswered(msgspec.Struct, frozen=True):
    """The oldest open request of a client has got its last response, and all of that one's payload."""


class TLSRequested(msgspec.Struct, frozen=True):
    """The client asks for TLS: answer, and begin the handshake at once."""

    id: Identifier


class TLSAccepted(msgspec.Struct, frozen=True):
    """The server accepts TLS: begin the handshake at once."""


class Refused(msgspec.Struct, frozen=True):
    """The server refuses the connection as a whole: it answers no request, but says why it ends."""

    refusal: Refusal


class Violation(msgspec.Struct, frozen=True):
    """The peer broke the protocol: nothing that follows can be trusted, and nothing more is parsed."""

    status: Status
    """The status that a server answers."""
    message: str
    size: int = 0
    """Bytes of the line that is at fault, as far as it was received."""
    must_abort: bool = False
    """Whether not even an answer may be sent: somebody may be injecting bytes."""


class EndOfInput(msgspec.Struct, frozen=True):
    """The peer sends nothing more."""

    complete: bool
    """Whether the last message was complete; one that was cut short must not be taken as whole."""
