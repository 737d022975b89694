"""The bytes of a ZIP file that is made while it is sent (PKWARE's APPNOTE.TXT, 4.3). No input and no output.

Nothing is compressed, and nothing is sought: a member that is sent in pieces is followed by its sizes. What the
end of the file says of each member is kept compressed until then, which takes a tenth of the memory of `zipfile`.
"""

from __future__ import annotations

import struct
import time
import zlib
from typing import Iterator

from homeftp.model import SECOND_US, Entry

_RECORDS = 500
"""Members whose records are compressed together: so their names, which are alike, take little."""

_FAST = 1
"""The level of that: records are compressed on the reactor's thread."""

_LOCAL = struct.Struct("<4s5H3L2H")
_DESCRIPTOR = struct.Struct("<4sL2Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_SIZES_64 = struct.Struct("<2H2Q")
_ALL_64 = struct.Struct("<2H3Q")
_TIMESTAMP = struct.Struct("<HHBl")
"""The extra field with a time in UTC, as Info-ZIP writes it: its id, size and flags, and the time."""

_TIMESTAMP_HEAD = 0x5455, 5, 1
_SIZES_64_HEAD, _ALL_64_HEAD = (1, 16), (1, 24)
"""The ids and the sizes of the extra fields of ZIP64."""

_BEFORE_SIZE = 12
"""Bytes of the end record of ZIP64 that its size does not count."""

_TIMESTAMP_END = 2**31
_MOST_32 = 0xFFFFFFFF
_MOST_16 = 0xFFFF
_VERSION, _VERSION_64 = 20, 45
_UTF_8, _SIZES_FOLLOW = 0x800, 0x8
_UNIX = 3 << 8
_MODE_SHIFT = 16
_DOS_FOLDER = 0x10
"""Where a ZIP file that was made on Unix has the mode, and what other systems know a folder by (4.4.15)."""

_FIRST_YEAR, _LAST_YEAR = 1980, 2107
"""The years that a ZIP file can hold."""

_HOUR, _MINUTE, _YEAR, _MONTH = 11, 5, 9, 5
"""The bits at which they begin in a time and in a date of a ZIP file."""

_FIRST_CLOCK = 0, 1 << _MONTH | 1
"""The beginning of the first year."""


class ZipWriter:
    """Makes one ZIP file: each method gives the bytes that come next."""

    def __init__(self) -> None:
        self._records: list[bytes] = []
        """The records of complete groups, compressed."""
        self._group = bytearray()
        self._count = 0
        self._directory_size = 0
        self._offset = 0
        """Bytes of the file so far."""
        self._name, self._entry, self._start = b"", Entry("", "file"), 0
        self._crc = self._size = 0

    def folder(self, name: str, entry: Entry) -> bytes:
        """An empty folder; `name` ends in no slash."""
        return self.file(f"{name}/", entry, b"")

    def file(self, name: str, entry: Entry | None, content: bytes) -> bytes:
        """A whole file; without an entry it has the time of now."""
        return self._sent(self._local(name, entry, zlib.crc32(content), len(content)) + content, whole=True)

    def begin(self, name: str, entry: Entry) -> bytes:
        """The beginning of a file in pieces, which may have more than 4 GiB."""
        return self._sent(self._local(name, entry, None, 0))

    def piece(self, data: bytes) -> bytes:
        """The next piece of the file that has begun."""
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        return self._sent(data)

    def finish(self) -> bytes:
        """The end of the file that has begun."""
        return self._sent(_DESCRIPTOR.pack(b"PK\7\b", self._crc, self._size, self._size), whole=True, follows=True)

    def end(self) -> Iterator[bytes]:
        """The end of the ZIP file, piece by piece."""
        start = self._offset
        for group in self._records:
            yield zlib.decompress(group)
        yield bytes(self._group)
        size, count = self._directory_size, self._count
        if count >= _MOST_16 or max(start, size) >= _MOST_32:
            versions = _UNIX | _VERSION_64, _VERSION_64
            yield _END_64.pack(b"PK\6\6", _END_64.size - _BEFORE_SIZE, *versions, 0, 0, count, count, size, start)
            yield _LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
        shown = min(count, _MOST_16)
        yield _END.pack(b"PK\5\6", 0, 0, shown, shown, min(size, _MOST_32), min(start, _MOST_32), 0)

    def _local(self, name: str, entry: Entry | None, crc: int | None, size: int) -> bytes:
        """The header of a member; without a checksum its sizes follow it."""
        self._name = name.encode()
        self._entry = Entry(name, "file", mtime_us=int(time.time()) * SECOND_US) if entry is None else entry
        self._start, self._crc, self._size = self._offset, crc or 0, size
        extra = _timestamp(self._entry)
        version, flags, shown = _VERSION, _UTF_8, size
        if crc is None:
            version, flags, shown = _VERSION_64, _UTF_8 | _SIZES_FOLLOW, _MOST_32
            extra += _SIZES_64.pack(*_SIZES_64_HEAD, 0, 0)
        clock = _dos_clock(self._entry)
        head = _LOCAL.pack(
            b"PK\3\4", version, flags, 0, *clock, self._crc, shown, shown, len(self._name), len(extra)
        )  # fmt: skip
        return head + self._name + extra

    def _sent(self, data: bytes, *, whole: bool = False, follows: bool = False) -> bytes:
        """These bytes come next; the member is `whole` behind them."""
        self._offset += len(data)
        if whole:
            self._record(follows=follows)
        return data

    def _record(self, *, follows: bool) -> None:
        """Keep what the end of the ZIP file says of a member."""
        entry, size, start, extra = self._entry, self._size, self._start, _timestamp(self._entry)
        is_folder = self._name.endswith(b"/")
        mode = (0o755 if is_folder else 0o644) if entry.mode is None else entry.mode
        attributes = ((0o040000 if is_folder else 0o100000) | mode) << _MODE_SHIFT | (_DOS_FOLDER if is_folder else 0)
        if max(size, start) >= _MOST_32:
            extra += _ALL_64.pack(*_ALL_64_HEAD, size, size, start)
            size = start = _MOST_32
        version = _VERSION_64 if follows or start == _MOST_32 else _VERSION
        flags = _UTF_8 | (_SIZES_FOLLOW if follows else 0)
        numbers = version, flags, 0, *_dos_clock(entry), self._crc, size, size, len(self._name), len(extra)
        record = _CENTRAL.pack(b"PK\1\2", _UNIX | version, *numbers, 0, 0, 0, attributes, start) + self._name + extra
        self._group += record
        self._directory_size += len(record)
        self._count += 1
        if self._count % _RECORDS == 0:
            self._records.append(zlib.compress(self._group, _FAST))
            self._group = bytearray()


def _timestamp(entry: Entry) -> bytes:
    seconds = -1 if entry.mtime_us is None else entry.mtime_us // SECOND_US
    return _TIMESTAMP.pack(*_TIMESTAMP_HEAD, seconds) if 0 <= seconds < _TIMESTAMP_END else b""


def _dos_clock(entry: Entry) -> tuple[int, int]:
    """The time and the date of a member, as a ZIP file has them: local, from 1980 to 2107."""
    seconds = time.time() if entry.mtime_us is None else entry.mtime_us // SECOND_US
    try:
        at = time.localtime(seconds)
    except (OverflowError, OSError, ValueError):
        return _FIRST_CLOCK
    if not _FIRST_YEAR <= at.tm_year <= _LAST_YEAR:
        return _FIRST_CLOCK
    clock = at.tm_hour << _HOUR | at.tm_min << _MINUTE | at.tm_sec // 2
    return clock, (at.tm_year - _FIRST_YEAR) << _YEAR | at.tm_mon << _MONTH | at.tm_mday
