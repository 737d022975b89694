"""The status of each pair of folders, in a small file of this machine, and the lock of the process that syncs it.

The file says what was so last; losing it costs nothing. Whether a process keeps the pair in step says a lock, which
the system releases when the process ends, however it ends. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from typing import Iterator

import attrs
import msgspec

from homeftp.client.sync.local.marker import lock_file
from homeftp.errors import OperatorError
from homeftp.host import lock_holder

MOST_WAITING = 20
"""Files that a status names; it counts the others."""

MOST_CHARACTERS = 1000
"""Characters of a text in a status."""

_MOST_BYTES = 1024 * 1024
"""The largest file that is read; one that is written here is smaller."""

_ID_DIGITS = 24


@attrs.frozen(kw_only=True)
class WaitingFile:
    """A file that a person has to look at."""

    outcome: str
    """The name of its `Outcome`."""
    name: str
    """Relative to the folder."""
    reason: str = ""
    """In words for people."""


@attrs.frozen(kw_only=True)
class PairStatus:
    """The status of a pair."""

    folder: str
    """The local folder's real path."""
    remote: str
    """The other side: `NAME:PATH`."""
    in_step_us: int | None = None
    """Since when nothing was found that differs: microseconds since 1970 UTC. None: something does, or may."""
    synced_us: int | None = None
    """When both sides were compared last, to the end."""
    doing: str = ""
    """The work under way, in words for people; "" for none."""
    problem: str = ""
    """Why the last sync was not carried out; "" if it was."""
    needs_person: bool = False
    """Whether the problem stays until a person does something about it."""
    waiting: tuple[WaitingFile, ...] = ()
    """The first `MOST_WAITING` files that a person has to look at."""
    waiting_files: int = 0
    """How many there are."""


class StatusFolder:
    """The status of all pairs, in the folder `path`, which is made where it is missing."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self, folder: str) -> PairStatus | None:
        """The status of the pair of a local folder; None where nothing is known."""
        return _read(self._file(folder, "json"))

    def all(self) -> Iterator[PairStatus]:
        """The status of each pair that has one, in the order of their folders."""
        found = []
        with contextlib.suppress(OSError):
            for name in os.listdir(self._path):
                status = _read(os.path.join(self._path, name)) if name.endswith(".json") else None
                if status is not None:
                    found.append(status)
        yield from sorted(found, key=lambda status: status.folder)

    def write(self, status: PairStatus) -> None:
        """Replace the status of a pair, atomically. A failure is ignored: the status is only shown."""
        with contextlib.suppress(OSError):
            os.makedirs(self._path, mode=0o700, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=self._path)
            try:
                with open(descriptor, "w", encoding="ascii") as file:
                    json.dump(attrs.asdict(_bounded(status)), file)
                os.replace(temporary, self._file(status.folder, "json"))
            except BaseException:
                os.unlink(temporary)
                raise

    def forget(self, folder: str) -> None:
        """Remove the status of a pair."""
        with contextlib.suppress(OSError):
            os.unlink(self._file(folder, "json"))

    def watched_by(self, folder: str) -> int | None:
        """The pid of the process that keeps a pair in step; 0 if the system does not tell it; None without one."""
        try:
            fd = os.open(self._file(folder, "lock"), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            pid = lock_holder(fd)
            if pid is not None:
                return pid
            lock_file(fd)
        except BlockingIOError:
            return 0
        except OSError:
            return None
        finally:
            os.close(fd)
        return None

    def lock(self, folder: str) -> PairLock:
        """Say that this process keeps a pair in step. Raises `OperatorError` where another one does."""
        path = self._file(folder, "lock")
        fd = -1
        try:
            os.makedirs(self._path, mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            lock_file(fd)
        except BlockingIOError:
            pid = lock_holder(fd)
            os.close(fd)
            by = "another process" if pid is None else f"process {pid}"
            raise OperatorError(f"{folder} is kept in step by {by} already: stop that first") from None
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            raise OperatorError(f"cannot lock {path}: {error.strerror}") from None
        return PairLock(fd)

    def _file(self, folder: str, kind: str) -> str:
        digest = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()
        return os.path.join(self._path, f"{digest[:_ID_DIGITS]}.{kind}")


class PairLock:
    """The lock of the process that keeps a pair in step."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Say that it does so no more. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _bounded(status: PairStatus) -> PairStatus:
    """The status as the file may have it."""
    waiting = [
        WaitingFile(outcome=each.outcome, name=_shortened(each.name), reason=_shortened(each.reason))
        for each in status.waiting[:MOST_WAITING]
    ]
    return attrs.evolve(
        status, doing=_shortened(status.doing), problem=_shortened(status.problem), waiting=tuple(waiting)
    )


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _read(path: str) -> PairStatus | None:
    """The status in a file; None where it has none that this version reads."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MOST_BYTES)
        return msgspec.convert(json.loads(text), PairStatus)
    except (OSError, ValueError, RecursionError, msgspec.ValidationError):
        return None
