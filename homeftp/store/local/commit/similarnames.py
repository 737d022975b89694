"""Refuses new names that are too similar to a sibling: some systems would treat both as one, and lose a file.

`Photo.jpg` and `photo.jpg` are two files on Linux and one on Windows and
macOS; `ﬁn` and `fin` are one where compatible forms are folded. A new name
that differs from a sibling only in that is refused, unless the owner allows
it. If the server's own disk does not distinguish them, replacing one by the
other's name is refused too (CVE-2014-9390 of Git shows the consequences).
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import OrderedDict
from itertools import islice
from threading import Condition
from typing import Iterable, Iterator, Mapping

import attrs

from homeftp.config import MIB
from homeftp.endpoint import Endpoint, other_case
from homeftp.store.local.commit.nameindex import NameIndex
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.policy.similarnames import similar, too_similar

BYTES_KEPT = 16 * MIB
"""Bytes of the names that are remembered for all directories together; for the last used directory, any number."""

_DIRECTORY_BYTES = 1000
"""Bytes that a remembered directory takes up without its names, in CPython."""

_SLICE = 256
"""Names that are added at a time while a directory is read: a change of names waits for one slice at most."""

_FORGOTTEN = 64
"""Directories that are looked at when some have to be forgotten: more than are added meanwhile."""

Key = tuple[int, int]
"""The device and the inode of a directory."""

Stamp = tuple[int, int]
"""The mtime and the ctime of a directory, which another program's changes of names move."""


@attrs.define(eq=False)
class _Directory:
    """The names that are remembered of one directory."""

    index: NameIndex | None = None
    """Its names when it was last read, and all changes by this server since."""
    reading: NameIndex | None = None
    """The index while it is being read."""
    removed: set[str] = attrs.field(factory=set)
    """Names that this server removed while it was being read: the reader may have seen them before."""
    stamp: Stamp = (0, 0)
    changing: bool = False
    """Whether this server changes its names now, which moves its times."""
    stale: bool = False
    """Whether another program changed it after it was read."""
    users: int = 0
    """How many threads need it to stay remembered."""
    case_insensitive: bool | None = None
    """Whether it finds a file by a name that differs only in case; None: no name in it could tell."""
    failure: OSError | None = None
    """Why it could not be read."""
    counted: int = 0
    """The bytes that are part of the total."""

    @property
    def size(self) -> int:
        return _DIRECTORY_BYTES + (0 if self.index is None else self.index.size)


class NameCollisions:
    """Remembers the names in the directories that were used last. Thread-safe, as far as each method says.

    A directory is read without the namespace's lock. From then on this
    server's changes are noted under it, and nothing that is done there takes
    longer the more names there are. A directory is read again if another
    program changed its times. A name that another program adds at the same
    moment as the server is seen only at the next change.
    """

    def __init__(self, *, allowed: bool = False, kept: int = BYTES_KEPT) -> None:
        self._allowed = allowed
        self._kept = kept
        self._known: OrderedDict[Key, _Directory] = OrderedDict()
        self._bytes = 0
        self._guard = Condition()
        self._changing: Mapping[DirHandle, _Directory] = {}
        """The known directories of `changing`: each is looked up once for all names that it gets."""

    @property
    def size(self) -> int:
        """The bytes that all remembered names take up."""
        return self._bytes

    @contextlib.contextmanager
    def known(self, handles: Iterable[DirHandle]) -> Iterator[None]:
        """In the block these directories are known: each is read first where it has to be.

        Raises nothing: where one cannot be read, `check` says so. To be entered
        without the namespace's lock: it may take a while, for this thread and
        for others that need the same directory.
        """
        held: list[tuple[Key, _Directory]] = []
        try:
            for handle in () if self._allowed else set(handles):
                self._hold(handle, held)
            yield
        finally:
            with self._guard:
                for key, directory in held:
                    directory.users -= 1
                    self._count(key, directory)

    @contextlib.contextmanager
    def changing(self, handles: Iterable[DirHandle]) -> Iterator[None]:
        """In the block the namespace's lock is held, and names in these directories are changed."""
        known = {handle: found for handle in set(handles) if (found := self._find(handle, users=1)) is not None}
        for handle, directory in known.items():
            directory.stale = directory.stale or directory.stamp != _stamp(handle)
            directory.changing = True
        self._changing = known
        try:
            yield
        finally:
            self._changing = {}
            for handle, directory in known.items():
                directory.stamp = directory.stamp if directory.stale else _stamp(handle)
                directory.changing = False
            with self._guard:
                for directory in known.values():
                    directory.users -= 1

    def check(self, handle: DirHandle, endpoint: Endpoint, *, new: bool, removed_name: str | None = None) -> bool:
        """Raise `BadEndpoint` (41) for a name in a known directory that is too similar to another one there.

        `new`: the directory has no such name yet; then it counts as present from now on, and this returns True, unless
        it was present already. Called in `changing`. `removed_name`: a name that disappears in the same step. Raises
        OSError.
        """
        if self._allowed:
            return False
        directory = self._find(handle)
        if directory is None or directory.index is None:
            failure = None if directory is None else directory.failure
            number = failure.errno if failure is not None and failure.errno else errno.EIO
            raise OSError(number, os.strerror(number))
        if not new and not directory.case_insensitive:
            return False
        name = endpoint.name
        with self._guard:
            alike = directory.index.claim(name) if new else directory.index.similar(name)
            sibling = similar(name, (each for each in alike if each != removed_name)) if alike else None
            if sibling is not None:
                raise too_similar(name, sibling)
            if not new or name in alike:
                return False
            self._add(directory, name, claimed=not alike)
            return True

    def foresee(self, handle: DirHandle, endpoint: Endpoint) -> None:
        """Raise `BadEndpoint` (41) for a name that `check` would refuse as a new one now; reads the directory for that.

        Says nothing where that cannot be read. Called without the namespace's lock.
        """
        with self.known([handle]):
            directory = self._find(handle)
            if directory is None or directory.index is None:
                return
            with self._guard:
                sibling = similar(endpoint.name, directory.index.similar(endpoint.name))
        if sibling is not None:
            raise too_similar(endpoint.name, sibling)

    def lacks(self, found: os.stat_result, name: str) -> bool:
        """Whether the directory with this stat has no such name, nor one that is too similar; False: not known.

        Waits neither for a disk nor for a thread.
        """
        if self._allowed or not self._guard.acquire(blocking=False):
            return False
        try:
            directory = self._known.get((found.st_dev, found.st_ino))
            if directory is None or directory.index is None or directory.reading is not None or directory.stale:
                return False
            is_current = directory.changing or directory.stamp == (found.st_mtime_ns, found.st_ctime_ns)
            return is_current and not directory.index.similar(name)
        finally:
            self._guard.release()

    def added(self, handle: DirHandle, name: str) -> None:
        """Note that a directory has a name now. Called in `changing`."""
        directory = self._find(handle)
        if directory is not None:
            with self._guard:
                self._add(directory, name)

    def _add(self, directory: _Directory, name: str, *, claimed: bool = False) -> None:
        """Note a name. One that ignores case is read again: it may have kept the name in another spelling."""
        directory.stale = directory.stale or (directory.case_insensitive is not False and _has_case(name))
        if directory.index is not None and not claimed:
            directory.index.add(name)
        if directory.reading is not None:
            directory.removed.discard(name)
            directory.reading.add(name)

    def withdrawn(self, handle: DirHandle, name: str) -> None:
        """Note that a directory did not get a name for which `check` returned True. Called in `changing`.

        It is read again: another program may have made that name.
        """
        self.removed(handle, name)
        directory = self._find(handle)
        if directory is not None:
            directory.stale = True

    def removed(self, handle: DirHandle, name: str) -> None:
        """Note that a directory has lost a name. Called in `changing`."""
        directory = self._find(handle)
        if directory is not None:
            with self._guard:
                for index in (directory.index, directory.reading):
                    if index is not None:
                        index.remove(name)
                if directory.reading is not None:
                    directory.removed.add(name)

    def _find(self, handle: DirHandle, *, users: int = 0) -> _Directory | None:
        """The known names of a directory, which has so many more users from now on."""
        if self._allowed:
            return None
        if handle in self._changing:
            return self._changing[handle]
        key = _key(handle)  # another thread may have begun to read it since
        with self._guard:
            directory = None if key is None else self._known.get(key)
            if directory is not None:
                directory.users += users
            return directory

    def _hold(self, handle: DirHandle, held: list[tuple[Key, _Directory]]) -> None:
        """Know one directory, which has one user more from now on; it is added to `held`."""
        key = _key(handle)
        if key is None:
            return
        with self._guard:
            directory = self._known.setdefault(key, _Directory())
            directory.users += 1
        held.append((key, directory))
        if self._begin_reading(handle, directory):
            try:
                self._read(handle, directory)
            except OSError as error:
                directory.failure = error

    def _begin_reading(self, handle: DirHandle, directory: _Directory) -> bool:
        """Whether this thread has to read it; if another thread is doing so, wait for that one."""
        with self._guard:
            while True:
                stamp = _stamp(handle)
                if directory.reading is not None:
                    self._guard.wait()
                elif directory.index is None or directory.stale or directory.stamp != stamp:
                    directory.reading = NameIndex()
                    directory.removed.clear()
                    directory.stamp, directory.stale = stamp, False
                    return True
                else:
                    return False

    def _read(self, handle: DirHandle, directory: _Directory) -> None:
        index, insensitive = None, None
        try:
            reading = directory.reading
            assert reading is not None
            other_case = None
            with os.scandir(handle.fd) as entries:
                names = (entry.name for entry in entries if entry.name.isascii() or _is_utf8(entry.name))
                while some := list(islice(names, _SLICE)):
                    other_case = other_case or next(filter(_has_case, some), None)
                    with self._guard:
                        for name in some:
                            if name not in directory.removed:
                                reading.add(name)
            insensitive = None if other_case is None else _is_case_insensitive(handle, reading, other_case)
            index = reading
        finally:
            with self._guard:
                directory.reading = None
                directory.removed.clear()
                directory.stale = directory.stale or index is None
                if index is not None:
                    directory.index, directory.case_insensitive = index, insensitive
                self._guard.notify_all()

    def _count(self, key: Key, directory: _Directory) -> None:
        """Count the bytes of a directory, and forget those that were not used for longest."""
        self._known.move_to_end(key)
        self._bytes += directory.size - directory.counted
        directory.counted = directory.size
        oldest = list(islice(self._known.items(), _FORGOTTEN)) if self._bytes > self._kept else []
        for other, forgotten in oldest:
            if self._bytes > self._kept and other != key and not forgotten.users:
                del self._known[other]
                self._bytes -= forgotten.counted


def _key(handle: DirHandle) -> Key | None:
    """The identity of a directory; None where the disk fails."""
    try:
        found = os.fstat(handle.fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _stamp(handle: DirHandle) -> Stamp:
    """The times of a directory; where the disk fails, times that it never has."""
    try:
        found = os.fstat(handle.fd)
    except OSError:
        return -1, -1
    return found.st_mtime_ns, found.st_ctime_ns


def _is_utf8(name: str) -> bool:
    """Whether an endpoint may have that name: no other is similar to one."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_case(name: str) -> bool:
    """Whether it has another case."""
    return other_case(name) != name


def _is_case_insensitive(handle: DirHandle, index: NameIndex, name: str) -> bool:
    """Whether the directory finds a file by its name in the other case."""
    if other_case(name) in index:
        return False  # it holds both
    try:
        os.stat(other_case(name), dir_fd=handle.fd, follow_symlinks=False)
    except OSError:
        return False
    return True
