"""From an errno to the refusal that the person at the client reads: one table.

An error that the client cannot act on (EIO and everything that is not listed
here) becomes `Internal`, with the OSError as its cause for the log.
"""

from __future__ import annotations

import contextlib
import errno
import os

from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Busy, Forbidden, Internal, NoSpace, Refusal, WrongKind
from homeftp.store.policy.wording import display_path, format_size, not_found

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors that go away when old files are removed."""

MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""Errors of a path on which a directory is missing, or is a file or a symbolic link."""

NOT_READ = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA})
"""The errors of a disk or a file system that has lost a content, or no longer trusts it."""

_FULL = FULL | {errno.EFBIG}
_DENIED = frozenset({errno.EACCES, errno.EPERM})
_UNNAMEABLE = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ETXTBSY})


_QUIETLY = contextlib.suppress(OSError)


def close_quietly(fd: int) -> None:
    """Close a file that was only read or is durable already: an error cannot lose data then."""
    with _QUIETLY:
        os.close(fd)


def exhausted(endpoint: Endpoint, size: int) -> NoSpace:
    """The refusal of `size` bytes by the disk: it does not say what it lacks."""
    needs = f"it needs {format_size(size)}, and " if size else ""
    why = "the disk, a disk quota or the number of files is exhausted"
    where = display_path(endpoint)
    return NoSpace(f"the server's disk has no space for {where}: {needs}{why}. Ask the server's owner to make space")


def refusal(error: OSError, endpoint: Endpoint, *, size: int = 0) -> Refusal:
    """The refusal for an OSError at `endpoint`, where `size` bytes were needed.

    The error becomes the refusal's cause, for the log.
    """
    refused = _refusal(error.errno, endpoint, size)
    refused.__cause__ = error
    return refused


def _refusal(number: int | None, endpoint: Endpoint, size: int) -> Refusal:
    where = display_path(endpoint)
    if number == errno.ENOENT:
        return not_found(endpoint)
    if number == errno.ENOTDIR:
        return WrongKind(f"{where} is not a directory, or one of its parents is not")
    if number == errno.EISDIR:
        return WrongKind(f"{where} is a directory")
    if number == errno.ELOOP:
        return WrongKind(f"{where} is or has a parent that is a symbolic link: links are not followed")
    if number == errno.ENXIO:
        return WrongKind(f"{where} is neither a file nor a directory")
    if number in _FULL:
        return exhausted(endpoint, size)
    if number == errno.EROFS:
        return Forbidden(f"{where} cannot be changed: the server's disk is mounted read-only")
    if number in _DENIED:
        return Forbidden(
            f"the server has no permission for that on {where}: ask the server's owner to change its permissions"
        )
    if number == errno.EXDEV:
        return Forbidden(f"{where} is on another disk of the server: files cannot be moved there in one step")
    if number == errno.EBUSY:
        return Forbidden(f"another disk of the server is mounted at {where}: it cannot be moved or removed")
    if number in _UNNAMEABLE:
        return BadEndpoint(f"the server's disk cannot store the name {where}: use a shorter or simpler name")
    if number in _EXHAUSTED:
        return Busy(f"the server cannot open {where} right now: try again in a while")
    return Internal(f"the server's disk failed at {where}")
