"""The answers to clients, as packets with their lengths."""

from __future__ import annotations

import stat
import struct
import time
from typing import Iterable

from homeftp.endpoint import MAX_NAME_BYTES
from homeftp.model import SECOND_US, Entry
from homeftp.server.sftp.wire.fields import string, u32
from homeftp.server.sftp.wire.numbers import VERSION, AttributeFlag, PacketType, StatusCode

_ID = struct.Struct(">IBI")
_DATA = struct.Struct(">IBII")
_ATTRIBUTES = struct.Struct(">IQIIIII")
_STATVFS = struct.Struct(">11Q")
_BARE_STATUS = struct.Struct(">IBIIII")
"""A STATUS whose message and language are empty."""

_LENGTH_BYTES = 4
_MANY = 2**63
"""Files that there may be: it is not known how many."""

OWNER = 1000
"""The number that every file has as its user and its group: accounts have no numbers, and this is the one that a
computer gives to its first user."""

LONGEST_TIME = 2**32 - 1
"""The last second since 1970 that a packet has space for."""

RECENT_SECONDS = 180 * 24 * 3600
"""`ls -l` shows the hour of what is younger, and the year of what is older."""

BLOCK = 4096
"""Bytes of a block, in what `df` shows."""

_GIVEN = AttributeFlag.SIZE | AttributeFlag.OWNER | AttributeFlag.PERMISSIONS | AttributeFlag.TIMES

OFFERED = (
    (b"posix-rename@openssh.com", b"1"),
    (b"statvfs@openssh.com", b"2"),
    (b"fstatvfs@openssh.com", b"2"),
    (b"fsync@openssh.com", b"1"),
    (b"copy-data", b"1"),
)
"""The extensions that clients are told of, with their versions. Not limits@openssh.com: clients that know larger limits
read with larger requests, which made downloads slower in a trial."""


def version() -> bytes:
    """Encode the answer to INIT."""
    extensions = b"".join(string(name) + string(number) for name, number in OFFERED)
    return string(bytes((PacketType.VERSION,)) + u32(VERSION) + extensions)


def status(id: int, code: StatusCode, message: str = "") -> bytes:
    """Encode a STATUS, which says how a request ended."""
    if not message:
        return _BARE_STATUS.pack(_BARE_STATUS.size - _LENGTH_BYTES, PacketType.STATUS, id, code, 0, 0)
    return _packet(PacketType.STATUS, id, u32(code) + string(message.encode("utf-8", "replace")) + string(b"en"))


def handle(id: int, name: bytes) -> bytes:
    """The handle of what was opened."""
    return _packet(PacketType.HANDLE, id, string(name))


def data(id: int, content: bytes | memoryview) -> tuple[bytes, bytes | memoryview]:
    """The packet of a READ's answer: its head, and the content, which is not copied."""
    return _DATA.pack(_DATA.size - _LENGTH_BYTES + len(content), PacketType.DATA, id, len(content)), content


def attributes(id: int, entry: Entry) -> bytes:
    """The attributes of a file or a directory."""
    return _packet(PacketType.ATTRS, id, _encoded(entry))


def names(id: int, entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Names, each with what `named` gives for it."""
    listed = [string(name) + rest for name, rest in entries]
    return _packet(PacketType.NAME, id, u32(len(listed)) + b"".join(listed))


def name_only(name: bytes) -> tuple[bytes, bytes]:
    """A name without attributes, as REALPATH is answered."""
    return name, string(name) + u32(0)


def named(entry: Entry, owner: str, now: float) -> tuple[bytes, bytes]:
    """A name of a listing, with its line of `ls -l` and its attributes. `now` is in seconds since 1970 UTC."""
    name = entry.name.encode()
    return name, string(long_name(entry, owner, now).encode()) + _encoded(entry)


def statvfs(id: int, free: int, used: int, flags: int) -> bytes:
    """The free and the used space, as of a file system that has no other."""
    left = free // BLOCK
    blocks = left + -(-used // BLOCK)
    return _packet(
        PacketType.EXTENDED_REPLY,
        id,
        _STATVFS.pack(BLOCK, BLOCK, blocks, left, left, _MANY, _MANY, _MANY, 0, flags, MAX_NAME_BYTES),
    )


def long_name(entry: Entry, owner: str, now: float) -> str:
    """The line that `ls -l` shows. The owner's name is what the account is called."""
    seconds = (entry.mtime_us or 0) // SECOND_US
    recent = 0 <= now - seconds < RECENT_SECONDS
    when = time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", time.gmtime(min(max(seconds, 0), LONGEST_TIME)))
    return f"{stat.filemode(_mode(entry))}    1 {owner:8} {owner:8} {entry.size:8} {when} {entry.name}"


def _mode(entry: Entry) -> int:
    if entry.kind == "directory":
        return stat.S_IFDIR | (0o755 if entry.mode is None else entry.mode)
    return stat.S_IFREG | (0o644 if entry.mode is None else entry.mode)


def _encoded(entry: Entry) -> bytes:
    seconds = min(max((entry.mtime_us or 0) // SECOND_US, 0), LONGEST_TIME)
    return _ATTRIBUTES.pack(_GIVEN, entry.size, OWNER, OWNER, _mode(entry), seconds, seconds)


def _packet(kind: PacketType, id: int, fields: bytes) -> bytes:
    return _ID.pack(_ID.size - _LENGTH_BYTES + len(fields), kind, id) + fields
