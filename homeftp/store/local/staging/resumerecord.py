"""The note beside a large file that is on its way in: what it is to become, and how much of it had arrived.

The first line says the first, each other line the second: a JSON object each.
A note that a loss of power has spoiled is worth what is left of it, and one
without its first line nothing. What stands in it is believed only as far as
the file itself hashes to it.
"""

from __future__ import annotations

import os

import attrs
import msgspec

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadEndpoint
from homeftp.model import ResumePoint, WriteRequest
from homeftp.wire.messages import Hash, Size

SUFFIX = b".note"

_READ = 256 * 1024
"""Bytes that are read of a note from each end: more would be for a file of many terabytes."""


@attrs.frozen
class _Line:
    """The first line, as it stands."""

    rel_endpoint: str
    size: Size
    hash: Hash | None = None
    mtime_us: int | None = None
    directory: str | None = None


@attrs.frozen
class _Further:
    """Any other line."""

    size: Size
    hash: Hash


@attrs.frozen
class ResumeRecord:
    """What a large file is to become."""

    endpoint: Endpoint
    size: int
    hash: str | None
    """Where it was declared before the content."""
    mtime_us: int | None
    directory: Endpoint | None
    """Where it lies, if that is not our own folder."""

    @classmethod
    def of(cls, put: WriteRequest, directory: Endpoint | None) -> ResumeRecord:
        """The note for something to put."""
        return cls(put.endpoint, put.known_size, put.hash, put.mtime_us, directory)

    def fits(self, content_hash: str | None, size: int | None, mtime_us: int | None) -> bool:
        """Whether a content may be this one: by its hash where both are known, else by size and time."""
        if content_hash is not None and self.hash is not None:
            return content_hash == self.hash
        return None not in (size, mtime_us) and (size, mtime_us) == (self.size, self.mtime_us)

    def line(self) -> bytes:
        """The first line."""
        directory = None if self.directory is None else self.directory.whole
        return msgspec.json.encode(_Line(self.endpoint.whole, self.size, self.hash, self.mtime_us, directory)) + b"\n"


def further(arrived: ResumePoint) -> bytes:
    """A further line."""
    return msgspec.json.encode(_Further(arrived.size, arrived.hash)) + b"\n"


def read(fd: int) -> tuple[ResumeRecord, list[ResumePoint]] | None:
    """What an open note says: what the file is to become, and what had arrived, growing. None where it says nothing."""
    data = os.pread(fd, _READ, 0)
    rest = os.fstat(fd).st_size - len(data)
    first, _, lines = data.partition(b"\n")
    try:
        line = msgspec.json.decode(first, type=_Line)
        directory = None if line.directory is None else parse(line.directory)
        note = ResumeRecord(parse(line.rel_endpoint), line.size, line.hash, line.mtime_us, directory)
    except (msgspec.MsgspecError, UnicodeError, BadEndpoint, RecursionError):
        return None
    arrived: list[ResumePoint] = []
    for each in (lines if rest <= 0 else os.pread(fd, _READ, len(data) + rest - _READ)).split(b"\n"):
        try:
            said = msgspec.json.decode(each, type=_Further)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue
        while arrived and arrived[-1].size >= said.size:
            arrived.pop()  # it was gone on with from there
        if said.size <= note.size:
            arrived.append(ResumePoint(said.size, said.hash))
    return note, arrived
