"""The resume record beside a partial upload: the file that it will become, and how much of it had arrived.

The first line holds the former and whose it is, each further line the latter:
one JSON object a line. A record that a power cut damaged is used as far as it is readable, and
is useless without its first line. Its claims count only as far as the partial
upload's content has the recorded hash.
"""

from __future__ import annotations

import contextlib
import os
from typing import Annotated

import msgspec

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadEndpoint
from homeftp.model import MAX_SIZE, Actor, ResumePoint, WriteRequest
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.privatefiles import open_private_file

SUFFIX = b".note"

_READ = 256 * 1024
"""Bytes that are read from each end of a record; only a file of many terabytes has a longer one."""

_Size = Annotated[int, msgspec.Meta(ge=0, le=MAX_SIZE)]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]


class _FirstLine(msgspec.Struct, frozen=True):
    """The first line, as it is encoded."""

    rel_endpoint: str
    size: _Size | None
    hash: _Hash | None = None
    mtime_us: int | None = None
    directory: str | None = None
    account: str | None = None
    owner: str | msgspec.UnsetType | None = msgspec.UNSET
    """Not set in a record from before owners were recorded: no account may continue its upload."""


class _PointLine(msgspec.Struct, frozen=True):
    """A further line, as it is encoded."""

    size: _Size
    hash: _Hash


class ResumeRecord(msgspec.Struct, frozen=True):
    """The file that a partial upload will become."""

    endpoint: Endpoint
    size: int | None
    """None if the size was not declared: then it is not resumable."""
    hash: str | None
    """The hash that was declared before the content, if any."""
    mtime_us: int | None
    directory: Endpoint | None
    """The directory that holds the partial upload; None: the metadata directory."""
    account: str | None
    """The name of the account that began the upload, for the audit log; None: the server itself."""
    owner: str | None
    """The account that began it, by `Actor.owner`. No other account may continue it, whatever its name."""

    @classmethod
    def of(cls, request: WriteRequest, directory: Endpoint | None, actor: Actor) -> ResumeRecord:
        """The record for a request of an actor."""
        content = request.size, request.hash, request.mtime_us
        return cls(request.endpoint, *content, directory, actor.account, actor.owner)

    def matches(self, content_hash: str | None, size: int | None, mtime_us: int | None) -> bool:
        """Whether it may be that content: by hash if both are known, otherwise by size and mtime."""
        if content_hash is not None and self.hash is not None:
            return content_hash == self.hash
        return None not in (size, mtime_us) and (size, mtime_us) == (self.size, self.mtime_us)

    def encode(self) -> bytes:
        """The first line of the record's file."""
        directory = None if self.directory is None else self.directory.whole
        content = self.size, self.hash, self.mtime_us
        first = _FirstLine(self.endpoint.whole, *content, directory, self.account, self.owner)
        return msgspec.json.encode(first) + b"\n"


def encode_point(point: ResumePoint) -> bytes:
    """A further line of the record's file."""
    return msgspec.json.encode(_PointLine(point.size, point.hash)) + b"\n"


def read_record(fd: int) -> tuple[ResumeRecord, list[ResumePoint]] | None:
    """Read an open record: the record and its resume points, growing. None if it is useless. Raises OSError."""
    data = os.pread(fd, _READ, 0)
    rest = os.fstat(fd).st_size - len(data)
    first, _, lines = data.partition(b"\n")
    try:
        line = msgspec.json.decode(first, type=_FirstLine)
        directory = None if line.directory is None else parse(line.directory)
        endpoint = parse(line.rel_endpoint)
    except (msgspec.MsgspecError, UnicodeError, BadEndpoint, RecursionError):
        return None
    if line.size is None or isinstance(line.owner, msgspec.UnsetType):
        return None
    record = ResumeRecord(endpoint, line.size, line.hash, line.mtime_us, directory, line.account, line.owner)
    points: list[ResumePoint] = []
    for each in (lines if rest <= 0 else os.pread(fd, _READ, len(data) + rest - _READ)).split(b"\n"):
        try:
            point = msgspec.json.decode(each, type=_PointLine)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue
        while points and points[-1].size >= point.size:
            points.pop()  # the upload was resumed from an earlier point
        if point.size <= line.size:
            points.append(ResumePoint(point.size, point.hash))
    return record, points


class ResumeRecords(msgspec.Struct, frozen=True):
    """The records in the open directory `folder`, one for each partial upload."""

    folder: int

    def write(self, token: bytes, record: ResumeRecord, line: bytes = b"") -> None:
        """Create the record, or append a line to it. Raises OSError."""
        fd = open_private_file(self.folder, token + SUFFIX, writable=True)
        try:
            if not os.lseek(fd, 0, os.SEEK_END):
                line = record.encode() + line
            os.write(fd, line)
        finally:
            close_quietly(fd)

    def remove(self, token: bytes) -> None:
        """Remove the record, if it exists."""
        with contextlib.suppress(OSError):
            os.unlink(token + SUFFIX, dir_fd=self.folder)
