"""Large files on their way in, and what is here of those that were cut off: kept for a day, to go on from.

Each is a file in `.homeftp/partial` (or beside its target, where another disk
is mounted) with a note in `.homeftp/partial`: note.py says what stands in it.
After a kill or a loss of power the last line of the note says what had
arrived. That is read and hashed again before anything is put behind it, and
in the end the whole file's hash decides.

No two uploads ever write to one file: whoever goes on with a fragment has it
alone, and an upload that had it until then has lost it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from threading import Lock

from homeftp.config import PARTIAL_UPLOAD_SECONDS
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, Internal, Refusal
from homeftp.model import WriteRequest
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.metadir import MetadataDir, in_metadata_dir
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import DirHandle, SafeRoot
from homeftp.store.local.staging.partial import PartialFile, PartialUpload, ResumeRecords, nothing_here
from homeftp.store.local.staging.resumerecord import SUFFIX, ResumeRecord, read
from homeftp.store.local.staging.tempfile import AWAY_SECONDS
from homeftp.syscalls import System

MOST = 1000
"""Fragments that are kept at once; then the oldest go."""

_MODE = 0o600
"""Of a file that is not whole: it must be opened again to be gone on with, whatever its mode is to be."""

_USELESS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM})
"""Why one cannot be opened to be gone on with, now or ever."""


class PartialUploads:
    """All of one share. Safe in several threads."""

    def __init__(self, jail: SafeRoot, system: System, own: MetadataDir, usage: QuotaUsage) -> None:
        self._jail = jail
        self._system = system
        self._folder = own.partial
        self._notes = ResumeRecords(jail, own.partial)
        self._usage = usage
        self._lock = Lock()
        self._all: dict[bytes, PartialUpload] = {}
        self._load()

    # -- uploads -----------------------------------------------------------------

    def begin(self, put: WriteRequest, place: DirHandle, directory: Endpoint, claimed: int) -> PartialFile:
        """A new draft for somewhere in or beneath the open directory, for which so much room is set aside. OSError."""
        token = os.urandom(16).hex().encode()
        fragment = PartialUpload(
            token, ResumeRecord.of(put, None if place.local else directory), self._notes, claimed=claimed
        )
        folder = self._folder if place.local else os.dup(place.fd)
        try:
            if not place.local:
                with in_metadata_dir():
                    self._notes.write(fragment)  # or nobody would find it there after a crash
            with in_metadata_dir() if place.local else contextlib.nullcontext():
                fd = self._jail.create_in(folder, fragment.name, _MODE)
        except (OSError, Internal):
            self._notes.remove(fragment)
            if not place.local:
                close_quietly(folder)
            raise
        fragment.holder = PartialFile(self, fragment, self._system, fd, folder)
        with self._lock:
            self._all[token] = fragment
        return fragment.holder

    def find(
        self, endpoint: Endpoint, content_hash: str | None, size: int | None, mtime_us: int | None
    ) -> PartialUpload | None:
        """What has arrived most of this content for this endpoint, also while it still arrives."""
        with self._lock:
            fitting = [
                each
                for each in self._all.values()
                if each.arrived and each.note.endpoint == endpoint and each.note.fits(content_hash, size, mtime_us)
            ]
        return max(fitting, key=lambda each: each.arrived[-1].size, default=None)

    def go_on(self, fragment: PartialUpload, offset: int) -> PartialFile:
        """Have it, to write on from `offset` after `start_at`. Raises `Changed` (44) where that cannot be, and OSError.

        Until then it is what it was: should the client go away while it is
        read again, nothing is lost.
        """
        with fragment.lock:
            with self._lock:
                if fragment.token not in self._all:
                    raise nothing_here(fragment.note.endpoint)
            try:
                fd, folder = self._open(fragment, offset)
            except Changed:
                if fragment.holder is None:  # or it would be offered again
                    self._unlink(fragment)
                    self.end(fragment, stored=False)
                raise
            fragment.holder = PartialFile(self, fragment, self._system, fd, folder)
            return fragment.holder

    def _open(self, fragment: PartialUpload, offset: int) -> tuple[int, int]:
        """Its file, of `offset` bytes or more, and its folder. Raises `Changed` (44) for one of no use, and OSError."""
        with contextlib.ExitStack() as opened:
            try:
                folder = self._folder_of(fragment)
                opened.callback(self._let_go, fragment, folder)
                fd = self._jail.own_file(folder, fragment.name, writable=True, make=False)
            except Refusal:
                raise nothing_here(fragment.note.endpoint) from None
            except OSError as error:
                if error.errno not in _USELESS:
                    raise
                raise nothing_here(fragment.note.endpoint) from error
            opened.callback(close_quietly, fd)
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size < offset:
                raise nothing_here(fragment.note.endpoint)
            opened.pop_all()
            return fd, folder

    def _folder_of(self, fragment: PartialUpload) -> int:
        """The folder that its file is in; one that is not our own is opened, and to be let go of."""
        directory = fragment.note.directory
        return self._folder if directory is None else self._jail.place(directory).fd

    def _let_go(self, fragment: PartialUpload, folder: int) -> None:
        if fragment.note.directory is not None:
            close_quietly(folder)

    # -- what a draft tells, holding its fragment's lock --------------------------------

    def shrink(self, fragment: PartialUpload) -> None:
        """Nothing is coming at the moment: what has arrived is all that it counts for."""
        cost = self._usage.cost(fragment.arrived[-1].size)
        self._usage.add(claimed=cost - fragment.claimed)
        fragment.claimed = cost

    def forget(self, fragment: PartialUpload) -> None:
        """It cannot be found any more."""
        with self._lock:
            self._all.pop(fragment.token, None)

    def end(self, fragment: PartialUpload, *, stored: bool) -> None:
        """Its file has its place, or is removed."""
        self.forget(fragment)
        self._notes.remove(fragment)
        self._usage.add(claimed=-fragment.claimed, settled=fragment.claimed if stored else 0)

    # -- throwing away -----------------------------------------------------------------

    def total(self, place: DirHandle | None) -> int:
        """What those that nobody writes to take up, where the open directory is, or anywhere."""
        return sum(each.claimed for each in self._idle(place))

    def evict(self, place: DirHandle | None, wanted: int) -> int:
        """Throw away the oldest, until so many bytes are freed; gives the bytes that were."""
        freed = 0
        for fragment in self._idle(place):
            if freed >= wanted:
                break
            if self._remove(fragment):
                freed += fragment.claimed
        return freed

    def expire(self) -> None:
        """Throw away those that nobody has gone on with for a day."""
        idle = self._idle(None)
        for number, fragment in enumerate(idle):
            if time.time() - fragment.touched >= PARTIAL_UPLOAD_SECONDS or number < len(idle) - MOST:
                self._remove(fragment)

    def _idle(self, place: DirHandle | None) -> list[PartialUpload]:
        """Those that nobody writes to, the oldest first."""
        with self._lock:
            found = [
                each
                for each in self._all.values()
                if each.holder is None and (place is None or place.local == (each.note.directory is None))
            ]
        return sorted(found, key=lambda each: each.touched)

    def _remove(self, fragment: PartialUpload) -> bool:
        with fragment.lock:
            if fragment.holder is not None or fragment.token not in self._all:
                return False
            self._unlink(fragment)
            self.end(fragment, stored=False)
            return True

    def _unlink(self, fragment: PartialUpload) -> None:
        """What is gone with its directory, or lies on a disk that is not mounted, cannot be removed."""
        with contextlib.suppress(OSError, Refusal):
            folder = self._folder_of(fragment)
            try:
                os.unlink(fragment.name, dir_fd=folder)
            finally:
                self._let_go(fragment, folder)

    # -- at the start ------------------------------------------------------------------

    def _load(self) -> None:
        """Find what a server before this one left, and remove what is of no use."""
        names = {os.fsencode(name) for name in os.listdir(self._folder)}
        kept = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX) and self._load_one(name)}
        for name in names:
            if name.removesuffix(SUFFIX) not in kept:
                with contextlib.suppress(IsADirectoryError, FileNotFoundError):
                    os.unlink(name, dir_fd=self._folder)

    def _load_one(self, name: bytes) -> bool:
        """Whether the note is to be kept."""
        try:
            fd = self._jail.own_file(self._folder, name, make=False)
            try:
                said, touched = read(fd), os.fstat(fd).st_mtime
            finally:
                close_quietly(fd)
        except OSError:
            return False
        if said is None:
            return False
        note, arrived = said
        fragment = PartialUpload(name.removesuffix(SUFFIX), note, self._notes, arrived, touched=touched)
        age = time.time() - touched
        try:
            folder = self._folder_of(fragment)
            try:
                found = os.stat(fragment.name, dir_fd=folder, follow_symlinks=False)
            finally:
                self._let_go(fragment, folder)
        except (OSError, Refusal):
            return self._away(fragment) and age < AWAY_SECONDS
        fragment.arrived = [each for each in fragment.arrived if each.size <= found.st_size]
        if not fragment.arrived or age >= PARTIAL_UPLOAD_SECONDS:
            self._unlink(fragment)
            return False
        fragment.noted = fragment.arrived[-1].size
        fragment.claimed = self._usage.cost(found.st_size)
        self._usage.add(claimed=fragment.claimed)
        self._all[fragment.token] = fragment
        return True

    def _away(self, fragment: PartialUpload) -> bool:
        """Whether its disk is not mounted: its directory is not there, or one of the root's own disk."""
        if fragment.note.directory is None:
            return False
        try:
            place = self._jail.place(fragment.note.directory)
        except Refusal:
            return True
        close_quietly(place.fd)
        return place.local
