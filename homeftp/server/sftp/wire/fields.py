"""The fields of a packet: integers and strings, read one after another, never past the end."""

from __future__ import annotations

import struct

import msgspec

from homeftp.server.sftp.wire.numbers import AttributeFlag

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")

_TOO_EARLY = "the packet ends too early"

MAX_EXTENDED = 64
"""Extended attributes that are skipped in one packet, at most: no client sends any in version 3."""


class MalformedPacket(Exception):
    """A packet ends before its last field, or has more fields than any client sends."""


class Attributes(msgspec.Struct, frozen=True):
    """The attributes that a client wants to set; None: it does not say."""

    size: int | None = None
    owner: tuple[int, int] | None = None
    """The numbers of the user and the group."""
    permissions: int | None = None
    mtime: int | None = None
    """Seconds since 1970 UTC."""


class FieldReader:
    """Reads the fields of one packet, from `offset` on. Raises `MalformedPacket`."""

    def __init__(self, packet: memoryview, offset: int) -> None:
        self._packet = packet
        self._offset = offset

    def u32(self) -> int:
        """An integer of 32 bits."""
        return self._number(_U32)

    def u64(self) -> int:
        """An integer of 64 bits."""
        return self._number(_U64)

    def view(self) -> memoryview:
        """A string, not copied."""
        packet, start = self._packet, self._offset + _U32.size
        if start > len(packet):
            raise MalformedPacket(_TOO_EARLY)
        (size,) = _U32.unpack_from(packet, self._offset)
        end = self._offset = start + size
        if end > len(packet):
            raise MalformedPacket(_TOO_EARLY)
        return packet[start:end]

    def string(self) -> bytes:
        """A string."""
        return bytes(self.view())

    def attributes(self) -> Attributes:
        """The attributes of a file."""
        flags = self.u32()
        size = self.u64() if flags & AttributeFlag.SIZE else None
        owner = (self.u32(), self.u32()) if flags & AttributeFlag.OWNER else None
        permissions = self.u32() if flags & AttributeFlag.PERMISSIONS else None
        mtime = None
        if flags & AttributeFlag.TIMES:
            self.u32()  # the time of the last access is kept nowhere
            mtime = self.u32()
        if flags & AttributeFlag.EXTENDED:
            count = self.u32()
            if count > MAX_EXTENDED:
                raise MalformedPacket("too many extended attributes")
            for _ in range(2 * count):
                self.view()
        return Attributes(size, owner, permissions, mtime)

    def _number(self, form: struct.Struct) -> int:
        try:
            value: int = form.unpack_from(self._packet, self._offset)[0]
        except struct.error:
            raise MalformedPacket(_TOO_EARLY) from None
        self._offset += form.size
        return value


def u32(value: int) -> bytes:
    """An integer of 32 bits."""
    return _U32.pack(value)


def string(data: bytes) -> bytes:
    """A string."""
    return _U32.pack(len(data)) + data
