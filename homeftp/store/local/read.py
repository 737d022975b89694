"""Reads files: one large file in pieces, or many small files at once. Also stats them."""

from __future__ import annotations

import os
import stat
import time
from typing import Iterator, Mapping, Sequence

from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, NotFound, Refusal, WrongKind
from homeftp.hashing.filehash import digest_slices, hash_bytes, is_settled, read_at, read_whole, same_content, signature
from homeftp.hashing.hashcache import UNREADABLE, CachedHash, HashCache, KnownHash
from homeftp.hashing.signatures import is_unchanged
from homeftp.interfaces import IOpenFile
from homeftp.model import Entry
from homeftp.store.local.disk import errnos
from homeftp.store.local.disk.entries import entry_of, kind_of, known_entry
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import per_job
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.recent import RecentFiles
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_range
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.wording import damaged, display_path
from homeftp.syscalls.disks import Disks

Parts = tuple[str, ...]
"""A directory by the parts of its endpoint: quicker to look up in a dict than the endpoint."""

BATCH = 256
"""Files that are opened together, at most. Each holds a descriptor meanwhile."""


@implementer(IOpenFile)
class LocalFile:
    """A regular file as it was when it was opened, whatever takes its name meanwhile.

    Owns `fd`. `directory` is the key of its directory in the hash cache, and `file` its name there, if that is not the
    endpoint's.
    """

    content: bytes | None = None

    def __init__(
        self,
        cache: HashCache,
        disks: Disks,
        endpoint: Endpoint,
        directory: str,
        fd: int,
        found: os.stat_result,
        known: str | None,
        *,
        file: str | None = None,
    ) -> None:
        self._cache = cache
        self._file = endpoint.name if file is None else file
        self._disks = disks
        self._endpoint = endpoint
        self._directory = directory
        self._fd = fd
        self.found = found
        """Its stat when it was opened."""
        self._opened_ns = time.time_ns()
        self._settled = is_settled(found)
        self.entry: Entry = self._entry(known)

    def _entry(self, content_hash: str | None) -> Entry:
        """The entry; without a tag as long as another change may leave the same one."""
        entry = entry_of(self.found, self._disks, content_hash)
        return entry if self._settled else structs.replace(entry, tag="")

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, fewer only at the end that it had when it was opened."""
        check_range(offset, length)
        length = min(length, self.entry.size - offset)
        if length <= 0:
            return b""
        if self.content is not None:
            return self.content[offset : offset + length]
        try:
            data = read_at(self._fd, offset, length)
        except OSError as error:
            raise self._failed(error) from error
        if len(data) < length:
            raise self._changed()
        return data

    def hash_steps(self) -> Iterator[str | None]:
        """Hash it in slices: yields None after each, and at last its hash, which the hash cache remembers."""
        if self.content is not None:
            yield self.entry.hash
            return
        hashes: list[str] = []
        try:
            while not hashes or (len(hashes) == 1 and self.is_stale()):
                if self._shows_changes():
                    hashes.clear()
                for found in digest_slices(self._fd, self.entry.size):
                    if found is not None:
                        hashes.append(found)
                        continue
                    self._check()
                    if self._shows_changes():
                        hashes.clear()
                        break  # what was read so far may be older: begin again
                    yield None
            if len(set(hashes)) > 1:
                raise self._changed()
            self._remember(hashes[0])
        except OSError as error:
            raise self._failed(error) from error
        yield hashes[0]

    def is_stale(self) -> bool:
        """Whether it may have changed although size and mtime have not: reading it again tells."""
        try:
            if self.content is not None:
                return False
            return not self._settled or self.found.st_ctime_ns != os.fstat(self._fd).st_ctime_ns
        except OSError as error:
            raise refusal(error, self._endpoint) from error

    def _shows_changes(self) -> bool:
        """Whether every change shows from now on, though it might have gone unnoticed until now."""
        if self._settled or not is_settled(self.found):
            return False
        self._settled = signature(os.fstat(self._fd)) == signature(self.found)
        return self._settled

    def close_verified(self, hash: str | None) -> Entry:
        """Close it and return its entry; the hash cache remembers `hash`, the hash of all that was read."""
        if self.content is not None:
            return self.entry
        try:
            if hash is None:
                self._check()
            else:
                self._remember(hash)
        except OSError as error:
            raise refusal(error, self._endpoint) from error
        finally:
            self.close()
        return self.entry

    def close(self) -> None:
        """Close it. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            close_quietly(fd)

    def read_all(self) -> CachedHash | None:
        """Read all of it into `content` and close it; returns a row for the hash cache if it had to be hashed."""
        size = self.entry.size
        try:
            content = read_whole(self._fd, size)
            found = self._check()
            is_stale = not self._settled or self.found.st_ctime_ns != found.st_ctime_ns
            if is_stale and content != read_whole(self._fd, size):
                raise self._changed()
        except OSError as error:
            raise self._failed(error) from error
        finally:
            self.close()
        if len(content) != size:
            raise self._changed()
        self.content = content
        if self.entry.hash is not None:
            return None
        self.entry = self._entry(hash_bytes(content))
        return self._row(found)

    def _failed(self, error: OSError) -> Refusal:
        """The refusal where the file could not be read; one that the disk has lost is marked, to be read again."""
        if error.errno not in errnos.NOT_READ:
            return refusal(error, self._endpoint)
        known = self.entry.hash or ""
        row = CachedHash(self._directory, self._file, self.found, known, self._opened_ns, UNREADABLE)
        self._cache.record_reads([row])
        return damaged(self._endpoint)

    def _check(self) -> os.stat_result:
        """Its current stat; raises `Changed` (44) if its content is no longer what was opened."""
        found = os.fstat(self._fd)
        if not same_content(self.found, found):
            raise self._changed()
        return found

    def _remember(self, content_hash: str) -> None:
        found = self._check()
        self.entry = self._entry(content_hash)
        row = self._row(found)
        if row is not None:
            self._cache.record([row])

    def _row(self, found: os.stat_result) -> CachedHash | None:
        """A row for the hash cache; None if another file may have its name by now."""
        change_time = self._disks.of(found.st_dev).change_time
        if self.entry.hash is None or not is_unchanged(self.found, found, change_time):
            return None
        return CachedHash(self._directory, self._file, found, self.entry.hash, self._opened_ns)

    def _changed(self) -> Changed:
        return Changed(f"{display_path(self._endpoint)} changed on the server while it was read: try again")


class FileReader:
    """Stats and opens the files of one store. Thread-safe."""

    def __init__(self, root: SafeRoot, cache: HashCache, filetypes: Filetypes) -> None:
        self._root = root
        self._cache = cache
        self.recent = RecentFiles(cache, root.disks)
        """The files that jobs have found of late."""
        self._filetypes = filetypes

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint, with its hash if it is known; None if nothing exists. Raises `WrongKind` (43)."""
        (entry,) = self.stat_many([endpoint])
        if isinstance(entry, Exception):
            raise entry
        return entry

    def stat_many(self, endpoints: Sequence[Endpoint]) -> list[Entry | Exception | None]:
        """`stat` for several; each directory is opened, and looked up in the hash cache, once."""
        marked = self.recent.marked
        parents: dict[Parts, int | None] = {}
        try:
            stats = [catch(self._stat_one, endpoint, parents) for endpoint in endpoints]
        finally:
            for fd in parents.values():
                if fd is not None:
                    close_quietly(fd)
        files: dict[Parts, dict[str, os.stat_result]] = {}
        for endpoint, found in zip(endpoints, stats, strict=True):
            if isinstance(found, os.stat_result) and stat.S_ISREG(found.st_mode):
                files.setdefault(endpoint.parts[:-1], {})[endpoint.parts[-1]] = found
        known = {parts: self._cache.known(self._cache_path(parts), found) for parts, found in files.items()}
        results: list[Entry | Exception | None] = []
        for endpoint, found in zip(endpoints, stats, strict=True):
            if isinstance(found, os.stat_result):
                entry = self._entry(endpoint, found, known)
                self.recent.add(endpoint.parts, found, entry, marked)
                results.append(entry)
            else:
                results.append(found)
        return results

    def _entry(
        self, endpoint: Endpoint, found: os.stat_result, known: Mapping[Parts, Mapping[str, KnownHash]]
    ) -> Entry:
        return known_entry(found, self._root.disks, known.get(endpoint.parts[:-1], {}).get(endpoint.name))

    def _cache_path(self, directory: Parts) -> str:
        return self._root.cache_path(Endpoint(directory))

    def _stat_one(self, endpoint: Endpoint, parents: dict[Parts, int | None]) -> os.stat_result | None:
        if not endpoint.parts:
            return self._root.stat(endpoint)
        parent = endpoint.parts[:-1]
        if parent not in parents:
            try:
                parents[parent] = self._root.open_for_lookup(endpoint.parent)
            except NotFound:
                parents[parent] = None
        fd = parents[parent]
        found = None if fd is None else self._root.stat_in(fd, endpoint)
        if fd is None or found is None:
            self._filetypes.check_absent(endpoint)
            return None
        self._root.disks.learn(found, fd)
        if kind_of(endpoint, found) == "file":
            self._filetypes.check(endpoint)
        return found

    def open(self, endpoint: Endpoint) -> LocalFile:
        """Open a file for reading. Raises `NotFound` (40), `WrongKind` (43), `Damaged` (46)."""
        (opened,) = self._open_batch([endpoint])
        if isinstance(opened, Exception):
            raise opened
        return opened

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> list[LocalFile | Exception]:
        """`open` for several; files of at most `inline` bytes are read, hashed and closed already."""
        self.recent.look_for_damage()
        results: list[LocalFile | Exception] = []
        batch = per_job(BATCH)
        for start in range(0, len(endpoints), batch):
            marked = self.recent.marked
            results.extend(self._open_batch(endpoints[start : start + batch]))
            rows = []
            for number in range(start, len(results)):
                file = results[number]
                if isinstance(file, LocalFile) and file.entry.size <= inline:
                    row = catch(file.read_all)
                    if isinstance(row, Exception):
                        results[number] = row
                        continue
                    self.recent.add(endpoints[number].parts, file.found, file.entry, marked)
                    if row is not None:
                        rows.append(row)
            self._cache.record(rows)
        return results

    def _open_batch(self, endpoints: Sequence[Endpoint]) -> list[LocalFile | Exception]:
        """Open files; each directory is opened, and looked up in the hash cache, once."""
        opened: list[tuple[int, os.stat_result] | Exception] = []
        stats: dict[Parts, dict[str, os.stat_result]] = {}
        parents: dict[Parts, int] = {}
        try:
            for endpoint in endpoints:
                one = catch(self._open_one, endpoint, parents)
                opened.append(one)
                if not isinstance(one, Exception):
                    stats.setdefault(endpoint.parts[:-1], {})[endpoint.parts[-1]] = one[1]
        finally:
            for fd in parents.values():
                close_quietly(fd)
        directories = {parent: self._cache_path(parent) for parent in stats}
        known = {parent: self._cache.known(directories[parent], found) for parent, found in stats.items()}
        results: list[LocalFile | Exception] = []
        for endpoint, one in zip(endpoints, opened, strict=True):
            if isinstance(one, Exception):
                results.append(one)
            else:
                parent = endpoint.parts[:-1]
                cached = known[parent].get(endpoint.parts[-1])
                if cached is not None and cached.damage:
                    close_quietly(one[0])
                    results.append(damaged(endpoint))
                    continue
                content_hash = None if cached is None else cached.hash
                directory = directories[parent]
                results.append(LocalFile(self._cache, self._root.disks, endpoint, directory, *one, content_hash))
        return results

    def _open_one(self, endpoint: Endpoint, parents: dict[Parts, int]) -> tuple[int, os.stat_result]:
        self._check_type(endpoint)
        parent = endpoint.parts[:-1]
        if parent not in parents:
            parents[parent] = self._root.open_for_lookup(endpoint.parent)
        fd, found = self._root.open_file_in(parents[parent], endpoint)
        self._root.disks.learn(found, parents[parent])
        return fd, found

    def _check_type(self, endpoint: Endpoint) -> None:
        """Refuse a file type that is not allowed; a directory of such a name is refused as a directory."""
        if self._filetypes.problem(endpoint.name) is None:
            return
        found = self._root.stat(endpoint)
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise WrongKind(f"{display_path(endpoint)} is a directory")
        if found is None:
            self._filetypes.check_absent(endpoint)
        else:
            self._filetypes.check(endpoint)
