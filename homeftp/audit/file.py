"""The audit log as files: one line of JSON for each event, and no line is ever changed.

The server and the commands that change accounts and devices write at the same
time, if need be: each writer takes a lock on the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from threading import Lock
from typing import Iterator, Sequence

from homeftp.config import MIB
from homeftp.crypto.secretfiles import private_folder
from homeftp.errors import OperatorError

FILE = "audit.jsonl"
"""Inside the state folder. Older files have a number appended: the higher, the older."""

LOCK_SECONDS = 5.0
"""How long to wait for another process that writes."""

_LOCK_RETRY_SECONDS = 0.005
"""Time between two attempts at the lock: a writer holds it for less than this."""

SEARCHED = 32 * MIB
"""Bytes at the end of the log that are searched: about a hundred thousand lines."""

_SEARCHED_AT_ONCE = MIB
"""Bytes that are searched in one step: it takes a few milliseconds."""


class AuditFile:
    """The log in the state folder `folder`, as `AuditSink` describes it.

    A new file is begun after `size` bytes (None: never); `kept` files are
    kept, the current one among them.
    """

    def __init__(self, folder: str, *, size: int | None = None, kept: int = 2) -> None:
        assert kept > 1, "the current file and one older file"
        self._folder = folder
        self._path = os.path.join(os.path.abspath(folder), FILE)
        self._size = size
        self._kept = kept
        self._lock = Lock()
        self._fd: int | None = None
        self._closed = False

    def open(self) -> None:
        """Open the log. Raises `OperatorError` where it cannot be opened or others may read it."""
        with self._lock:
            if self._fd is None:
                private_folder(self._folder)
                try:
                    self._fd = self._open()
                except OSError as error:
                    raise OperatorError(f"cannot write the audit log {self._path}: {error.strerror}") from None

    def close(self) -> None:
        """Close the file; nothing can be written any more."""
        with self._lock:
            self._closed = True
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines at the end of the log, all or none of them: every record goes through here. Raises OSError."""
        data = b"".join(lines)
        with self._lock, self._locked() as (fd, end):
            if end and os.pread(fd, 1, end - 1) != b"\n":
                data = b"\n" + data  # a power cut left part of a line: it must not spoil the next one
            try:
                _write_all(fd, data)
            except OSError:
                os.ftruncate(fd, end)
                raise

    def maintain(self) -> None:
        """Nothing: a new file is begun in time."""

    def search(self, text: bytes) -> Iterator[Sequence[bytes]]:
        """The lines that have a text, the newest first, in steps. Raises OSError."""
        left = SEARCHED
        for fd in self._files():
            size = os.fstat(fd).st_size
            yield from _lines_with(text, fd, size, max(0, size - left))
            left -= size
            if left <= 0:
                return

    def _files(self) -> Iterator[int]:
        """The files of the log, the newest first, each open for reading until the next one. Raises OSError."""
        for number in range(self._kept):
            try:
                fd = os.open(f"{self._path}.{number}" if number else self._path, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue
            try:
                yield fd
            finally:
                os.close(fd)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[tuple[int, int]]:
        """The current file, locked, and its size; a new one where the current one has reached the most."""
        if self._closed:
            raise OSError(errno.EBADF, "it has been closed")
        if self._fd is None:
            private_folder(self._folder)
            self._fd = self._open()
        try:
            while True:
                self._flock(self._fd)
                end = self._size_if_current(self._fd)
                if end is not None:
                    if self._size is None or end < self._size:
                        break
                    self._rotate(self._fd)
                # Another process has begun a new file, or this one has.
                fd, self._fd = self._fd, self._open()
                os.close(fd)
            yield self._fd, end
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _flock(self, fd: int) -> None:
        """Lock the file; a process that never releases the lock must not block this one for ever."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OSError(errno.EAGAIN, "another program holds its lock") from None
            time.sleep(_LOCK_RETRY_SECONDS)

    def _size_if_current(self, fd: int) -> int | None:
        """The size of the open file; None where it is no longer the one at the log's path."""
        found = os.fstat(fd)
        try:
            return found.st_size if os.path.samestat(os.stat(self._path), found) else None
        except FileNotFoundError:
            return None

    def _rotate(self, fd: int) -> None:
        """Rename each file to the next number; the oldest is dropped. A failure leaves a gap and loses nothing."""
        os.fsync(fd)
        for number in range(self._kept - 1, 0, -1):
            source = f"{self._path}.{number - 1}" if number > 1 else self._path
            with contextlib.suppress(FileNotFoundError):
                os.replace(source, f"{self._path}.{number}")

    def _open(self) -> int:
        fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            os.close(fd)
            problem = "others may read it: use chmod 600" if stat.S_ISREG(found.st_mode) else "not a file"
            raise OSError(errno.EPERM, problem, self._path)  # `strerror` may reach a client: no path in it
        return fd


def _lines_with(text: bytes, fd: int, end: int, start: int) -> Iterator[Sequence[bytes]]:
    """The lines that have a text, the newest first, in steps. The first line of all may be a part of one."""
    rest = b""
    while end > start:
        begin = max(start, end - _SEARCHED_AT_ONCE)
        data = os.pread(fd, end - begin, begin) + rest
        end = begin
        if begin > start:
            rest, _, data = data.partition(b"\n")
        lines, at = [], len(data)
        while (at := data.rfind(text, 0, at)) >= 0:
            first, after = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            lines.append(data[first : after if after >= 0 else len(data)])
            at = first
        yield lines


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
