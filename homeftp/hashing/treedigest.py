"""The two digests of a directory, which say whether two copies of it, and of all beneath it, are the same.

The protocol page defines their bytes. Here they are computed from entries in the order of a listing, in the memory of
one directory at each depth: on the server from what an account sees, on the client from its files.
"""

from __future__ import annotations

import hashlib
from typing import Callable

import attrs

from homeftp.hashing.filehash import ALGORITHM
from homeftp.model import Entry, TreeDigest, kept_mode

NOTHING = ALGORITHM + hashlib.sha256().hexdigest()
"""Both digests of an empty directory."""

UNKNOWN = "unknown"
"""Stands for the hash of a content that is not known here: no other copy of a directory has its digests then."""

_DAMAGED = "damaged"
"""Stands for the hash of a content that the server's disk has not kept: no copy is the same as it."""

_NOT_KEPT = "-"
"""Stands for a time or a mode that the store does not keep."""

_MOST_HELD = 1024
"""Lines that are held until they are added to a digest together: then each costs less."""


@attrs.define(eq=False)
class _OpenDirectory:
    """A directory whose entries are being added."""

    name: str
    """Relative to the top; "" is the top."""
    mode: str
    last: str = ""
    """The name that was added last."""
    content_lines: list[str] = attrs.field(factory=list)
    full_lines: list[str] = attrs.field(factory=list)
    content: hashlib._Hash = attrs.field(factory=hashlib.sha256)
    full: hashlib._Hash = attrs.field(factory=hashlib.sha256)
    files: int = 0
    directories: int = 0
    size: int = 0
    damaged: int = 0
    skipped: int = 0

    def add(self, name: str, content: str, full: str) -> None:
        """Add the line of an entry to each digest; both end with its name."""
        if name <= self.last:  # the order of code points, which is that of the bytes in UTF-8
            raise ValueError(f"{name!a} does not come after {self.last!a}")
        self.last = name
        self.content_lines.append(f"{content} {name}\n")
        self.full_lines.append(f"{full} {name}\n")
        if len(self.full_lines) >= _MOST_HELD:
            self._flush()

    def _flush(self) -> None:
        self.content.update("".join(self.content_lines).encode())
        self.full.update("".join(self.full_lines).encode())
        self.content_lines.clear()
        self.full_lines.clear()

    def finish(self) -> TreeDigest:
        """The digests and counts of all that was added."""
        self._flush()
        return TreeDigest(
            content=_text(self.content),
            full=_text(self.full),
            files=self.files,
            directories=self.directories,
            size=self.size,
            skipped=self.skipped,
            damaged=self.damaged,
        )


class TreeDigester:
    """Computes the digests of a directory: `add` each entry beneath it, then `finish`."""

    def __init__(self, ended: Callable[[str, TreeDigest], object] = lambda name, digest: None) -> None:
        """`ended` is called with the name and the digests of each directory beneath, all it holds before itself."""
        self._ended = ended
        self._levels = [_OpenDirectory("", _NOT_KEPT)]

    @property
    def files(self) -> int:
        """How many files were added."""
        return sum(level.files for level in self._levels)

    def add(self, entry: Entry) -> None:
        """Add an entry; its name is relative to the directory. A file has its hash, unless it is damaged.

        Entries are sorted by the bytes of their names, and each directory is followed by what it holds.
        Raises ValueError for any other order, and for a file whose hash is not known.
        """
        if entry.kind == "directory":
            self.add_directory(entry.name, entry.mode)
            return
        hash = entry.hash
        if entry.damaged is None and hash is None:
            raise ValueError(f"the hash of {entry.name!a} is not known")
        self.add_file(entry.name, entry.size, _DAMAGED if hash is None else hash, entry.mtime_us, entry.mode)
        if entry.damaged is not None:
            self._levels[-1].damaged += 1

    def add_directory(self, name: str, mode: int | None) -> None:
        """Add a directory, as `add` does."""
        self._enter(name.rpartition("/")[0])
        self._levels.append(_OpenDirectory(name, _NOT_KEPT if mode is None else str(kept_mode("directory", mode))))

    def add_file(self, name: str, size: int, hash: str, mtime_us: int | None, mode: int | None) -> None:
        """Add a file, as `add` does; `hash` may be `UNKNOWN`."""
        parent, _, last = name.rpartition("/")
        level = self._levels[-1]
        if level.name != parent:
            level = self._enter(parent)
        content = f"file {size} {hash}"
        mtime = _NOT_KEPT if mtime_us is None else mtime_us
        level.add(last, content, f"{content} {mtime} {_NOT_KEPT if mode is None else kept_mode('file', mode)}")
        level.files += 1
        level.size += size

    def skip(self, count: int) -> None:
        """Count names that cannot be compared: links, for example."""
        self._levels[0].skipped += count

    def finish(self) -> TreeDigest:
        """The digests of all that was added."""
        while len(self._levels) > 1:
            self._end_directory()
        return self._levels[0].finish()

    def _enter(self, parent: str) -> _OpenDirectory:
        """End directories up to that one."""
        while self._levels[-1].name != parent:
            self._end_directory()
        return self._levels[-1]

    def _end_directory(self) -> None:
        """All entries of the innermost directory have been added: it becomes a line of the one around it."""
        if len(self._levels) == 1:
            raise ValueError("an entry does not follow the directory that it is in")
        level = self._levels.pop()
        found, above = level.finish(), self._levels[-1]
        self._ended(level.name, found)
        above.add(level.name.rpartition("/")[2], f"directory {found.content}", f"directory {found.full} {level.mode}")
        above.files += found.files
        above.directories += found.directories + 1
        above.size += found.size
        above.damaged += found.damaged


def _text(digest: hashlib._Hash) -> str:
    return ALGORITHM + digest.hexdigest()
