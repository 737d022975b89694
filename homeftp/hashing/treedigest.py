"""The two digests of a directory, which say whether two copies of it, and of all beneath it, are the same.

The protocol page defines their bytes. Here they are computed from entries in the order of a listing, in the memory of
one directory at each depth: on the server from what an account sees, on the client from its files.
"""

from __future__ import annotations

import hashlib

import attrs

from homeftp.hashing.filehash import ALGORITHM
from homeftp.model import Entry, TreeDigest, kept_mode

_DAMAGED = "damaged"
"""Stands for the hash of a content that the server's disk has not kept: no copy is the same as it."""

_NOT_KEPT = "-"
"""Stands for a time or a mode that the store does not keep."""


@attrs.define(eq=False)
class _DirectoryDigests:
    """A directory whose entries are being added."""

    name: str
    """Relative to the top; "" is the top."""
    mode: str
    last: bytes = b""
    """The name that was added last."""
    content: hashlib._Hash = attrs.field(factory=hashlib.sha256)
    full: hashlib._Hash = attrs.field(factory=hashlib.sha256)

    def add(self, name: str, content: str, full: str) -> None:
        """Add the line of an entry to each digest; both end with its name."""
        encoded = name.encode()
        if encoded <= self.last:
            raise ValueError(f"{name!a} does not come after {self.last!r}")
        self.last = encoded
        self.content.update(f"{content} {name}\n".encode())
        self.full.update(f"{full} {name}\n".encode())


class TreeDigester:
    """Computes the digests of a directory: `add` each entry beneath it, then `finish`."""

    def __init__(self) -> None:
        self._levels = [_DirectoryDigests("", _NOT_KEPT)]
        self._files = self._directories = self._size = self._damaged = self._skipped = 0

    @property
    def files(self) -> int:
        """How many files were added."""
        return self._files

    def add(self, entry: Entry) -> None:
        """Add an entry; its name is relative to the directory. A file has its hash, unless it is damaged.

        Entries are sorted by the bytes of their names, and each directory is followed by what it holds.
        Raises ValueError for any other order, and for a file whose hash is not known.
        """
        parent, _, name = entry.name.rpartition("/")
        while self._levels[-1].name != parent:
            self._end_directory()
        mode = _NOT_KEPT if entry.mode is None else str(kept_mode(entry.kind, entry.mode))
        if entry.kind == "directory":
            self._directories += 1
            self._levels.append(_DirectoryDigests(entry.name, mode))
            return
        if entry.damaged is not None:
            self._damaged += 1
        elif entry.hash is None:
            raise ValueError(f"the hash of {entry.name!a} is not known")
        self._files += 1
        self._size += entry.size
        content = f"file {entry.size} {_DAMAGED if entry.hash is None else entry.hash}"
        mtime = _NOT_KEPT if entry.mtime_us is None else entry.mtime_us
        self._levels[-1].add(name, content, f"{content} {mtime} {mode}")

    def skip(self, count: int) -> None:
        """Count names that cannot be compared: links, for example."""
        self._skipped += count

    def finish(self) -> TreeDigest:
        """The digests of all that was added."""
        while len(self._levels) > 1:
            self._end_directory()
        top = self._levels[0]
        return TreeDigest(
            content=_text(top.content),
            full=_text(top.full),
            files=self._files,
            directories=self._directories,
            size=self._size,
            skipped=self._skipped,
            damaged=self._damaged,
        )

    def _end_directory(self) -> None:
        """All entries of the innermost directory have been added: it becomes a line of the one around it."""
        if len(self._levels) == 1:
            raise ValueError("an entry does not follow the directory that it is in")
        level = self._levels.pop()
        name = level.name.rpartition("/")[2]
        content, full = _text(level.content), _text(level.full)
        self._levels[-1].add(name, f"directory {content}", f"directory {full} {level.mode}")


def _text(digest: hashlib._Hash) -> str:
    return ALGORITHM + digest.hexdigest()
