"""The requests of clients: bytes become packets, and packets become requests.

Every packet becomes a request that can be answered. Only a packet that has no id, or that is longer than any client
sends, ends the session: what follows it has no meaning.
"""

from __future__ import annotations

import enum
import struct
from collections import deque
from typing import Callable

import msgspec

from homeftp.server.sftp.wire.fields import Attributes, FieldReader, MalformedPacket
from homeftp.server.sftp.wire.numbers import ALL_FLAGS, MAX_PACKET, PacketType

_HEAD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")

MAX_PATH = 16 * 1024
"""Bytes of a path, at most: four times what an endpoint may have."""

MAX_HANDLE = 256
"""Bytes of a handle, at most, by the protocol."""


class Verb(enum.Enum):
    """The operation that is asked for, by the standard types and by extensions alike."""

    LSTAT = enum.auto()
    STAT = enum.auto()
    OPENDIR = enum.auto()
    REMOVE = enum.auto()
    RMDIR = enum.auto()
    REALPATH = enum.auto()
    READLINK = enum.auto()
    STATVFS = enum.auto()
    CLOSE = enum.auto()
    FSTAT = enum.auto()
    READDIR = enum.auto()
    FSYNC = enum.auto()
    FSTATVFS = enum.auto()
    RENAME = enum.auto()
    SYMLINK = enum.auto()
    POSIX_RENAME = enum.auto()
    HARDLINK = enum.auto()
    SETSTAT = enum.auto()
    FSETSTAT = enum.auto()
    MKDIR = enum.auto()
    INIT = enum.auto()
    UNKNOWN = enum.auto()
    MALFORMED = enum.auto()


class PathAsked(msgspec.Struct, frozen=True):
    """A request about one path."""

    id: int
    verb: Verb
    path: bytes


class PathsAsked(msgspec.Struct, frozen=True):
    """A request about two paths."""

    id: int
    verb: Verb
    source: bytes
    target: bytes


class HandleAsked(msgspec.Struct, frozen=True):
    """A request about one handle."""

    id: int
    verb: Verb
    handle: bytes


class AttributesAsked(msgspec.Struct, frozen=True):
    """A request to set attributes, of a path (SETSTAT, MKDIR) or of a handle (FSETSTAT)."""

    id: int
    verb: Verb
    where: bytes
    attributes: Attributes


class OpenAsked(msgspec.Struct, frozen=True):
    """A request to open a file."""

    id: int
    path: bytes
    flags: int
    """Bits of `OpenFlag`."""
    attributes: Attributes


class ReadAsked(msgspec.Struct, frozen=True):
    """A request to read a part of a file."""

    id: int
    handle: bytes
    offset: int
    length: int


class WriteAsked(msgspec.Struct, frozen=True):
    """A request to write a part of a file."""

    id: int
    handle: bytes
    offset: int
    data: memoryview


class CopyAsked(msgspec.Struct, frozen=True):
    """A request to copy a part of a file into another one (copy-data); a length of 0 means up to the end."""

    id: int
    source: bytes
    offset: int
    length: int
    target: bytes
    target_offset: int


class OtherAsked(msgspec.Struct, frozen=True):
    """A request without fields that count: INIT (the id is the version), an unknown one, or a malformed one."""

    id: int
    verb: Verb


Asked = (
    PathAsked | PathsAsked | HandleAsked | AttributesAsked | OpenAsked | ReadAsked | WriteAsked | CopyAsked | OtherAsked
)


class SessionBroken(Exception):
    """Bytes that are no sequence of packets: the session has to end."""


def _path(verb: Verb) -> Callable[[int, FieldReader], Asked]:
    return lambda id, fields: PathAsked(id, verb, _short(fields, MAX_PATH))


def _paths(verb: Verb) -> Callable[[int, FieldReader], Asked]:
    return lambda id, fields: PathsAsked(id, verb, _short(fields, MAX_PATH), _short(fields, MAX_PATH))


def _handle(verb: Verb) -> Callable[[int, FieldReader], Asked]:
    return lambda id, fields: HandleAsked(id, verb, _short(fields, MAX_HANDLE))


def _attributes(verb: Verb, most: int) -> Callable[[int, FieldReader], Asked]:
    return lambda id, fields: AttributesAsked(id, verb, _short(fields, most), fields.attributes())


def _short(fields: FieldReader, most: int) -> bytes:
    text = fields.view()
    if len(text) > most:
        raise MalformedPacket("a name is too long")
    return bytes(text)


def _open(id: int, fields: FieldReader) -> Asked:
    return OpenAsked(id, _short(fields, MAX_PATH), fields.u32() & ALL_FLAGS, fields.attributes())


def _read(id: int, fields: FieldReader) -> Asked:
    return ReadAsked(id, _short(fields, MAX_HANDLE), fields.u64(), fields.u32())


def _write(id: int, fields: FieldReader) -> Asked:
    return WriteAsked(id, _short(fields, MAX_HANDLE), fields.u64(), fields.view())


def _copy(id: int, fields: FieldReader) -> Asked:
    source, offset, length = _short(fields, MAX_HANDLE), fields.u64(), fields.u64()
    return CopyAsked(id, source, offset, length, _short(fields, MAX_HANDLE), fields.u64())


def _extended(id: int, fields: FieldReader) -> Asked:
    parse = EXTENSIONS.get(fields.string())
    return OtherAsked(id, Verb.UNKNOWN) if parse is None else parse(id, fields)


EXTENSIONS: dict[bytes, Callable[[int, FieldReader], Asked]] = {
    b"posix-rename@openssh.com": _paths(Verb.POSIX_RENAME),
    b"hardlink@openssh.com": _paths(Verb.HARDLINK),
    b"statvfs@openssh.com": _path(Verb.STATVFS),
    b"fstatvfs@openssh.com": _handle(Verb.FSTATVFS),
    b"fsync@openssh.com": _handle(Verb.FSYNC),
    b"copy-data": _copy,
}
"""The extensions that are understood, whether they are offered or not."""

PARSERS: dict[int, Callable[[int, FieldReader], Asked]] = {
    PacketType.OPEN: _open,
    PacketType.CLOSE: _handle(Verb.CLOSE),
    PacketType.READ: _read,
    PacketType.WRITE: _write,
    PacketType.LSTAT: _path(Verb.LSTAT),
    PacketType.FSTAT: _handle(Verb.FSTAT),
    PacketType.SETSTAT: _attributes(Verb.SETSTAT, MAX_PATH),
    PacketType.FSETSTAT: _attributes(Verb.FSETSTAT, MAX_HANDLE),
    PacketType.OPENDIR: _path(Verb.OPENDIR),
    PacketType.READDIR: _handle(Verb.READDIR),
    PacketType.REMOVE: _path(Verb.REMOVE),
    PacketType.MKDIR: _attributes(Verb.MKDIR, MAX_PATH),
    PacketType.RMDIR: _path(Verb.RMDIR),
    PacketType.REALPATH: _path(Verb.REALPATH),
    PacketType.STAT: _path(Verb.STAT),
    PacketType.RENAME: _paths(Verb.RENAME),
    PacketType.READLINK: _path(Verb.READLINK),
    PacketType.SYMLINK: _paths(Verb.SYMLINK),
    PacketType.EXTENDED: _extended,
}
"""The functions that read the fields of each type of request."""


def parse_request(packet: bytes | memoryview) -> Asked:
    """The request in a packet, which is given without its length. Raises `SessionBroken` for one without an id."""
    if len(packet) < _HEAD.size:
        raise SessionBroken("a packet is too short to have an id")
    kind, id = _HEAD.unpack_from(packet)
    if kind == PacketType.INIT:
        return OtherAsked(id, Verb.INIT)
    parse = PARSERS.get(kind)
    if parse is None:
        return OtherAsked(id, Verb.UNKNOWN)
    try:
        return parse(id, FieldReader(memoryview(packet), _HEAD.size))
    except MalformedPacket:
        return OtherAsked(id, Verb.MALFORMED)


class PacketReader:
    """Divides what arrives into packets."""

    def __init__(self) -> None:
        self._pieces: deque[bytes | memoryview] = deque()
        self._offset = 0
        """Bytes of the first piece that were taken."""
        self.held = 0
        """Bytes that have arrived and were not taken."""
        self._needed = _LENGTH.size
        self._has_length = False

    def append(self, data: bytes | memoryview) -> None:
        """Add what has arrived, and does not change."""
        self._pieces.append(data)
        self.held += len(data)

    @property
    def partial(self) -> int:
        """Bytes that are held of a packet that has not arrived completely; 0 where the next one has."""
        return self.held if self.held < self._needed else 0

    def next_packet(self) -> bytes | memoryview | None:
        """The next packet, without its length; None where it has not arrived. Raises `SessionBroken`."""
        if not self._has_length:
            if self.held < _LENGTH.size:
                return None
            piece, start = self._pieces[0], self._offset + _LENGTH.size
            if len(piece) >= start:  # mostly a piece is a packet
                (needed,) = _LENGTH.unpack_from(piece, self._offset)
                if start + needed == len(piece) and _HEAD.size <= needed <= MAX_PACKET:
                    self._pieces.popleft()
                    self._offset = 0
                    self.held -= _LENGTH.size + needed
                    return piece[start:]
            (self._needed,) = _LENGTH.unpack(self._take(_LENGTH.size))
            if not _HEAD.size <= self._needed <= MAX_PACKET:
                raise SessionBroken(f"a packet of {self._needed} bytes: they have {_HEAD.size} to {MAX_PACKET}")
            self._has_length = True
        if self.held < self._needed:
            return None
        packet = self._take(self._needed)
        self._needed, self._has_length = _LENGTH.size, False
        return packet

    def _take(self, size: int) -> bytes | memoryview:
        """The first `size` bytes, which are there."""
        self.held -= size
        taken: list[bytes | memoryview] = []
        while True:
            piece, start = self._pieces[0], self._offset
            end = start + size
            if end < len(piece):
                self._offset = end
                part = piece[start:end]
            else:
                self._pieces.popleft()
                self._offset = 0
                part = piece[start:] if start else piece
            if len(part) == size and not taken:
                return part
            taken.append(part)
            size -= len(part)
            if not size:
                return b"".join(taken)
