"""Files that are read: one at a time as far as one likes, or many small ones at once."""

from __future__ import annotations

import os
import stat
import time
from typing import Iterator, Sequence

from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, WrongKind
from homeftp.hashing.filehash import digest_slices, hash_bytes, read_at, same_content, signature
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.interfaces import IOpenFile
from homeftp.model import Entry
from homeftp.store.local.disk.entries import Filetypes, entry_of
from homeftp.store.local.disk.errnos import catch, close_quietly, display_path, refusal
from homeftp.store.local.disk.saferoot import SafeRoot, kind_problem

AT_ONCE = 64
"""Files opened together: as many as one connection has under way; each holds a descriptor meanwhile."""


@implementer(IOpenFile)
class LocalFile:
    """A regular file as it was when it was opened; what takes its name meanwhile does not matter to it.

    Owns `fd`. `directory` is how the index spells the directory that holds it.
    """

    content: bytes | None = None

    def __init__(
        self, index: HashCache, endpoint: Endpoint, directory: str, fd: int, found: os.stat_result, known: str | None
    ) -> None:
        self.entry: Entry = entry_of(found, known)
        self._index = index
        self._endpoint = endpoint
        self._directory = directory
        self._fd = fd
        self._found = found
        self._opened_ns = time.time_ns()

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`; fewer only at the end that it had on opening."""
        length = min(length, self.entry.size - offset)
        if length <= 0:
            return b""
        if self.content is not None:
            return self.content[offset : offset + length]
        try:
            data = read_at(self._fd, offset, length)
        except OSError as error:
            raise refusal(error, self._endpoint) from error
        if len(data) < length:
            raise self._changed()
        return data

    def hash_steps(self) -> Iterator[str | None]:
        """Hash it in slices: None after each, and at last its hash, which the index keeps."""
        if self.content is not None:
            yield self.entry.hash
            return
        hashes: list[str] = []
        try:
            while not hashes or (len(hashes) == 1 and self.is_stale()):
                for found in digest_slices(self._fd, self.entry.size):
                    if found is None:
                        self._check()
                        yield None
                    else:
                        hashes.append(found)
            if len(set(hashes)) > 1:
                raise self._changed()
            self._keep(hashes[0])
        except OSError as error:
            raise refusal(error, self._endpoint) from error
        yield hashes[0]

    def is_stale(self) -> bool:
        """Whether it may have changed though size and mtime have not: what is read once more will tell."""
        try:
            return self.content is None and self._found.st_ctime_ns != os.fstat(self._fd).st_ctime_ns
        except OSError as error:
            raise refusal(error, self._endpoint) from error

    def verify(self, hash: str | None) -> Entry:
        """Close it and give its entry; `hash`, of all that was read, goes to the index."""
        if self.content is not None:
            return self.entry
        try:
            if hash is None:
                self._check()
            else:
                self._keep(hash)
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

    def take(self) -> CachedHash | None:
        """Read all of it and close it; a row for the index where it was hashed for that."""
        size = self.entry.size
        try:
            content = read_at(self._fd, 0, size + 1)
            found = self._check()
            if self.is_stale() and content != read_at(self._fd, 0, size + 1):
                raise self._changed()
        except OSError as error:
            raise refusal(error, self._endpoint) from error
        finally:
            self.close()
        if len(content) != size:
            raise self._changed()
        self.content = content
        if self.entry.hash is not None:
            return None
        self.entry = entry_of(self._found, hash_bytes(content))
        return self._row(found)

    def _check(self) -> os.stat_result:
        """Its stat of now; raises `Changed` (44) when its content is no longer what was opened."""
        found = os.fstat(self._fd)
        if not same_content(self._found, found):
            raise self._changed()
        return found

    def _keep(self, content_hash: str) -> None:
        found = self._check()
        self.entry = entry_of(self._found, content_hash)
        row = self._row(found)
        if row is not None:
            self._index.record([row])

    def _row(self, found: os.stat_result) -> CachedHash | None:
        """None where only its content is known to be the same: another file may have its name by now."""
        if self.entry.hash is None or signature(found) != signature(self._found):
            return None
        return CachedHash(self._directory, self._endpoint.name, found, self.entry.hash, self._opened_ns)

    def _changed(self) -> Changed:
        return Changed(f"{display_path(self._endpoint)} changed on the server while it was read: try again")


class FileReader:
    """Opens the files of one share. Safe in several threads."""

    def __init__(self, jail: SafeRoot, index: HashCache, filetypes: Filetypes) -> None:
        self._jail = jail
        self._index = index
        self._filetypes = filetypes

    def look(self, endpoint: Endpoint) -> Entry | None:
        """What stands there, with its hash where the index knows it; None when nothing does."""
        found = self._jail.look(endpoint)
        if found is None:
            self._check_absent(endpoint)
            return None
        problem = kind_problem(found)
        if problem is not None:
            raise WrongKind(f"{display_path(endpoint)} {problem}")
        if stat.S_ISDIR(found.st_mode):
            return entry_of(found)
        self._filetypes.check(endpoint)
        known = self._index.lookup(self._jail.spelled(endpoint.parent), {endpoint.name: found})
        return entry_of(found, known.get(endpoint.name))

    def open(self, endpoint: Endpoint) -> LocalFile:
        """A file, to read. Raises `NotFound` (40), `WrongKind` (43)."""
        (opened,) = self._open_together([endpoint])
        if isinstance(opened, Exception):
            raise opened
        return opened

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> list[LocalFile | Exception]:
        """`open` for several; those of at most `inline` bytes are read, hashed and closed already."""
        results: list[LocalFile | Exception] = []
        for start in range(0, len(endpoints), AT_ONCE):
            results.extend(self._open_together(endpoints[start : start + AT_ONCE]))
            rows = []
            for number in range(start, len(results)):
                file = results[number]
                if isinstance(file, LocalFile) and file.entry.size <= inline:
                    row = catch(file.take)
                    if isinstance(row, Exception):
                        results[number] = row
                    elif row is not None:
                        rows.append(row)
            self._index.record(rows)
        return results

    def _open_together(self, endpoints: Sequence[Endpoint]) -> list[LocalFile | Exception]:
        """Each directory is opened once, and the index is asked once for each."""
        opened: list[tuple[int, os.stat_result] | Exception] = []
        stats: dict[Endpoint, dict[str, os.stat_result]] = {}
        ways: dict[Endpoint, int] = {}
        try:
            for endpoint in endpoints:
                one = catch(self._open_one, endpoint, ways)
                opened.append(one)
                if not isinstance(one, Exception):
                    stats.setdefault(endpoint.parent, {})[endpoint.name] = one[1]
        finally:
            for way in ways.values():
                close_quietly(way)
        directories = {parent: self._jail.spelled(parent) for parent in stats}
        known = {parent: self._index.lookup(directories[parent], found) for parent, found in stats.items()}
        results: list[LocalFile | Exception] = []
        for endpoint, one in zip(endpoints, opened, strict=True):
            if isinstance(one, Exception):
                results.append(one)
            else:
                parent = endpoint.parent
                content_hash = known[parent].get(endpoint.name)
                results.append(LocalFile(self._index, endpoint, directories[parent], *one, content_hash))
        return results

    def _open_one(self, endpoint: Endpoint, ways: dict[Endpoint, int]) -> tuple[int, os.stat_result]:
        self._check_type(endpoint)
        parent = endpoint.parent
        if parent not in ways:
            ways[parent] = self._jail.way(parent)
        return self._jail.file_in(ways[parent], endpoint)

    def _check_type(self, endpoint: Endpoint) -> None:
        """A directory is no file of a wrong type, but no file at all."""
        if self._filetypes.problem(endpoint.name) is None:
            return
        found = self._jail.look(endpoint)
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise WrongKind(f"{display_path(endpoint)} is a directory")
        if found is None:
            self._check_absent(endpoint)
        else:
            self._filetypes.check(endpoint)

    def _check_absent(self, endpoint: Endpoint) -> None:
        """Where nothing is, a name with a suffix means a file; one without may mean a directory."""
        if "." in endpoint.name:
            self._filetypes.check(endpoint)
