"""Local files as they are read: hashing, sending. What there is to read walk.py finds; what is written is landing.py's.

These three modules are the only ones of the client that open a path in the
person's own folders. Everything here blocks and is called in a worker, with
many small files in one job.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Iterator, NamedTuple, Sequence

import attrs

from homeftp.config import STREAM_PIECE
from homeftp.errors import Changed
from homeftp.hashing import filehash as tree
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.model import ResumePoint
from homeftp.wire.messages import HASH_BYTES, MetaData

MODES = os.name == "posix"
"""Whether files here have permission bits; where not, none are sent, set or compared."""

_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
"""O_NONBLOCK: a FIFO that took a file's place would wait for its writer."""


class FileStat(NamedTuple):
    """A file or directory as it was seen."""

    name: str
    """Its name on the wire, relative to the tree; "" is the top."""
    path: str
    found: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.found.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.found.st_mode)

    @property
    def size(self) -> int:
        """Bytes of content."""
        return self.found.st_size

    @property
    def mtime_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return self.found.st_mtime_ns // 1000

    @property
    def meta_data(self) -> MetaData:
        """The metadata as it is sent and compared."""
        return meta_data(self.found)


def meta_data(found: os.stat_result) -> MetaData:
    """`mtime_us`, and `mode` where there are modes."""
    if not MODES:
        return [("mtime_us", found.st_mtime_ns // 1000)]
    return [("mtime_us", found.st_mtime_ns // 1000), ("mode", found.st_mode & 0o777)]


@attrs.frozen
class LocalTree:
    """A directory and all that is in it that can be sent, by name.

    `skipped` says what is nothing to send, such as a link, and `left_out` what
    should be sent and cannot; both say why.
    """

    path: str
    files: dict[str, FileStat] = attrs.field(factory=dict)
    directories: dict[str, FileStat] = attrs.field(factory=dict)
    skipped: list[tuple[str, str]] = attrs.field(factory=list)
    left_out: list[tuple[str, str]] = attrs.field(factory=list)
    drafts: list[str] = attrs.field(factory=list)
    """What is there of a get that was cut off, by its name."""
    spelled: dict[str, str] = attrs.field(factory=dict)
    """How the last part of a name is spelled here, where that is not in the composed form of the wire."""


class ReadRequest(NamedTuple):
    """A file whose hash is wanted, and its content too unless it is known to be `same_as`."""

    file: FileStat
    keep: bool
    same_as: str | None = None


class Content(NamedTuple):
    """What a file holds; `data` is None where only the hash was needed."""

    file: FileStat
    """The file as it was when it was read."""
    hash: str | None
    """None where nobody needs it before the content."""
    data: bytes | None


_WITHDRAWN = b"-" * HASH_BYTES
"""Behind content that is not the file's: no hash is that, so the server stores nothing."""


class SourceFile:
    """A large file, open to be hashed and sent. Raises OSError, and `Changed` when it is no longer what was seen."""

    def __init__(self, path: str, index: HashCache | None) -> None:
        self._index = index
        self._fd = os.open(path, _READ)
        self.file = FileStat("", path, _regular(self._fd))
        self.failure: OSError | Changed | None = None
        """Why what `read` gave is not the file's content."""
        self.hash: str | None = None
        """Its hash, once `digest` or `read` has made it."""
        self.offset = 0
        """Where `read` begins."""
        self._hasher = tree.Hasher()
        self._begun = time.time_ns()
        self._offset = 0

    def digest(self) -> Iterator[str | None]:
        """Hash it in slices: None after each, and its hash at last; at once where the index knows it."""
        self.hash = _known(self._index, [self.file]).get(self.file.path)
        if self.hash is not None:
            yield self.hash
            return
        for found in tree.digest_slices(self._fd, self.file.size):
            if found is not None:
                self._keep(found)
            yield found

    def skip(self, arrived: ResumePoint) -> Iterator[bool | None]:
        """Leave out what has arrived there already, if it is the beginning of this file.

        Hashes that in slices: None after each, and at last whether it is so.
        """
        hasher = tree.Hasher()
        if 0 < arrived.size <= self.file.size:
            yield from tree.hash_slices(hasher, self._fd, 0, arrived.size)
            if hasher.hash() == arrived.hash:
                self.offset = self._offset = arrived.size
                self._hasher = hasher
        yield self.offset > 0

    @property
    def sent_size(self) -> int:
        """How many bytes `read` gives in all."""
        return self.file.size - self.offset + HASH_BYTES

    def read(self) -> bytes:
        """The next piece of the content; behind it its hash, which is made meanwhile unless `digest` has made it.

        It gives as many bytes as were announced, whatever happens to the
        file; after a `failure` what stands in the place of the hash is none.
        """
        missing = self.file.size - self._offset
        if missing > 0:
            data = self._content(min(STREAM_PIECE, missing))
        else:
            data = self._trailer() if missing == 0 else b""
        self._offset += len(data)
        return data

    def _content(self, length: int) -> bytes:
        """The next `length` bytes of the file, with zeros for what cannot be had."""
        data = b""
        if self.failure is None:
            try:
                data = tree.read_at(self._fd, self._offset, length)
                if len(data) < length:
                    raise _changed()
            except (OSError, Changed) as failure:
                self.failure = failure
        if self.hash is None:
            self._hasher.update(data)
        return data.ljust(length, b"\0")

    def _trailer(self) -> bytes:
        if self.failure is None:
            try:
                self._keep(self.hash or self._hasher.hash())
            except (OSError, Changed) as failure:
                self.failure = failure
        return _WITHDRAWN if self.failure or self.hash is None else self.hash.encode("ascii")

    def _keep(self, found: str) -> None:
        """Remember its hash, if it is still the file that it was."""
        if not tree.same_content(self.file.found, os.fstat(self._fd)):
            raise _changed()
        self.hash = found
        _record(self._index, [(self.file, found)], self._begun)

    def close(self) -> None:
        """Close it. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _changed() -> Changed:
    return Changed("it was changed while it was read")


def read_many(wants: Sequence[ReadRequest], index: HashCache | None) -> list[Content | Exception]:
    """Read and hash small files; one result for each, in order."""
    known = _known(index, [want.file for want in wants])
    results: list[Content | Exception] = []
    hashed: list[tuple[FileStat, str]] = []
    begun = time.time_ns()
    for want in wants:
        there = known.get(want.file.path)
        if there is not None and (not want.keep or there == want.same_as):
            results.append(Content(want.file, there, None))
            continue
        try:
            content = _read(want)
        except (OSError, Changed) as error:
            results.append(error)
            continue
        results.append(content)
        if there is None and content.hash is not None:
            hashed.append((content.file, content.hash))
    _record(index, hashed, begun)
    return results


def _read(want: ReadRequest) -> Content:
    name, path, _ = want.file
    fd = os.open(path, _READ)
    try:
        found = _regular(fd)
        if found.st_size > STREAM_PIECE:
            raise Changed("it grew meanwhile: try again")
        data = os.read(fd, found.st_size + 1)
        if not tree.same_content(found, os.fstat(fd)) or len(data) != found.st_size:
            raise _changed()
    finally:
        os.close(fd)
    return Content(FileStat(name, path, found), tree.hash_bytes(data), data if want.keep else None)


def _regular(fd: int) -> os.stat_result:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise Changed("it is no longer a file")
    return tree.at_rest(fd, found)


def _known(index: HashCache | None, files: Sequence[FileStat]) -> dict[str, str]:
    """The hashes that the index knows, by path."""
    known: dict[str, str] = {}
    if index is None:
        return known
    folders: dict[str, dict[str, os.stat_result]] = {}
    for file in files:
        folder, name = os.path.split(file.path)
        folders.setdefault(folder, {})[name] = file.found
    for folder, names in folders.items():
        for name, found in index.lookup(os.path.realpath(folder), names).items():
            known[os.path.join(folder, name)] = found
    return known


def _record(index: HashCache | None, hashed: Sequence[tuple[FileStat, str]], begun: int) -> None:
    if index is not None and hashed:
        rows = []
        folders: dict[str, str] = {}
        for file, content_hash in hashed:
            folder, name = os.path.split(file.path)
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            rows.append(CachedHash(folders[folder], name, file.found, content_hash, begun))
        index.record(rows)
