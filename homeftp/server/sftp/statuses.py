"""How refusals and faults are told to clients: one table from the statuses of homeftp to the codes of SFTP."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.errors import INTERNAL_ERROR, Refusal
from homeftp.server.sftp.wire.numbers import Code
from homeftp.status import Status

_log = Logger()

CODES: dict[Status, Code] = {
    Status.FORBIDDEN: Code.PERMISSION_DENIED,
    Status.LOGIN_REQUIRED: Code.PERMISSION_DENIED,
    Status.FILETYPE_NOT_ALLOWED: Code.PERMISSION_DENIED,
    Status.NOT_FOUND: Code.NO_SUCH_FILE,
    Status.UNKNOWN_REQUEST_TYPE: Code.OP_UNSUPPORTED,
}
"""Version 3 has few codes: everything else is a FAILURE, whose message says more."""


def told_status(error: BaseException) -> tuple[Code, str]:
    """The code and the message for what an operation raised. A fault of the server's own is logged."""
    if isinstance(error, Refusal):
        return CODES.get(error.status, Code.FAILURE), error.message
    if isinstance(error, ConnectionLost):
        return Code.FAILURE, "the connection has ended"
    _log.failure("an SFTP request failed", Failure(error))
    return Code.FAILURE, INTERNAL_ERROR
