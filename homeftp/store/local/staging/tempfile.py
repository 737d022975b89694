"""Where new content is written before it has a name, and what a crash left there.

A draft lies in `.homeftp/incoming`, so that a rename puts it in its place at
once. Where another disk is mounted inside the share it lies beside its target
under a reserved name, and a note in `.homeftp/incoming` says where, so that
the next start finds what a crash left there. No one else can name a draft:
endpoint.py refuses those names, 128 random bits are in each, and none is ever
opened twice (CVE-2026-53795, CVE-2026-70460: temporaries outside the share).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time

from homeftp.endpoint import RESERVED_PREFIX, Endpoint, parse
from homeftp.errors import Internal, Refusal
from homeftp.model import WriteRequest
from homeftp.store.local.disk.errnos import close_quietly, display_path
from homeftp.store.local.disk.metadir import MetadataDir, in_metadata_dir
from homeftp.store.local.disk.saferoot import DirHandle, SafeRoot, set_mode
from homeftp.syscalls import System

NEW_FILE_MODE = 0o644
"""Of files that were pushed without one; set, whatever the umask is."""

_NOTE = b".elsewhere"

AWAY_SECONDS = 30 * 24 * 60 * 60
"""For so long it is remembered what may lie on a disk that is not mounted."""


class TempFile:
    """One temporary file, open for writing."""

    def __init__(self, system: System, fd: int, directory: int, name: bytes, note: tuple[int, bytes] | None) -> None:
        self.fd = fd
        self.directory = directory
        """The descriptor of the directory that it lies in; a draft with a note owns it."""
        self.name = name
        self._system = system
        self._note = note
        self._renamed = False

    def write(self, data: bytes) -> None:
        """All of `data`. Raises OSError."""
        taken = self._system.write(self.fd, data)
        rest = memoryview(data)
        while taken < len(rest):
            if taken <= 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            rest = rest[taken:]
            taken = self._system.write(self.fd, rest)

    def rewind(self, size: int) -> None:
        """Take back what was written behind the first `size` bytes. Raises OSError."""
        os.ftruncate(self.fd, size)
        os.lseek(self.fd, size, os.SEEK_SET)

    def finish(self, put: WriteRequest) -> None:
        """Set mode and mtime, and see that the disk holds as many bytes as were given to it.

        Raises OSError, and `Internal` (50) when the disk has kept fewer.
        """
        if put.mtime_us is not None:
            os.utime(self.fd, ns=(put.mtime_us * 1000, put.mtime_us * 1000))
        found = os.fstat(self.fd)
        mode = NEW_FILE_MODE if put.mode is None else put.mode & 0o777
        if stat.S_IMODE(found.st_mode) != mode:
            set_mode(self.fd, mode)
        if found.st_size != put.known_size:
            raise Internal(
                f"the server's disk did not keep all of {display_path(put.endpoint)}: the old content stands"
            )

    def renamed(self) -> None:
        """It has its place: from now on it is no longer a temporary."""
        self._renamed = True

    def close(self) -> None:
        """Close it, and remove it unless it was renamed. May be called twice."""
        if self.fd < 0:
            return
        fd, self.fd = self.fd, -1
        close_quietly(fd)
        if not self._renamed:
            with contextlib.suppress(OSError):
                os.unlink(self.name, dir_fd=self.directory)
        if self._note is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._note[1], dir_fd=self._note[0])
            close_quietly(self.directory)


class TempFiles:
    """`.homeftp/incoming` of one share, from which everything is removed at the start."""

    def __init__(self, jail: SafeRoot, system: System, own: MetadataDir) -> None:
        self._jail = jail
        self._system = system
        self._incoming = own.incoming
        self._sweep()

    def new(self, token: str, place: DirHandle, directory: Endpoint, mode: int | None) -> TempFile:
        """A new draft for somewhere in or beneath `place`, which is open at `directory`. Raises OSError.

        `token` holds 128 random bits. It has its final mode from the start,
        so that nobody reads it who may not read it later.
        """
        mode = NEW_FILE_MODE if mode is None else mode
        name = token.encode()
        if place.local:
            with in_metadata_dir():
                fd = self._jail.create_in(self._incoming, name, mode)
            return TempFile(self._system, fd, self._incoming, name, None)
        note = name + _NOTE
        with in_metadata_dir():
            noted = self._jail.create_in(self._incoming, note, 0o600)
        try:
            self._system.write(noted, directory.whole.encode())
            name = RESERVED_PREFIX.encode() + name
            fd = self._jail.create_in(place.fd, name, mode)
        except OSError:
            os.unlink(note, dir_fd=self._incoming)
            raise
        finally:
            close_quietly(noted)
        return TempFile(self._system, fd, os.dup(place.fd), name, (self._incoming, note))

    def _sweep(self) -> None:
        """Remove what a crash left. The lock says that none of it is anyone's."""
        for name in os.listdir(self._incoming):
            left = os.fsencode(name)
            if left.endswith(_NOTE) and self._sweep_elsewhere(left):
                continue
            with contextlib.suppress(IsADirectoryError):
                os.unlink(left, dir_fd=self._incoming)

    def _sweep_elsewhere(self, note: bytes) -> bool:
        """Remove what a note names; whether its disk may be away. It may be no endpoint at all after a power cut."""
        try:
            fd = self._jail.own_file(self._incoming, note, make=False)
            try:
                directory = parse(os.read(fd, 2**16).decode())
                age = time.time() - os.fstat(fd).st_mtime
            finally:
                close_quietly(fd)
        except (OSError, Refusal, UnicodeError):
            return False
        try:
            place = self._jail.place(directory)
        except Refusal:
            return age < AWAY_SECONDS
        try:
            os.unlink(RESERVED_PREFIX.encode() + note[: -len(_NOTE)], dir_fd=place.fd)
        except OSError:
            return place.local and age < AWAY_SECONDS  # it was another disk's directory
        finally:
            close_quietly(place.fd)
        return False
