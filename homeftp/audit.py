"""The audit log: who did what, from where, and when; one line of JSON for each event, and no line is ever changed.

The server writes a line before it answers, and the commands that change
accounts and devices write theirs, at the same time if need be: each writer
takes a lock on the file. All but printable ASCII is escaped, so that no file
name can move a terminal's cursor or begin a line of its own.
docs/owner/audit.rst describes the fields.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
import time
from datetime import datetime
from threading import Lock
from typing import Any, Callable, Iterator, Sequence

import msgspec

from homeftp.crypto.secretfiles import private_folder
from homeftp.errors import OperatorError
from homeftp.host import now
from homeftp.model import Actor, Change
from homeftp.status import Status

FILE = "audit.jsonl"
"""Inside the state folder. Older files have a number appended: the higher, the older."""

LOCK_SECONDS = 5.0
"""How long to wait for another process that writes."""

_LOCK_RETRY_SECONDS = 0.005
"""Time between two attempts at the lock: a writer holds it for less than this."""

_LONGEST_TEXT = 512
"""Characters that are kept of text from a client, which may be there to fill the log; endpoints are kept whole."""

_DELETE = b"\x7f"
"""The only character of ASCII that is not printable and that msgspec does not escape."""

_escaped = json.JSONEncoder(separators=(",", ":")).encode


class Audit:
    """The log in the state folder `folder`. Blocks; safe in several threads and processes.

    It is opened when it is first written to, or by `open`. A new file is begun
    after `size` bytes (None: never); `kept` files are kept, the current one among them.
    """

    def __init__(
        self, folder: str, *, size: int | None = None, kept: int = 2, now: Callable[[], datetime] = now
    ) -> None:
        assert kept > 1, "the current file and one older file"
        self._folder = folder
        self._path = os.path.join(os.path.abspath(folder), FILE)
        self._size = size
        self._kept = kept
        self._now = now
        self._lock = Lock()
        self._fd: int | None = None
        self._closed = False

    def open(self) -> Audit:
        """Open the log; gives itself. Raises `OperatorError` where it cannot be opened or others may read it."""
        with self._lock:
            if self._fd is None:
                private_folder(self._folder)
                try:
                    self._fd = self._open()
                except OSError as error:
                    raise OperatorError(f"cannot write the audit log {self._path}: {error.strerror}") from None
        return self

    def close(self) -> None:
        """Close the file; nothing can be written any more."""
        with self._lock:
            self._closed = True
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def changed(self, changes: Sequence[Change]) -> None:
        """Record changes of the store, in this order, all or none of them. Raises OSError."""
        time = self._time()
        self.append([_line(time, "change", each.actor, Status.OK, _fields(each)) for each in changes])

    def note(self, event: str, actor: Actor, status: int = Status.OK, **fields: Any) -> None:
        """Record one other event, such as a login. Raises OSError."""
        shown = {name: _short(value) for name, value in fields.items()}
        self.append([_line(self._time(), event, actor, status, shown)])

    def files(self) -> Iterator[int]:
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

    def _time(self) -> str:
        return self._now().isoformat(timespec="microseconds")

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines at the end of the log, all or none of them: every record goes through here. Raises OSError."""
        data = b"".join(lines)
        with self._lock, self._locked() as fd:
            end = os.fstat(fd).st_size
            if end and os.pread(fd, 1, end - 1) != b"\n":
                data = b"\n" + data  # a power cut left part of a line: it must not spoil the next one
            try:
                _write_all(fd, data)
            except OSError:
                os.ftruncate(fd, end)
                raise

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """The current file, locked; a new one where the current one has reached its size."""
        if self._closed:
            raise OSError(errno.EBADF, "it has been closed")
        if self._fd is None:
            private_folder(self._folder)
            self._fd = self._open()
        try:
            while True:
                self._flock(self._fd)
                if self._is_current(self._fd):
                    if self._size is None or os.fstat(self._fd).st_size < self._size:
                        break
                    self._rotate(self._fd)
                # Another process has begun a new file, or this one has.
                fd, self._fd = self._fd, self._open()
                os.close(fd)
            yield self._fd
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

    def _is_current(self, fd: int) -> bool:
        """Whether the open file is still the one at the log's path."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(fd))
        except FileNotFoundError:
            return False

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


def _line(time: str, event: str, actor: Actor, status: int, fields: dict[str, Any]) -> bytes:
    line = {
        "time": time,
        "event": event,
        "account": _short(actor.account),
        "device": _short(actor.device),
        "address": actor.address,
        "request": _short(actor.request),
        "status": int(status),
        **({} if actor.front_end is None else {"front_end": actor.front_end}),
    }
    line.update((name, value) for name, value in fields.items() if value is not None)
    return _encoded(line) + b"\n"


def _encoded(line: dict[str, Any]) -> bytes:
    """A line in printable ASCII: most of them by the encoder that is ten times as fast, and escapes less."""
    with contextlib.suppress(UnicodeEncodeError, TypeError):  # a lone surrogate; a subclass of `str`, which it refuses
        encoded = msgspec.json.encode(line)
        if encoded.isascii() and _DELETE not in encoded:
            return encoded
    return _escaped(line).encode("ascii")


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _fields(change: Change) -> dict[str, Any]:
    return {
        "change": change.what,
        "kind": change.kind,
        "endpoint": change.endpoint.whole,
        "to": None if change.to is None else change.to.whole,
        "size": change.size,
        "hash": change.hash,
        "old_size": change.old_size,
        "old_hash": change.old_hash,
        "owner": change.owner,
    }


def _short(value: Any) -> Any:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value
