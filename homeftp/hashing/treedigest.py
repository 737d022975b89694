"""The two digests of a directory, which say whether two copies of it, and of all beneath it, are the same.

The protocol page defines their bytes. Here they are computed from entries in the order of a listing, in the memory of
one directory at each depth: on the server from what an account sees, on the client from its files.
"""

from __future__ import annotations

import hashlib

from homeftp.hashing.filehash import ALGORITHM
from homeftp.metadata.modes import kept_mode
from homeftp.model import Entry, TreeDigest

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


class DirectoryDigester:
    """Computes the digests of one directory from what is in it, in the order of the names' bytes."""

    __slots__ = (
        "_content",
        "_content_lines",
        "_directories",
        "_full",
        "_full_lines",
        "_last",
        "_size",
        "damaged",
        "files",
        "skipped",
    )

    def __init__(self) -> None:
        self._content, self._full = hashlib.sha256(), hashlib.sha256()
        self._content_lines: list[str] = []
        self._full_lines: list[str] = []
        self._last = ""
        self._directories = self._size = 0
        self.files = 0
        """How many files were added, those beneath its directories among them."""
        self.damaged = 0
        """How many of them are damaged."""
        self.skipped = 0
        """Names that cannot be compared: links, for example."""

    def add_file(self, name: str, size: int, hash: str, mtime_us: int | None, mode: int | None) -> None:
        """Add a file; `hash` may be `UNKNOWN`. Raises ValueError for a name that does not come after the last."""
        content = f"file {size} {hash}"
        mtime = _NOT_KEPT if mtime_us is None else mtime_us
        kept = _NOT_KEPT if mode is None else kept_mode("file", mode)
        self._add(name, f"{content} {name}\n", f"{content} {mtime} {kept} {name}\n")
        self.files += 1
        self._size += size

    def add_directory(self, name: str, found: TreeDigest, mode: int | None) -> None:
        """Add a directory, as `add_file`; `found` are the digests and counts of what is in it."""
        kept = _NOT_KEPT if mode is None else kept_mode("directory", mode)
        self._add(name, f"directory {found.content} {name}\n", f"directory {found.full} {kept} {name}\n")
        self.files += found.files
        self.damaged += found.damaged
        self._size += found.size
        self._directories += found.directories + 1

    def _add(self, name: str, content: str, full: str) -> None:
        if name <= self._last:  # the order of code points, which is that of the bytes in UTF-8
            raise ValueError(f"{name!a} does not come after {self._last!a}")
        self._last = name
        self._content_lines.append(content)
        self._full_lines.append(full)
        if len(self._full_lines) >= _MOST_HELD:
            self._flush()

    def _flush(self) -> None:
        self._content.update("".join(self._content_lines).encode())
        self._full.update("".join(self._full_lines).encode())
        self._content_lines.clear()
        self._full_lines.clear()

    def digest(self) -> TreeDigest:
        """The digests and counts of all that was added."""
        self._flush()
        return TreeDigest(
            content=ALGORITHM + self._content.hexdigest(),
            full=ALGORITHM + self._full.hexdigest(),
            files=self.files,
            directories=self._directories,
            size=self._size,
            skipped=self.skipped,
            damaged=self.damaged,
        )


class TreeDigester:
    """Computes the digests of a directory and all beneath it: `add` each entry beneath it, then `finish`."""

    def __init__(self) -> None:
        self._levels: list[tuple[str, int | None, DirectoryDigester]] = [("", None, DirectoryDigester())]
        """The open directories: name, mode, and what was added so far."""
        self._whole: TreeDigest | None = None
        """The digests of all, where they were known."""
        self.directories: list[tuple[str, TreeDigest]] = []
        """The directories beneath that are complete, by name; who takes some of them may remove them."""

    @property
    def files(self) -> int:
        """How many files were added."""
        whole = 0 if self._whole is None else self._whole.files
        return whole + sum(directory.files for _, _, directory in self._levels)

    def add(self, entry: Entry) -> None:
        """Add an entry; its name is relative to the directory. A file has its hash, unless it is damaged.

        Entries are sorted by the bytes of their names, and each directory is followed by what it holds, unless it has
        its digests; those of the directory itself are an entry without a name, the only one.
        Raises ValueError for any other order, and for a file whose hash is not known.
        """
        if entry.digests is not None and not entry.name:
            self._whole = entry.digests
            return
        parent, _, last = entry.name.rpartition("/")
        while self._levels[-1][0] != parent:
            self._end_directory()
        if entry.digests is not None:
            self._levels[-1][2].add_directory(last, entry.digests, entry.mode)
            self.directories.append((entry.name, entry.digests))
            return
        if entry.kind == "directory":
            self._levels.append((entry.name, entry.mode, DirectoryDigester()))
            return
        if entry.damaged is None and entry.hash is None:
            raise ValueError(f"the hash of {entry.name!a} is not known")
        directory = self._levels[-1][2]
        directory.add_file(last, entry.size, entry.hash or _DAMAGED, entry.mtime_us, entry.mode)
        if entry.damaged is not None:
            directory.damaged += 1

    def skip(self, count: int) -> None:
        """Count names that cannot be compared: links, for example."""
        self._levels[0][2].skipped += count

    def digest(self) -> TreeDigest:
        """The digests of all that was added."""
        while len(self._levels) > 1:
            self._end_directory()
        return self._levels[0][2].digest() if self._whole is None else self._whole

    def _end_directory(self) -> None:
        """All entries of the innermost directory have been added: it becomes a line of the one around it."""
        if len(self._levels) == 1:
            raise ValueError("an entry does not follow the directory that it is in")
        name, mode, directory = self._levels.pop()
        digests = directory.digest()
        self._levels[-1][2].add_directory(name.rpartition("/")[2], digests, mode)
        self.directories.append((name, digests))
