"""Puts versions back; a current file becomes a version itself."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Sequence

import msgspec

from homeftp.config import SLICE
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed
from homeftp.hashing.filehash import digest_slices, same_content
from homeftp.history.changes import Reversion
from homeftp.model import Actor, Entry
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.directories import Directories, OpenDirectories
from homeftp.store.local.commit.outcome import InDoubt
from homeftp.store.local.commit.pending import PendingRename, PinnedFile, PreparedFile, RenameTarget
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.privatefiles import complete_mode, open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.catalog import StoredVersion, VersionCatalog
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_not_root
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.wording import damaged_version


class _Chosen(msgspec.Struct, frozen=True, eq=False):
    """A version that is about to be put back."""

    wanted: Reversion
    version: StoredVersion

    @property
    def endpoint(self) -> Endpoint:
        return self.wanted.endpoint


class Restorer(msgspec.Struct, frozen=True):
    """Restores versions. Thread-safe."""

    root: SafeRoot
    filetypes: Filetypes
    catalog: VersionCatalog
    archive: VersionArchive
    directories: Directories
    preconditions: Preconditions
    fsync: Fsync
    committer: Committer

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None, actor: Actor) -> Entry:
        """Put back the version of that time, or the newest, durably.

        Raises `NotFound` (40), `Changed` (44), and `Damaged` (46) for a version that is known to be.
        """
        (result,) = self.restore_many([Reversion(endpoint, at_us, precondition)], actor)
        if isinstance(result, Exception):
            raise result
        return result

    def restore_many(self, wanted: Sequence[Reversion], actor: Actor) -> list[Entry | Exception]:
        """`restore` for several together, at distinct endpoints: a result for each, in order.

        Without a time it is the newest version. Each version holds two descriptors meanwhile.
        """
        with contextlib.ExitStack() as opened:
            results: list[Entry | Exception | _Chosen] = [catch(self._choose, each, opened) for each in wanted]
            chosen = {number: each for number, each in enumerate(results) if isinstance(each, _Chosen)}
            parents = {each.endpoint.parent: actor for each in chosen.values()}
            directories = opened.enter_context(self.directories.opened_many(parents))
            restored = dict(zip(chosen, self._restore_all(list(chosen.values()), directories, actor), strict=True))
        final = [restored[number] if isinstance(each, _Chosen) else each for number, each in enumerate(results)]
        return [
            refusal(each, one.endpoint) if isinstance(each, OSError) else each
            for one, each in zip(wanted, final, strict=True)
        ]

    def _choose(self, wanted: Reversion, opened: contextlib.ExitStack) -> _Chosen:
        """Find and protect a version; `opened` ends that."""
        check_not_root(wanted.endpoint)
        self.filetypes.check(wanted.endpoint)
        return _Chosen(wanted, opened.enter_context(self.catalog.open(wanted.endpoint, wanted.at_us)))

    def _restore_all(
        self, chosen: Sequence[_Chosen], directories: OpenDirectories, actor: Actor
    ) -> list[Entry | Exception]:
        results: dict[int, Entry | Exception] = {}
        handles: dict[int, DirHandle] = {}
        for number, each in enumerate(chosen):
            handle = directories.handles[each.endpoint.parent]
            if isinstance(handle, DirHandle):
                handles[number] = handle
            else:
                results[number] = self.directories.explain(handle, each.endpoint, 0)
        conditions = [
            (handles[number], chosen[number].endpoint, chosen[number].wanted.precondition) for number in handles
        ]
        expected = dict(zip(list(handles), self.preconditions.expected(conditions), strict=True))
        pending: dict[int, PendingRename] = {}
        with contextlib.ExitStack() as pinned:
            for number, handle in handles.items():
                one = catch(self._pending, chosen[number], handle, expected[number], actor, pinned)
                if isinstance(one, PendingRename):
                    pending[number] = one
                else:
                    results[number] = one
            files = [(chosen[each].version.folder, chosen[each].version.file, handles[each]) for each in pending]
            for number, failure in zip(list(pending), self.fsync.existing_files(files), strict=True):
                if failure is not None:
                    results[number] = failure
                    del pending[number]
            committed = self.committer.commit(list(pending.values()))
        for number, result in zip(pending, committed, strict=True):
            results[number] = result
            if isinstance(result, Entry | InDoubt):
                version = chosen[number].version
                self.archive.subtract(version.mount, version.found.st_size)
                directories.keep([chosen[number].endpoint.parent])
        return [results[number] for number in range(len(chosen))]

    def _pending(
        self,
        chosen: _Chosen,
        handle: DirHandle,
        expected: str | Exception | None,
        actor: Actor,
        opened: contextlib.ExitStack,
    ) -> PendingRename:
        """The rename of a version to its endpoint; `opened` closes what it holds."""
        version = chosen.version
        if isinstance(expected, Exception):
            raise expected
        if version.damaged:
            raise damaged_version(chosen.endpoint)
        pinned = self.root.open_pinned(version.folder, version.file)
        opened.callback(close_quietly, pinned)
        found = os.fstat(pinned)
        complete_mode(version.folder, version.file, found)
        known = version.hash if same_content(version.found, found) else None
        file = PreparedFile(
            PinnedFile(pinned, version.folder, version.file),
            found.st_size,
            known or self._hash(version, found),
            time.time_ns(),
            before=found,
            counted=True,
        )
        target = RenameTarget(handle, chosen.endpoint, chosen.wanted.precondition, expected)
        return PendingRename(file, target, actor, version_us=version.at_us)

    def _hash(self, version: StoredVersion, found: os.stat_result) -> str | None:
        """The hash of a version; None if it is large, cannot be read, or is being written."""
        if found.st_size > SLICE:
            return None  # a request that needs it hashes the file in slices
        try:
            fd = open_private_file(version.folder, version.file, make=False)
        except PermissionError:
            return None
        try:
            (content_hash,) = filter(None, digest_slices(fd, found.st_size))
            return content_hash if same_content(found, os.fstat(fd)) else None
        except Changed:
            return None
        finally:
            close_quietly(fd)
