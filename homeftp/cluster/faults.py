"""The faults of the engines, as the refusals that a client gets, and as the owner is told of them.

A refusal shows nothing of what an engine says: that may hold addresses, names and values. The server's log has it as
the cause, and so do messages to the owner.
"""

from __future__ import annotations

import re

import psycopg
from obstore.exceptions import BaseError
from psycopg import errors
from psycopg_pool import PoolTimeout

from homeftp.errors import Busy, NoSpace, OperatorError, Refusal

_FULL_DATABASE = (errors.DiskFull,)
"""53100: a table, or a file for sorting, cannot grow."""

_TROUBLED_DATABASE = (
    psycopg.OperationalError,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
)
"""Lost connections, time-outs, too many connections (53300), no memory (53200), a server that starts or stops (57P01 to
57P03), an error of its disk (58030), a standby that only reads (25006), and transactions that took too
long (25P03, 25P04): all may pass."""

_FULL_STATUS = "507"

_FULL_CODES = frozenset(("InsufficientStorage", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"))
"""Codes of servers of S3, with whatever status, where a disk or a quota is full. S3 itself has no word for that."""

_NO_BUCKET = "NoSuchBucket"

_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")


def refusal_of(error: BaseException) -> Refusal | None:
    """51 where the same may work later, and 52 where an engine is full; None for what is a mistake of this program."""
    if isinstance(error, _FULL_DATABASE):
        return NoSpace("the server's database is full: ask the server's owner")
    if isinstance(error, _TROUBLED_DATABASE):
        return Busy("the server's database does not answer at the moment: try again later")
    if isinstance(error, psycopg.Error):
        return None
    if isinstance(error, FileNotFoundError) and not is_without_bucket(error):
        return None
    if isinstance(error, BaseError | OSError | ValueError):
        status, code = _STATUS.search(str(error)), _CODE.search(str(error))
        if (status is not None and status[1] == _FULL_STATUS) or (code is not None and code[1] in _FULL_CODES):
            return NoSpace("the server's object store is full: ask the server's owner")
        return silent_bucket()
    return None


def reason_of(error: BaseException | None) -> str:
    """The words of the database's own error behind a refusal, for the owner; "" where there is none."""
    found = ""
    while error is not None:
        if isinstance(error, psycopg.Error) and not isinstance(error, PoolTimeout):
            found = str(error).splitlines()[0].removeprefix("connection failed: ").removeprefix("connection is bad: ")
        error = error.__cause__
    return found


def unreachable(error: BaseException) -> OperatorError:
    """The error for the owner where the database does not answer: `error` is the refusal."""
    reason = reason_of(error)
    said = f" ({reason})" if reason else ""
    return OperatorError(f"the database cannot be reached{said}. Check its address, its credentials, and that it runs.")


def silent_bucket() -> Busy:
    """The refusal where the object store does not answer."""
    return Busy("the server's object store does not answer at the moment: try again later")


def is_without_bucket(error: FileNotFoundError) -> bool:
    """Whether it is the bucket that is missing, and not an object in it."""
    code = _CODE.search(str(error))
    return code is not None and code[1] == _NO_BUCKET
