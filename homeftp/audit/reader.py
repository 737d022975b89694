"""Reads the files of the audit log."""

from __future__ import annotations

import os
from typing import Iterator

from homeftp.audit.file import FILE


class AuditFileReader:
    """Reads the log in a state folder: all of it at first, and after that what is new, across rotations."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self._read: tuple[int, int] | None = None
        """The inode of the last file that was read, and how far."""

    def lines(self) -> Iterator[bytes]:
        """The whole lines that were not read yet, the oldest first. Raises OSError."""
        for path in self._unread():
            try:
                file = open(path, "rb")  # noqa: SIM115 (closed below)
            except FileNotFoundError:
                continue  # rotated meanwhile: the next call finds it
            with file:
                inode = os.fstat(file.fileno()).st_ino
                if self._read is not None and self._read[0] == inode:
                    file.seek(self._read[1])
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    self._read = inode, file.tell()
                    yield line

    def _unread(self) -> list[str]:
        """The files from the one that was read last on, the oldest first."""
        paths = [self._path]
        while os.path.exists(f"{self._path}.{len(paths)}"):
            paths.append(f"{self._path}.{len(paths)}")
        if self._read is not None:
            for number, path in enumerate(paths):
                if os.path.exists(path) and os.stat(path).st_ino == self._read[0]:
                    paths = paths[: number + 1]
                    break
        return paths[::-1]
