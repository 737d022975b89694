"""How refusals and faults are told to clients: one table from the statuses of homeftp to the codes of SFTP."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.errors import INTERNAL_ERROR, Refusal
from homeftp.server.sftp.wire.numbers import StatusCode
from homeftp.status import Status

_log = Logger()

CODES: dict[Status, StatusCode] = {
    Status.FORBIDDEN: StatusCode.PERMISSION_DENIED,
    Status.LOGIN_REQUIRED: StatusCode.PERMISSION_DENIED,
    Status.FILETYPE_NOT_ALLOWED: StatusCode.PERMISSION_DENIED,
    Status.NOT_FOUND: StatusCode.NO_SUCH_FILE,
    Status.UNKNOWN_REQUEST_TYPE: StatusCode.OP_UNSUPPORTED,
}
"""Version 3 has few codes: everything else is a FAILURE, whose message says more."""


def status_of(error: BaseException) -> tuple[StatusCode, str]:
    """The code and the message for what an operation raised. A fault of the server's own is logged."""
    if isinstance(error, Refusal):
        return CODES.get(error.status, StatusCode.FAILURE), error.message
    if isinstance(error, ConnectionLost):
        return StatusCode.FAILURE, "the connection has ended"
    _log.failure("an SFTP request failed", Failure(error))
    return StatusCode.FAILURE, INTERNAL_ERROR
