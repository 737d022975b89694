"""Where the lines of the audit log go."""

from __future__ import annotations

from typing import Iterator, Protocol, Sequence


class AuditReader(Protocol):
    """Reads lines: all of them at first, and after that what is new."""

    def lines(self) -> Iterator[bytes]:
        """The lines that were not read yet, the oldest first. Blocks. Raises OSError."""


class AuditSink(Protocol):
    """Keeps lines, in one order. Blocks; safe in several threads and processes."""

    def open(self) -> None:
        """Make sure that it can be written. Raises `OperatorError` where it cannot."""

    def close(self) -> None:
        """Nothing can be written any more."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Keep lines, each with its end, all or none of them. Raises OSError."""

    def maintain(self) -> None:
        """Remove what is too much. Called now and then. Raises OSError."""

    def search(self, text: bytes) -> Iterator[Sequence[bytes]]:
        """The newest lines that have a text, the newest first, in steps of a few milliseconds. Raises OSError."""
