"""Content on its way from the system's memory to the disk, while the file that it belongs to still grows.

What makes it durable is the fsync at the end: this keeps that one short, and those of other files meanwhile.
"""

from __future__ import annotations

from homeftp.config import MIB
from homeftp.syscalls import System

WRITEBACK = 2 * MIB
"""Bytes of a file that the disk is given at once. The fsync of anybody's small file waits until the disk has written
what it was given before: that takes a disk of 100 MB/s so many hundredths of a second."""


class Writeback:
    """Gives the disk one part of a growing file after the other, each when it has written the one before.

    Without the wait, a file that grows faster than the disk writes has a gigabyte in the disk's queue.
    """

    def __init__(self, system: System, fd: int) -> None:
        self._system = system
        self._fd = fd
        self._written = 0
        """Bytes that the disk has written."""
        self._given = 0
        """Bytes that it has been given, to write them."""

    def grown(self, size: int) -> None:
        """The file has `size` bytes now. May wait for the disk; raises OSError where it failed to write the file."""
        if size - self._given < WRITEBACK:
            return
        self.wait()
        self._system.start_writeback(self._fd, self._given, size - self._given)
        self._given = size

    def wait(self) -> None:
        """Wait until the disk has written what it was given. Raises OSError where it failed to write the file."""
        if self._written < self._given:
            self._system.await_writeback(self._fd, self._written, self._given - self._written)
            self._written = self._given

    def cut(self, size: int) -> None:
        """The file was cut to `size` bytes, or less of it was there."""
        self._written, self._given = min(self._written, size), min(self._given, size)
