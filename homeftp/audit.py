"""The audit log: who did what, from where, and when. One line of JSON for each thing; none is ever changed.

The server writes a line before it answers, and the commands that change who
may come in write theirs; all of them at once, if need be: each takes the
file's lock. All but printable ASCII is escaped, so that nothing in a name can
move a terminal's cursor or begin a line of its own. docs/owner/audit.rst says
what the lines hold.
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

from homeftp.crypto.secretfiles import private_folder
from homeftp.errors import OperatorError
from homeftp.host import now
from homeftp.model import Actor, Change
from homeftp.status import Status

FILE = "audit.jsonl"
"""Inside the state folder. Older ones have a number behind it: the older, the higher."""

LOCK_SECONDS = 5.0
"""For which another process is waited for that writes."""

_LONGEST_TEXT = 512
"""Letters of what somebody said, perhaps to fill the log; of what was changed, every letter counts."""


class Audit:
    """The log in the state folder `folder`. Blocks; safe in several threads and processes.

    After `size` bytes a new file is begun, None: never; `kept` are there at most, with that.
    Raises `OperatorError` where the log cannot be opened, or others may read it.
    """

    def __init__(
        self, folder: str, *, size: int | None = None, kept: int = 2, now: Callable[[], datetime] = now
    ) -> None:
        assert kept > 1, "one that is written, and one that was"
        self._path = os.path.join(private_folder(folder), FILE)
        self._size = size
        self._kept = kept
        self._now = now
        self._lock = Lock()
        try:
            self._fd = self._open()
        except OSError as error:
            raise OperatorError(f"cannot write the audit log {self._path}: {error.strerror}") from None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def changed(self, changes: Sequence[Change]) -> None:
        """Write down what was changed in the share, in that order. Raises OSError; then nothing is."""
        self._write([self._line("change", each.actor, Status.OK, _fields(each)) for each in changes])

    def note(self, event: str, actor: Actor, status: int = Status.OK, **fields: Any) -> None:
        """Write down one thing else: a login, say. Raises OSError."""
        self._write([self._line(event, actor, status, {name: _short(value) for name, value in fields.items()})])

    def _line(self, event: str, actor: Actor, status: int, fields: dict[str, Any]) -> bytes:
        line = {
            "time": self._now().isoformat(timespec="microseconds"),
            "event": event,
            "account": _short(actor.account),
            "device": _short(actor.device),
            "address": actor.address,
            "request": _short(actor.request),
            "status": int(status),
        }
        line.update((name, value) for name, value in fields.items() if value is not None)
        return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"

    def _write(self, lines: Sequence[bytes]) -> None:
        data = b"".join(lines)
        with self._lock, self._locked():
            end = os.fstat(self._fd).st_size
            if end and os.pread(self._fd, 1, end - 1) != b"\n":
                data = b"\n" + data  # what a power cut has left is no line, and spoils none
            try:
                _write_all(self._fd, data)
            except OSError:
                os.ftruncate(self._fd, end)
                raise

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """The file of the moment, for us alone; a new one where it has got large."""
        if self._fd < 0:
            raise OSError(errno.EBADF, "it has been closed")
        try:
            while True:
                self._flock()
                if self._is_current():
                    if self._size is None or os.fstat(self._fd).st_size < self._size:
                        break
                    self._rotate()
                # Another process has begun a new file, or we have.
                fd, self._fd = self._fd, self._open()
                os.close(fd)
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _flock(self) -> None:
        """Wait for others to be done with the file, a while; whoever holds on to it must not hold up everybody."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OSError(errno.EAGAIN, "another program holds its lock") from None
            time.sleep(0.005)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        """Count the older ones up; the oldest goes. What a failure leaves is a gap, and no loss."""
        os.fsync(self._fd)
        for number in range(self._kept - 1, 0, -1):
            source = f"{self._path}.{number - 1}" if number > 1 else self._path
            with contextlib.suppress(FileNotFoundError):
                os.replace(source, f"{self._path}.{number}")

    def _open(self) -> int:
        fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            os.close(fd)
            problem = f"others may read it: chmod 600 {self._path}" if stat.S_ISREG(found.st_mode) else "it is no file"
            raise OSError(errno.EPERM, problem)
        return fd


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
    }


def _short(value: Any) -> Any:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value
