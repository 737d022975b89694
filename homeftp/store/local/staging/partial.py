"""One large file on its way in, and the note beside it: what is written to it, and what may be gone on with.

Which there are, and when they go, is fragments.py's.
"""

from __future__ import annotations

import contextlib
import os
import time
from threading import Lock
from typing import Protocol

import attrs

from homeftp.config import CHECKPOINT, RESUMABLE
from homeftp.endpoint import RESERVED_PREFIX, Endpoint
from homeftp.errors import Changed
from homeftp.hashing.filehash import Hasher
from homeftp.model import ResumePoint
from homeftp.store.local.disk.errnos import close_quietly, display_path
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.resumerecord import SUFFIX, ResumeRecord, further
from homeftp.store.local.staging.tempfile import TempFile
from homeftp.syscalls import System


@attrs.frozen
class ResumeRecords:
    """Where the notes are kept: `folder` is open."""

    jail: SafeRoot
    folder: int

    def write(self, fragment: PartialUpload, line: bytes = b"") -> None:
        """Begin the note, or put a line behind it. Raises OSError."""
        fd = self.jail.own_file(self.folder, fragment.token + SUFFIX, writable=True)
        try:
            if not os.lseek(fd, 0, os.SEEK_END):
                line = fragment.note.line() + line
            os.write(fd, line)
        finally:
            close_quietly(fd)

    def remove(self, fragment: PartialUpload) -> None:
        """Its file has its place, or is gone."""
        with contextlib.suppress(OSError):
            os.unlink(fragment.token + SUFFIX, dir_fd=self.folder)


@attrs.define(eq=False)
class PartialUpload:
    """A large file that is not whole. What changes it needs its lock."""

    token: bytes
    note: ResumeRecord
    _notes: ResumeRecords
    arrived: list[ResumePoint] = attrs.field(factory=list)
    """What is known to have arrived, growing; each with what the file hashed to up to there."""
    noted: int = 0
    """How much of that the note says; past it there is one more at most, the newest."""
    claimed: int = 0
    """The room that is set aside for it."""
    touched: float = attrs.field(factory=time.time)
    """When something was last done with it: seconds since 1970."""
    holder: PartialFile | None = None
    """Who writes to it, and must have the lock to do so."""
    lock: Lock = attrs.field(factory=Lock)

    @property
    def name(self) -> bytes:
        """What its file is called."""
        return self.token if self.note.directory is None else RESERVED_PREFIX.encode() + self.token

    # `arrived` may be looked at at any moment, without the lock: each change of the list is one step.

    def more(self, arrived: ResumePoint) -> None:
        """So much has arrived: more than before."""
        if self.arrived and self.arrived[-1].size > self.noted:
            self.arrived[-1] = arrived
        else:
            self.arrived.append(arrived)
        if not self.noted or arrived.size - self.noted >= CHECKPOINT:
            self._take_down(arrived)

    def no_more(self, arrived: ResumePoint) -> None:
        """So much has arrived, and what is behind it does not count."""
        if self.arrived[-1:] != [arrived] or self.noted != arrived.size:
            self.arrived = [*(each for each in self.arrived if each.size < arrived.size), arrived]
            self._take_down(arrived)
        self.touched = time.time()

    def _take_down(self, arrived: ResumePoint) -> None:
        """Where that fails the note says less, and less is there after a crash: no harm."""
        self.noted = arrived.size
        with contextlib.suppress(OSError):
            self._notes.write(self, further(arrived))


class PartialUploadKeeper(Protocol):
    """What a draft tells whoever keeps the fragments, holding its fragment's lock."""

    def shrink(self, fragment: PartialUpload) -> None:
        """Nothing is coming at the moment: what has arrived is all that it counts for."""

    def forget(self, fragment: PartialUpload) -> None:
        """It cannot be found any more."""

    def end(self, fragment: PartialUpload, *, stored: bool) -> None:
        """Its file has its place, or is removed."""


class PartialFile(TempFile):
    """A large file that is being written. Closing it removes it, unless it was renamed, suspended or lost."""

    def __init__(
        self, keeper: PartialUploadKeeper, fragment: PartialUpload, system: System, fd: int, directory: int
    ) -> None:
        super().__init__(system, fd, directory, fragment.name, None)
        self.fragment = fragment
        self._keeper = keeper
        self._sealed = False

    def write(self, data: bytes) -> None:
        """All of `data`. Raises OSError, and `Changed` (44) when another upload goes on with it."""
        with self.fragment.lock:
            self._check()
            super().write(data)

    def start_at(self, arrived: ResumePoint) -> None:
        """Write on behind this, the rest being no good. Raises OSError, and `Changed` (44) as `write` does."""
        with self.fragment.lock:
            self._check()
            self.rewind(arrived.size)
            self.fragment.no_more(arrived)

    def checkpoint(self, size: int, hasher: Hasher) -> None:
        """So much has been written: now that may be gone on with, and every so often it is noted as well."""
        if size >= RESUMABLE:
            with self.fragment.lock:
                self._check()
                self.fragment.more(ResumePoint(size, hasher.hash()))

    def suspend(self, arrived: ResumePoint | None = None) -> None:
        """Nothing more comes: so much is kept for whoever goes on with it, or all that was, if it is worth that."""
        with self.fragment.lock:
            last = arrived or next(reversed(self.fragment.arrived), None)
            if self.fd < 0 or self._sealed or self.fragment.holder is not self or not last or last.size < RESUMABLE:
                return
            with contextlib.suppress(OSError):
                os.ftruncate(self.fd, last.size)
            self.fragment.no_more(last)
            self._keeper.shrink(self.fragment)
            self.fragment.holder = None
        self.close()

    def seal(self) -> None:
        """It is whole: from here on nobody can go on with it. Raises `Changed` (44) when somebody does already."""
        with self.fragment.lock:
            self._check()
            self._sealed = True
            self._keeper.forget(self.fragment)

    def close(self) -> None:
        """Let go of it. May be called twice."""
        if self.fd < 0:
            return
        with self.fragment.lock:
            mine = self._sealed or self.fragment.holder is self
            if not mine:
                self._renamed = True  # what is there is not ours to remove
            super().close()
            if mine:
                self._keeper.end(self.fragment, stored=self._renamed)
        if self.fragment.note.directory is not None:
            close_quietly(self.directory)

    def _check(self) -> None:
        if self.fragment.holder is not self:
            raise Changed(f"another upload goes on with {display_path(self.fragment.note.endpoint)}: this one is over")


def nothing_here(endpoint: Endpoint) -> Changed:
    """The refusal to go on with what is not here."""
    return Changed(f"nothing of this content of {display_path(endpoint)} is here to go on from: send it from offset 0")
