"""The last steps of every write: rename, make the names durable, remember the hashes, and only then report success."""

from __future__ import annotations

import errno
import os
from typing import Sequence

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal
from homeftp.hashing.filehash import same_content
from homeftp.hashing.hashcache import CachedHash, HashCache, KnownHash
from homeftp.model import Actor, Entry, WriteRequest
from homeftp.store.local.commit.directories import Directories
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.outcome import in_doubt
from homeftp.store.local.commit.pending import PendingRename, PreparedFile, RenameTarget
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.inheritance import Inheritance
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.tempfile import TempFile


class Committer(msgspec.Struct, frozen=True):
    """Commits durable files. Thread-safe."""

    root: SafeRoot
    fsync: Fsync
    namespace: Namespace
    directories: Directories
    cache: HashCache

    def commit(self, pendings: Sequence[PendingRename]) -> list[Entry | Exception]:
        """Give each file its final name, durably; a result for each, in order.

        Raises nothing. Errors are those of `Namespace.rename`, and `InDoubt`
        for a file that was renamed and may not survive a power cut.
        """
        moved = [self._known(each) for each in pendings]
        rows: list[CachedHash] = []
        refused = self.namespace.rename(pendings, rows.extend)  # with the versions, for one transaction
        stats = [self._stat(each, error) for each, error in zip(pendings, refused, strict=True)]
        changed: dict[DirHandle, Endpoint] = {}
        for pending, found in zip(pendings, stats, strict=True):
            if not isinstance(found, Exception):
                target = pending.target
                if target.handle not in changed:
                    changed[target.handle] = target.endpoint.parent
                if pending.unlink is not None:
                    changed[pending.unlink.handle] = pending.unlink.endpoint.parent
        failures = dict(zip(changed, self.fsync.directories(list(changed)), strict=True))
        cache_paths = {handle: self.root.cache_path(directory) for handle, directory in changed.items()}
        results: list[Entry | Exception] = []
        for pending, found, source in zip(pendings, stats, moved, strict=True):
            target, before = pending.target, pending.file.before
            if isinstance(found, Exception):
                results.append(found)
                continue
            failure = failures[target.handle]
            if failure is None and pending.unlink is not None:
                failure = failures[pending.unlink.handle]
            if failure is not None:
                results.append(in_doubt(target.endpoint, failure))
                continue
            known = pending.known_hash if source is None else source.hash
            if known is not None and before is not None and not same_content(before, found):
                known = source = None
            damage = "" if source is None else source.damage
            if known is not None:
                content, read_us = ("", 0) if source is None else (source.content, source.read_us)
                where, changed_ns = cache_paths[target.handle], pending.changed_ns
                more = damage, content, read_us, changed_ns
                rows.append(CachedHash(where, target.endpoint.name, found, known, pending.file.hashed_ns, *more))
            results.append(self._entry(found, known, damage))
        self.cache.record(rows)
        return results

    def _entry(self, found: os.stat_result, known: str | None, damage: str) -> Entry:
        disks = self.root.disks
        return entry_of(found, disks, damaged=known) if damage else entry_of(found, disks, known)

    def _stat(self, pending: PendingRename, refused: Exception | None) -> os.stat_result | Exception:
        """The stat of a file after its rename, by its descriptor: its name may belong to another file by now."""
        if refused is not None:
            return refused
        try:
            try:
                return os.fstat(pending.file.source.fd)
            except FileNotFoundError:
                return self._stat_by_name(pending)
        except (OSError, Refusal) as error:
            return in_doubt(pending.target.endpoint, error)

    def _stat_by_name(self, pending: PendingRename) -> os.stat_result:
        """The same where a driver (ntfs-3g) finds what is open by the name that the file has lost. Raises OSError."""
        before, target = pending.file.before, pending.target
        found = self.root.stat_in(target.handle.fd, target.endpoint)
        if before is None or found is None or not os.path.samestat(before, found):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return found

    def _known(self, pending: PendingRename) -> KnownHash | None:
        """The known hash of a file of the store that is about to be moved."""
        if pending.unlink is None or pending.file.before is None:
            return None
        endpoint = pending.unlink.endpoint
        return self.cache.known_file(self.root.cache_path(endpoint.parent), endpoint.name, pending.file.before)

    def commit_one(self, pending: PendingRename) -> Entry:
        """`commit` for one file; raises its error."""
        (result,) = self.commit([pending])
        if isinstance(result, Exception):
            raise result
        return result

    def commit_temp_file(
        self,
        request: WriteRequest,
        temp_file: TempFile,
        beside: DirHandle,
        *,
        actor: Actor,
        expected: str | None,
        content_hash: str | None,
        hashed_ns: int,
        size: int,
        replaced: os.stat_result | None,
    ) -> Entry:
        """Set the metadata of a complete temp file, make it durable, make its directory, and commit it.

        `beside` is the deepest directory of its path that existed before it was
        written; new directories hand on what they get from it. `replaced` is the
        file that has its name. Raises what `commit` returns, the refusals of `Directories`, and OSError.
        """
        temp_file.set_metadata(request, size, Inheritance.of(self.root.disks, beside), replaced)
        (failure,) = self.fsync.files([(temp_file.fd, beside)])
        if failure is not None:
            raise failure
        actor = request.acting(actor)
        with self.directories.opened(request.endpoint.parent, actor, target=request.endpoint, size=size) as handle:
            file = PreparedFile(temp_file, size, content_hash, hashed_ns)
            return self.commit_one(PendingRename(file, RenameTarget.of(request, handle, expected), actor))
