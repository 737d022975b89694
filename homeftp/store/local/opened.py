"""The open folder of a local store: opened once, and again when the disk that it is on comes back.

`wiring.py` composes what works on an open folder. Whether a root may be shared
at all is decided here: one without its metadata directory is refused where it
is known.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from threading import Lock
from typing import Callable

from homeftp.endpoint import RESERVED
from homeftp.errors import OperatorError
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces.immediate import RECENT_SECONDS
from homeftp.interfaces.store import StoreOptions
from homeftp.store.local.disk.metadir import MetadataDir, ReadOnlyRoot
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.immediate import ImmediateReader
from homeftp.store.local.integrity.marks import DamageMarks
from homeftp.store.local.listing import DirectoryLister
from homeftp.store.local.read import FileReader
from homeftp.store.local.wiring import Operations, compose, verifier
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.wording import read_only, root_missing
from homeftp.syscalls import System


def expect_metadata_dir(root: SafeRoot, path: str) -> None:
    """Raise `OperatorError` for a root that was shared before and has lost its metadata directory."""
    try:
        has_metadata_dir = root.has_metadata_dir()
    except OSError as error:
        raise _unusable(path, error) from None
    if not has_metadata_dir:
        raise OperatorError(
            f"cannot share {path}: it was shared before and its folder {RESERVED} is missing, so its disk is probably "
            "not mounted. Mount it; or, if this is the right folder nevertheless, confirm that with: "
            f"mkdir {shlex.quote(os.path.join(path, RESERVED))}"
        )


def _unusable(path: str, error: OSError) -> OperatorError:
    return OperatorError(f"cannot share {path}: its folder {RESERVED}: {error.strerror}")


class OpenFolder:
    """An open root, with the objects that read, change and verify it.

    With `known` a root without its metadata directory is refused. One that is `inspected` is not locked, and cannot be
    changed: another server may have it open. Raises `OperatorError`.
    """

    def __init__(
        self,
        path: str,
        system: System,
        cache: HashCache,
        changelog: ChangeLog,
        options: StoreOptions,
        *,
        known: bool,
        inspected: bool = False,
    ) -> None:
        self.read_only: str | None = None
        """Why nothing can be changed; None if it can."""
        self._operations: Operations | None = None
        self._metadata_dir: MetadataDir | None = None
        with contextlib.ExitStack() as opened:
            self.root = SafeRoot(path, system)
            opened.callback(self.root.close)
            disks = self.root.disks
            cache.change_time = lambda device: disks.of(device).change_time
            if known:
                expect_metadata_dir(self.root, path)
            allowed = Filetypes(options.filetypes)
            self.reader = FileReader(self.root, cache, allowed)
            self.lister = DirectoryLister(self.root, cache, allowed)
            self.marks = DamageMarks(self.root, cache)
            try:
                if inspected:
                    disks.may_learn = True
                    disks.learn(os.fstat(self.root.fd), self.root.fd)
                    raise ReadOnlyRoot("it is only inspected")
                metadata_dir = self._metadata_dir = MetadataDir(self.root, path)
                opened.callback(metadata_dir.close)
                disks.may_learn = True
                disks.learn(os.fstat(metadata_dir.incoming), metadata_dir.incoming)
                if system.syncs_whole(self.root.fd):
                    system.syncfs(self.root.fd)  # a server that was killed may have left names that are not durable
                self._operations = compose(
                    self.root, system, metadata_dir, cache, self.reader, self.lister, changelog, options
                )
                self.verifier = self._operations.verifier
            except ReadOnlyRoot as reason:
                self.read_only = str(reason)
                self.verifier = verifier(self.root, system, cache, self.lister, changelog, options)
            except OSError as error:
                raise _unusable(path, error) from None
            names = None if self._operations is None else self._operations.names
            self.immediate = ImmediateReader(self.root, cache, self.reader.recent, allowed, names)
            self._opened = opened.pop_all()

    @property
    def operations(self) -> Operations | None:
        """The operations that change it; None if it is read-only."""
        return self._operations

    @property
    def writable(self) -> Operations:
        """The operations that change it; raises `Forbidden` (33) if it is read-only."""
        if self._operations is None:
            raise read_only(self.read_only or "")
        return self._operations

    def detach(self) -> None:
        """Refuse new operations and unlock it. It is closed when those that are under way have ended."""
        self.root.detach(*([] if self._metadata_dir is None else [self._metadata_dir.unlock()]))

    def close(self) -> None:
        """Close and unlock it. May be called twice."""
        if self._operations is not None:
            with contextlib.suppress(OSError):  # less time has passed for certain at the next start
                self._operations.clock.save()
            self._operations = None
        self._opened.close()


class SharedFolder:
    """The folder of a store at its path, whichever disk is mounted there. Thread-safe.

    `opener` opens it; its argument is whether it must have its metadata directory.
    """

    def __init__(self, opener: Callable[[bool], OpenFolder], *, known: bool) -> None:
        self._opener = opener
        self._lock = Lock()
        self._current: OpenFolder | None = opener(known)
        self._looked = float("-inf")
        """When its path was last seen to lead to it, by the monotonic clock."""
        self.read_only = self._current.read_only
        """Why nothing can be changed; None if it can."""

    def get(self) -> OpenFolder:
        """The open folder; a disk that is back is opened again. Raises `Busy` (51) where it is not there."""
        current = self._current
        if current is not None and current.root.is_there():
            self._looked = time.monotonic()
            return current
        with self._lock:
            return self._reopen()

    def at_once(self) -> ImmediateReader | None:
        """The reader that does not wait for a disk; None where no job has seen of late that the folder is there."""
        current = self._current
        recent = current is not None and time.monotonic() - self._looked <= RECENT_SECONDS
        return current.immediate if current is not None and recent else None

    def _reopen(self) -> OpenFolder:
        current = self._current
        if current is not None:
            if current.root.is_there():
                return current  # another thread has opened it meanwhile
            self._current = None
            current.detach()
        try:
            self._current = self._opener(True)
        except OperatorError as error:
            raise root_missing() from error
        self.read_only = self._current.read_only
        return self._current

    def close(self) -> None:
        """Close it. May be called twice."""
        with self._lock:
            if self._current is not None:
                self._current.close()
