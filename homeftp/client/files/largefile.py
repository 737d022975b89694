"""A large download that is written piece by piece, and can be resumed. Small ones: write.py."""

from __future__ import annotations

import contextlib
import os
import time
from threading import Lock
from typing import Iterator

from twisted.internet.defer import CancelledError

from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.tempfile import DownloadTempFile, TargetFile
from homeftp.client.files.write import DownloadTarget, SmallDownload
from homeftp.config import RESUMABLE

_EXHAUSTED = object()


class LargeDownload:
    """A large download into the folder `folder`, known by `key`; see `DownloadTempFile`.

    After `open`, where `size` is not 0, `verify_resumed` or `restart` comes
    before anything else.

    Methods run in workers, and `close` may come at any time: a transfer that
    is cancelled does not wait for the job in the worker. `close` waits for a
    running job; a later job raises `CancelledError`.
    """

    def __init__(self, folder: DownloadTarget, target: TargetFile, key: str) -> None:
        self._folder = folder
        self._target = target
        self._key = key
        self._started_ns = time.time_ns()
        self._lock = Lock()
        self._is_closed = False
        self._opened: tuple[OpenFolders, DownloadTempFile] | None = None

    @property
    def size(self) -> int:
        """Bytes that were written, by an earlier download too."""
        return 0 if self._opened is None else self._opened[1].size

    @property
    def hash(self) -> str:
        """The hash of these bytes, after `verify_resumed`."""
        return "" if self._opened is None else self._opened[1].hash

    @contextlib.contextmanager
    def _locked(self) -> Iterator[DownloadTempFile]:
        """The temporary file, opened the first time; `close` waits meanwhile."""
        with self._lock:
            if self._is_closed:
                raise CancelledError
            if self._opened is None:
                folders = self._folder.open_folders()
                try:
                    self._opened = folders, DownloadTempFile(folders, self._target, self._key)
                except BaseException:
                    folders.close()
                    raise
            yield self._opened[1]

    def open(self) -> None:
        """Open the temporary file."""
        with self._locked():
            pass

    def verify_resumed(self) -> Iterator[None]:
        """Hash what an earlier download left, in steps."""
        with self._locked() as temp:
            steps = temp.verify_resumed()
        while True:
            with self._locked():
                if next(steps, _EXHAUSTED) is _EXHAUSTED:
                    return
            yield

    def restart(self) -> None:
        """Discard what an earlier download left."""
        with self._locked() as temp:
            temp.restart()

    def expect_space(self, size: int) -> None:
        """Raise OSError (ENOSPC) where the disk cannot take all of `size` bytes."""
        with self._locked() as temp:
            temp.expect_space(size)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with self._locked() as temp:
            temp.write(data)
            temp.start_writeback(len(data))

    def commit(self, hash: str, target: TargetFile) -> os.stat_result:
        """Verify against `hash`, make durable, and rename to `target` with its metadata.

        Raises as `DownloadTempFile.complete` and `commit`.
        """
        with self._locked() as temp:
            temp.target = target
            temp.complete(hash, sync=True)
            stat = temp.commit()
        self._folder.record([(SmallDownload(target, b"", hash), stat)], self._started_ns)
        return stat

    def close(self, *, keep: bool = False) -> int:
        """Close the file; unless it was committed, remove it, or with `keep` leave it to be resumed.

        Returns the number of bytes that are kept.
        """
        with self._lock:
            self._is_closed = True
            if self._opened is None:
                return 0
            folders, temp = self._opened
            kept = temp.size if keep and temp.size >= RESUMABLE else 0
            if kept:
                temp.suspend()
            temp.abort()
            folders.close()
            return kept
