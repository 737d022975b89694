"""Limits of a file's size, time and content, whatever the backend: checked before and after it arrives."""

from __future__ import annotations

import msgspec
from msgspec import structs

from homeftp.endpoint import MAX_PARTS, MAX_PATH_BYTES, Endpoint
from homeftp.errors import BadEndpoint, BadRequest, ContentMismatch, TooLarge, WrongKind, counted
from homeftp.model import MAX_MTIME_US, MAX_SIZE, WriteRequest
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.wording import display_path, format_size, into_itself, owners_metadata, stays


class WriteLimits(msgspec.Struct, frozen=True):
    """The limits of files in a store."""

    filetypes: Filetypes
    file_size: int | None
    """Bytes of the largest file that is accepted; None: no limit."""
    path_bytes: int = MAX_PATH_BYTES
    """Bytes of the longest path that is accepted."""

    def check(self, request: WriteRequest) -> None:
        """Refuse what can be refused without looking at what exists.

        Raises `WrongKind` (43) for the root, `BadEndpoint` (41) for too long a
        path, `FiletypeNotAllowed` (42), `TooLarge` (22) and `BadRequest` (20).
        """
        check_not_root(request.endpoint)
        check_path(request.endpoint, most=self.path_bytes)
        check_range(request.offset, request.size or 0)
        self.filetypes.check(request.endpoint)
        self.check_size(request.endpoint, request.size or 0)
        check_mtime(request.mtime_us)
        if request.offset and request.size is None:
            raise BadRequest("an upload can only be continued where its size was declared")

    def check_size(self, endpoint: Endpoint, size: int) -> None:
        """Raise `TooLarge` (22) for a file of more bytes than are accepted."""
        if self.file_size is not None and size > self.file_size:
            limit = format_size(self.file_size)
            raise TooLarge(f"{display_path(endpoint)} is too large: files of up to {limit} are accepted here")


def check_path(endpoint: Endpoint, longest: int = 0, deepest: int = 0, *, most: int = MAX_PATH_BYTES) -> None:
    """Raise `BadEndpoint` (41) where an endpoint, or something beneath it, could not be named any more.

    Beneath it is something of `longest` bytes, and something of `deepest` parts; a path has at most `most` bytes. What
    an account sees as a short path may be a long one beneath its home.
    """
    problem = None
    if len(endpoint.whole.encode()) + longest > most:
        problem = f"{most} bytes: use shorter names, or fewer folders"
    elif len(endpoint.parts) + deepest > MAX_PARTS:
        problem = f"{MAX_PARTS} parts: use fewer folders"
    if problem is not None:
        raise BadEndpoint(f"{display_path(endpoint)}, or something in it, would have a path of more than {problem}")


def check_not_root(endpoint: Endpoint) -> None:
    """Raise `WrongKind` (43) for the root, where a file is meant."""
    if not endpoint.parts:
        raise WrongKind(f"{display_path(endpoint)} is a directory")


def check_removable(endpoint: Endpoint) -> None:
    """Raise `BadRequest` (20) for the root, which is neither moved nor removed."""
    if not endpoint.parts:
        raise stays(endpoint)


def check_move(source: Endpoint, target: Endpoint) -> None:
    """Refuse a move that its two names make impossible, whatever exists.

    Raises `BadRequest` (20) for the root and for a move into itself, `WrongKind` (43) for the root as the target, and
    `BadEndpoint` (41) for too long a path.
    """
    check_removable(source)
    if source.parts == target.parts[: len(source.parts)]:
        raise into_itself(source)
    check_not_root(target)
    check_path(target)


def check_copy(source: Endpoint, target: Endpoint) -> None:
    """Raise `BadRequest` (20) for a copy to itself, and `WrongKind` (43) for the root: only files are copied."""
    if source.parts == target.parts:
        raise into_itself(source, "copied")
    check_not_root(source)


def check_not_top(endpoint: Endpoint) -> None:
    """Raise `Forbidden` (33) for a change of the metadata of the root, or of an account's home: it is the owner's."""
    if endpoint.is_top:
        raise owners_metadata(endpoint)


def directory_request(request: WriteRequest) -> WriteRequest:
    """A request to make a directory, without metadata where that is the owner's: a client pushes folders to the root.

    Raises `BadRequest` (20) for a time that no store can keep, and `BadEndpoint` (41) for too long a path.
    """
    check_mtime(request.mtime_us)
    check_path(request.endpoint)
    return structs.replace(request, mtime_us=None, mode=None) if request.endpoint.is_top else request


def check_mtime(mtime_us: int | None) -> None:
    """Raise `BadRequest` (20) for a time that no store can keep."""
    if mtime_us is not None and abs(mtime_us) > MAX_MTIME_US:
        raise BadRequest("the modification time is out of range: it is given in microseconds since 1970")


def check_range(*numbers: int) -> None:
    """Raise `BadRequest` (20) for an offset, a length or a size that no file has."""
    if min(numbers) < 0 or max(numbers) > MAX_SIZE:
        raise BadRequest("the offset, the length or the size is out of range: none may be negative")


def check_content(request: WriteRequest, size: int, hash: str, declared: str | None) -> None:
    """Raise `ContentMismatch` (45) where the content has not the size that was declared, or not the hash."""
    if request.size is not None and size != request.size:
        raise wrong_size(request, size)
    if declared is not None and declared != hash:
        raise ContentMismatch(
            f"{display_path(request.endpoint)}: the received content does not have the declared hash; "
            "the old content was kept"
        )


def wrong_size(request: WriteRequest, size: int) -> ContentMismatch:
    """The refusal of a content that is not as long as was declared."""
    return ContentMismatch(
        f"{display_path(request.endpoint)}: {counted(request.size or 0, 'byte')} declared, {size:,} arrived; "
        "the old content was kept"
    )
