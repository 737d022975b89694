"""The temp file of a partial upload, open for writing by one upload at a time."""

from __future__ import annotations

import contextlib
import os

from homeftp.config import RESUMABLE
from homeftp.errors import Changed
from homeftp.hashing.filehash import Hasher
from homeftp.model import ResumePoint
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.staging.partial import PartialRegistry, PartialUpload
from homeftp.store.local.staging.tempfile import TempFile
from homeftp.store.policy.wording import display_path
from homeftp.syscalls import System


class PartialFile(TempFile):
    """A partial upload that is being written. `close` removes it unless it was renamed, suspended or taken over."""

    def __init__(
        self, registry: PartialRegistry, partial: PartialUpload, system: System, fd: int, directory: int
    ) -> None:
        super().__init__(system, fd, directory, partial.name, None)
        self.partial = partial
        self._registry = registry
        self._sealed = False

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError, and `Changed` (44) if another upload took over."""
        with self.partial.lock:
            self._check_holder()
            super().write(data)

    def start_at(self, point: ResumePoint) -> None:
        """Discard everything behind this point and continue there. Raises what `write` raises."""
        with self.partial.lock:
            self._check_holder()
            self.truncate(point.size)
            self.partial.truncate_to(point)

    def checkpoint(self, size: int, hasher: Hasher) -> None:
        """Make the upload resumable at `size`; from time to time the resume record is written too."""
        if size >= RESUMABLE:
            with self.partial.lock:
                self._check_holder()
                self.partial.add_point(ResumePoint(size, hasher.hash()))

    def suspend(self, point: ResumePoint | None = None) -> None:
        """Keep what has arrived, up to `point` or the last one, for a later upload, if it is large enough."""
        with self.partial.lock:
            last = point or next(reversed(self.partial.points), None)
            if self.fd < 0 or self._sealed or self.partial.holder is not self or not last or last.size < RESUMABLE:
                return
            with contextlib.suppress(OSError):
                os.ftruncate(self.fd, last.size)
            self.partial.truncate_to(last)
            self._registry.shrink(self.partial)
            self.partial.holder = None
        self.close()

    def seal(self) -> None:
        """Do not offer it for resuming any more: it is complete. Raises `Changed` (44) if another upload took over."""
        with self.partial.lock:
            self._check_holder()
            self._sealed = True
            self._registry.hide(self.partial)

    def close(self) -> None:
        """Close it. May be called twice."""
        if self.fd < 0:
            return
        with self.partial.lock:
            owned = self._sealed or self.partial.holder is self
            if not owned:
                self._renamed = True  # the file belongs to another upload: do not remove it
            super().close()
            if owned:
                self._registry.remove(self.partial, committed=self._renamed)
        if self.partial.record.directory is not None:
            close_quietly(self.directory)

    def _check_holder(self) -> None:
        if self.partial.holder is not self:
            raise Changed(f"another upload of {display_path(self.partial.record.endpoint)} took over: this one ended")
