"""A fetched file that has no name yet: written beside its target, checked, made durable, then put in its place.

When that happens, and for how many files together, is landing.py's.
Everything here blocks and is called in a worker.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import Iterator, Mapping, NamedTuple

from homeftp.client.connection.errors import Corrupted
from homeftp.client.files.directory import Directory, open_directory
from homeftp.endpoint import RESERVED_PREFIX
from homeftp.errors import Changed, ContentMismatch, OperatorError
from homeftp.hashing import filehash as tree
from homeftp.syscalls import System


class PartialDownload(NamedTuple):
    """What is to stand where."""

    name: str
    """Relative to the landing's folder; parts joined by `/`."""
    mtime_us: int | None
    mode: int | None
    replaces: os.stat_result | None
    """What was compared, and may be replaced; None: nothing may be there."""
    force: bool = False
    """Replace whatever is there."""


class OpenDirectories:
    """The folders that one job works in, each opened once, from its parent; `spelled` as for a `Landing`.

    Raises `OperatorError` when the folder itself can neither be made nor opened.
    """

    def __init__(self, path: str, system: System, spelled: Mapping[str, str]) -> None:
        self._spelled = spelled
        self.system = system
        try:
            os.makedirs(path, exist_ok=True)
            self.top = open_directory(path, system)
        except FileExistsError:
            raise OperatorError(f"{path} is a file: nothing can be put inside it") from None
        except OSError as error:
            raise OperatorError(f"the folder {path} cannot be used: {error.strerror}") from None
        self._open: dict[str, Directory] = {"": self.top}

    def at(self, name: str) -> Directory:
        """The folder `name`, made with its parents where nothing is. Raises OSError."""
        folder = self._open.get(name)
        if folder is None:
            parent = name.rpartition("/")[0]
            folder = self._open[name] = self.at(parent).enter(self.last(name), make=True)
        return folder

    def last(self, name: str) -> str:
        """The last part of a name, as it is spelled here."""
        return self._spelled.get(name) or name.rpartition("/")[2]

    def __enter__(self) -> OpenDirectories:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all of them."""
        while self._open:
            self._open.popitem()[1].close()


class DownloadFile:
    """A file that has no name yet.

    With a `key`, of 32 hexadecimal digits, what an earlier draft with that key
    left is gone on with, if nobody else does: then `size` is not 0, and `check`
    comes before anything else.
    """

    def __init__(self, folders: OpenDirectories, arrival: PartialDownload, key: str | None = None) -> None:
        parent = arrival.name.rpartition("/")[0]
        self._name = folders.last(arrival.name)
        self.arrival = arrival
        self._system = folders.system
        self._folder = folders.at(parent)
        self._hash = tree.Hasher()
        self.size = 0
        """Bytes that have been written."""
        claimed = None
        if key is not None:
            self._temporary = RESERVED_PREFIX + key
            claimed = self._folder.claim(self._temporary)
        if claimed is None:
            self._temporary = RESERVED_PREFIX + secrets.token_hex(16)
            claimed = self._folder.create(self._temporary)
        self._fd = claimed
        self.size = os.lseek(self._fd, 0, os.SEEK_END)

    def check(self) -> Iterator[None]:
        """Hash what is there already, in slices."""
        yield from tree.hash_slices(self._hash, self._fd, 0, self.size)

    def restart(self) -> None:
        """Forget what is there already."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._hash = tree.Hasher()
        self.size = 0

    @property
    def hash(self) -> str:
        """The hash of what is there."""
        return self._hash.hash()

    def write(self, data: bytes) -> None:
        """The next bytes."""
        self._hash.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[self._system.write(self._fd, rest) :]
        self.size += len(data)

    def start_writeback(self, length: int) -> None:
        """Let the disk begin with the last `length` bytes."""
        self._system.start_writeback(self._fd, self.size - length, length)

    def finish(self, hash: str, *, sync: bool) -> None:
        """Check it against `hash` and close it. Raises `Corrupted`, and `ContentMismatch` for this disk's faults."""
        try:
            if self._hash.hash() != hash:
                raise Corrupted
            self._folder.dress(self._fd, self._temporary, self.arrival.mtime_us, self.arrival.mode)
            if os.fstat(self._fd).st_size != self.size:
                raise ContentMismatch("the disk did not keep all of it")
            if sync:
                self._system.fsync(self._fd)
        except BaseException:
            self.abort()
            raise
        os.close(self._fd)
        self._fd = -1

    def settle(self, failure: Exception | None = None) -> os.stat_result:
        """Give it its name, unless there was a `failure`, or what stands there is not what was compared."""
        try:
            if failure is not None:
                raise failure
            compared = self.arrival.replaces
            if self.arrival.force:
                self._folder.replace(self._temporary, self._name)
            elif compared is None:
                self._folder.settle(self._temporary, self._name)
            else:
                there = self._folder.look(self._name)
                if there is None or tree.signature(there) != tree.signature(compared):
                    raise Changed("it was changed here meanwhile: compare again")
                self._folder.replace(self._temporary, self._name)
        except FileExistsError:
            self.abort()
            raise Changed("something appeared in its place meanwhile: compare again") from None
        except BaseException:
            self.abort()
            raise
        self._temporary = ""
        found = self._folder.look(self._name)
        if found is None:
            raise Changed("it was removed again at once")
        return found

    def keep(self) -> None:
        """Close it, and leave it for the next draft with its key."""
        self._temporary = ""
        self.abort()

    def abort(self) -> None:
        """Leave no trace. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        temporary, self._temporary = self._temporary, ""
        if temporary:
            with contextlib.suppress(OSError):
                self._folder.remove(temporary)
