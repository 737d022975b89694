"""Packets of SFTP as clients send them, and answers as they read them: written by the draft, not by the code."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 1, 2, 4, 8, 16, 32
"""How a file is opened."""

NEW = WRITE | CREATE | TRUNCATE

OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, BAD, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
"""Codes of a status."""

HANDLE, DATA, NAMES = 102, 103, 104
"""Types of answers."""


def u32(value: int) -> bytes:
    """An integer of 32 bits."""
    return struct.pack(">I", value)


def u64(value: int) -> bytes:
    """An integer of 64 bits."""
    return struct.pack(">Q", value)


def text(data: bytes) -> bytes:
    """A string."""
    return struct.pack(">I", len(data)) + data


def packet(kind: int, *fields: bytes) -> bytes:
    """A packet with its length."""
    return text(bytes([kind]) + b"".join(fields))


def attrs(
    size: int | None = None, mode: int | None = None, mtime: int | None = None, owner: tuple[int, int] | None = None
) -> bytes:
    """Attributes."""
    flags, rest = 0, b""
    if size is not None:
        flags, rest = flags | 1, rest + u64(size)
    if owner is not None:
        flags, rest = flags | 2, rest + u32(owner[0]) + u32(owner[1])
    if mode is not None:
        flags, rest = flags | 4, rest + u32(mode)
    if mtime is not None:
        flags, rest = flags | 8, rest + u32(mtime) + u32(mtime)
    return u32(flags) + rest


class Shown(NamedTuple):
    """Attributes that were read."""

    size: int
    mode: int
    mtime: int


class Answer(NamedTuple):
    """One answer: its type, its id, and its fields as bytes."""

    kind: int
    id: int
    fields: bytes

    @property
    def code(self) -> int:
        """The code of a STATUS."""
        assert self.kind == 101, self
        return int(struct.unpack_from(">I", self.fields)[0])

    @property
    def message(self) -> str:
        """The message of a STATUS."""
        size = struct.unpack_from(">I", self.fields, 4)[0]
        return self.fields[8 : 8 + size].decode()

    @property
    def string(self) -> bytes:
        """The handle, or the data."""
        assert self.kind in (HANDLE, DATA), self
        size = struct.unpack_from(">I", self.fields)[0]
        assert len(self.fields) == 4 + size, self
        return self.fields[4:]

    @property
    def attributes(self) -> Shown:
        """The attributes."""
        assert self.kind == 105, self
        return _shown(self.fields, 0)[0]

    @property
    def names(self) -> dict[bytes, Shown | None]:
        """The names of a NAME with their attributes."""
        assert self.kind == NAMES, self
        found: dict[bytes, Shown | None] = {}
        (count,), at = struct.unpack_from(">I", self.fields), 4
        for _ in range(count):
            name, at = _string(self.fields, at)
            _, at = _string(self.fields, at)
            found[name], at = _shown_or_none(self.fields, at)
        assert at == len(self.fields)
        return found


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    size = struct.unpack_from(">I", data, at)[0]
    return data[at + 4 : at + 4 + size], at + 4 + size


def _shown_or_none(data: bytes, at: int) -> tuple[Shown | None, int]:
    return (None, at + 4) if data[at : at + 4] == bytes(4) else _shown(data, at)


def _shown(data: bytes, at: int) -> tuple[Shown, int]:
    flags, size, _, _, mode, _, mtime = struct.unpack_from(">IQIIIII", data, at)
    assert flags == 15, flags
    return Shown(size, mode, mtime), at + 32


def answers(data: bytes) -> list[Answer]:
    """The answers in what was sent; all of them are complete."""
    found = []
    while data:
        size = struct.unpack_from(">I", data)[0]
        assert len(data) >= 4 + size, "an answer is incomplete"
        body, data = data[4 : 4 + size], data[4 + size :]
        if body[0] == 2:
            found.append(Answer(2, struct.unpack_from(">I", body, 1)[0], body[5:]))
        else:
            found.append(Answer(body[0], struct.unpack_from(">I", body, 1)[0], body[5:]))
    return found


INIT = packet(1, u32(3))


def request(kind: int, id: int, *fields: Any) -> bytes:
    """A request: bytes are strings, and what is an integer has 32 bits; `raw` fields are packed already."""
    packed = [
        u32(each) if isinstance(each, int) else each.data if isinstance(each, Raw) else text(each) for each in fields
    ]
    return packet(kind, u32(id), *packed)


class Raw(NamedTuple):
    """A field that is packed already."""

    data: bytes
