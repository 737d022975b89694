"""From an errno to the refusal that the person at the other end reads: one table.

What no one at the other end can do anything about (EIO and everything that is
not named here) becomes `Internal`, raised from the OSError for the log.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Callable, ParamSpec, TypeVar

from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Busy, Forbidden, Internal, NoSpace, NotFound, Refusal, WrongKind

P = ParamSpec("P")
T = TypeVar("T")

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What is cured by throwing something away."""

_FULL = FULL | {errno.EFBIG}
_DENIED = frozenset({errno.EACCES, errno.EPERM})
_UNNAMEABLE = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ETXTBSY})


def catch(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Exception:
    """What `step` gives, or what it raised: of many things done together one bad one must not end the others."""
    try:
        return step(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the one item's result
        return error


def close_quietly(fd: int) -> None:
    """Close what was only read, or is durable already: what goes wrong then is nobody's loss."""
    with contextlib.suppress(OSError):
        os.close(fd)


def display_path(endpoint: Endpoint) -> str:
    """An endpoint as messages have it."""
    return str(endpoint) or "the share's root"


def format_size(size: int) -> str:
    """A count of bytes for people."""
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return "1 byte" if size == 1 else f"{size} bytes"


def no_space(endpoint: Endpoint, size: int, free: int | None) -> NoSpace:
    """The refusal of `size` bytes where `free` are left; None: not known. Quotas and inodes end before the bytes do."""
    left = "" if free is None else f", {format_size(free)} are free"
    why = ": a quota or the number of files is used up" if free is not None and size <= free else ""
    return NoSpace(
        f"the server's disk has no room for {display_path(endpoint)}: it needs {format_size(size)}{left}{why}"
    )


def refusal(error: OSError, endpoint: Endpoint, *, size: int = 0, free: int | None = None) -> Refusal:
    """What `error`, met at `endpoint`, means to the client; `size` bytes were wanted where `free` were left.

    The error is the refusal's cause, for the log.
    """
    refused = _refusal(error.errno, endpoint, size, free)
    refused.__cause__ = error
    return refused


def _refusal(number: int | None, endpoint: Endpoint, size: int, free: int | None) -> Refusal:
    where = display_path(endpoint)
    if number == errno.ENOENT:
        return NotFound(f"{where} does not exist")
    if number == errno.ENOTDIR:
        return WrongKind(f"{where} is or lies beneath something that is no directory")
    if number == errno.EISDIR:
        return WrongKind(f"{where} is a directory")
    if number == errno.ELOOP:
        return WrongKind(f"{where} is or leads through a symbolic link: those are not followed")
    if number == errno.ENXIO:
        return WrongKind(f"{where} is neither a file nor a directory")
    if number in _FULL:
        return no_space(endpoint, size, free)
    if number == errno.EROFS:
        return Forbidden(f"{where} cannot be changed: the server's disk is mounted read-only")
    if number in _DENIED:
        return Forbidden(f"the server's own user may not do that to {where}: its owner has to allow it on the server")
    if number == errno.EXDEV:
        return Forbidden(f"{where} lies on another disk of the server, where a file cannot be put in place at once")
    if number == errno.EBUSY:
        return Forbidden(f"{where} is where another disk of the server is mounted: it stays where it is")
    if number in _UNNAMEABLE:
        return BadEndpoint(f"the server's disk cannot hold the name of {where}: use a shorter or plainer one")
    if number in _EXHAUSTED:
        return Busy(f"the server could not open {where} at the moment: try again in a while")
    return Internal(f"the server's disk failed at {where}")
