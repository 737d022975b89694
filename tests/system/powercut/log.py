"""What a disk was told, in order: each write with its data, and each flush. disk.py writes it, states.py reads it."""

from __future__ import annotations

import os
import struct

import attrs

_HEADER = struct.Struct("=QQ")
"""Offset and length. A flush has no length."""


def entry(offset: int, data: bytes) -> bytes:
    """One event, as it exists in the log."""
    return _HEADER.pack(offset, len(data)) + data


FLUSH = entry(0, b"")
"""The entry of a flush."""


@attrs.frozen(eq=False)
class Event:
    """A write, or a flush."""

    offset: int
    """Where on the disk the data goes, in bytes."""
    data: memoryview
    end: int
    """The log's length when it had been written down."""

    @property
    def flush(self) -> bool:
        """Whether all that came before it is on the disk for good."""
        return not self.data


@attrs.frozen
class Log:
    """The log in the file `path`."""

    path: str

    def length(self) -> int:
        """How far it has got, in bytes.

        An event is written down before the disk answers, so whatever waited
        for the disk finds its events in here.
        """
        return os.stat(self.path).st_size

    def events(self) -> list[Event]:
        """All of them, in order."""
        with open(self.path, "rb") as file:
            content = memoryview(file.read())
        events = []
        start = 0
        while start < len(content):
            offset, length = _HEADER.unpack_from(content, start)
            data = start + _HEADER.size
            start = data + length
            events.append(Event(offset, content[data:start], start))
        return events
