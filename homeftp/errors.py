"""Every refusal as an exception, one class for each status.

A refusal's message is written for the person at the other end: what was
wrong and what would be right, and never a path outside the shared folder. The server
turns a raised refusal into a response; the client turns a response that
refuses into the same exception. Anything that is not a refusal is a bug and
is answered `INTERNAL` without detail.
"""

from __future__ import annotations

from typing import ClassVar

from homeftp.status import Status

INTERNAL_ERROR = "internal error; see the server log"
"""The message that a client gets for a fault of the server."""


class Refusal(Exception):
    """A request that is refused; `status` says how, `message` says why."""

    status: ClassVar[Status] = Status.INTERNAL

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(Refusal):
    """The line is no request, or a parameter is missing or mistyped."""

    status = Status.BAD_REQUEST


class UnknownRequestType(Refusal):
    """No enabled dispatcher answers this request_type."""

    status = Status.UNKNOWN_REQUEST_TYPE


class TooLarge(Refusal):
    """A line, a payload or a file is over its limit."""

    status = Status.TOO_LARGE


class TLSRequired(Refusal):
    """Anything but STARTTLS before TLS is up."""

    status = Status.TLS_REQUIRED


class LoginRequired(Refusal):
    """Anything but HELLO, LOGIN and QUIT before login."""

    status = Status.LOGIN_REQUIRED


class LoginFailed(Refusal):
    """The user name and password do not belong together."""

    status = Status.LOGIN_FAILED


class Forbidden(Refusal):
    """This account may not do that."""

    status = Status.FORBIDDEN


class NotFound(Refusal):
    """Nothing is at the endpoint."""

    status = Status.NOT_FOUND


class BadEndpoint(Refusal):
    """The endpoint is no legal relative path; endpoint.py has the rules."""

    status = Status.BAD_ENDPOINT


class FiletypeNotAllowed(Refusal):
    """The owner shares other file types only."""

    status = Status.FILETYPE_NOT_ALLOWED


class WrongKind(Refusal):
    """A directory stands where a file is meant, or the other way round."""

    status = Status.WRONG_KIND


class NotEmpty(WrongKind):
    """A directory is to be removed by itself, and holds something."""


class Changed(Refusal):
    """A precondition does not hold, or a file changed while it was read."""

    status = Status.CHANGED


class ContentMismatch(Refusal):
    """The payload does not have the hash or the size that was declared."""

    status = Status.CONTENT_MISMATCH


class Damaged(Refusal):
    """The store has not kept the content: the disk has another one, or cannot read it."""

    status = Status.DAMAGED


class Internal(Refusal):
    """Internal error; see the server log."""

    status = Status.INTERNAL


class Busy(Refusal):
    """A queue or a limit is full for now; try again later."""

    status = Status.BUSY


class NoSpace(Refusal):
    """The disk or the quota is full."""

    status = Status.NO_SPACE


class TimedOut(Refusal):
    """The peer was silent for longer than a deadline allows."""

    status = Status.TIMEOUT


class ShuttingDown(Refusal):
    """The server is stopping and takes no new request."""

    status = Status.SHUTTING_DOWN


BY_STATUS: dict[Status, type[Refusal]] = {
    refusal.status: refusal
    for refusal in (
        BadRequest,
        UnknownRequestType,
        TooLarge,
        TLSRequired,
        LoginRequired,
        LoginFailed,
        Forbidden,
        NotFound,
        BadEndpoint,
        FiletypeNotAllowed,
        WrongKind,
        Changed,
        ContentMismatch,
        Damaged,
        Internal,
        Busy,
        NoSpace,
        TimedOut,
        ShuttingDown,
    )
}
"""The one table between statuses and exceptions."""


def refusal(status: int, message: str) -> Refusal:
    """The exception for a response with this status.

    A status from a newer peer that this table does not know becomes
    `Internal`, with the number in its message.
    """
    try:
        return BY_STATUS[Status(status)](message)
    except (ValueError, KeyError):
        return Internal(f"status {status}: {message}")


class OperatorError(Exception):
    """A fault that keeps a program from starting, or a command from being carried out.

    One line for the person who typed it: what is wrong and what to do. The
    command line prints it and ends with a non-zero status; no traceback.
    """


class InUse(OperatorError):
    """Another process uses what only one can use at a time: a later try may succeed."""


class UntrustedServer(Exception):
    """The other end could not prove that it is the server that is meant.

    One line for the person at the client, as with `OperatorError`; nothing
    secret was sent. The command line ends with status 4.
    """


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things in a message: "1 file", "1,200 files"; `plural` where that is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def not_found(endpoint: str) -> NotFound:
    """The refusal where nothing exists at an endpoint of the server, as both sides word it; "" is the root."""
    return NotFound(f"{endpoint or 'the shared folder'} does not exist on the server")


def check_limit(what: str, size: int, limit: int) -> None:
    """Raise `TooLarge` (22) if `what`, as a message names it, has more than `limit` bytes."""
    if size > limit:
        raise TooLarge(f"{what} has {counted(size, 'byte')}; at most {limit:,} are allowed here")
