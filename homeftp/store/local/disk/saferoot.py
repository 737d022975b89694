"""Opens files and directories, and only beneath the root of the shared folder.

Only this module, `resolver.py` and, by one name of the server's own, `privatefiles.py` open paths. Every path is
resolved from the root's descriptor, so that nothing is ever written to a folder that took its place, such as the empty
mount point of a disk that was unmounted. No symbolic link is followed, neither as a parent nor at the end; only regular
files and directories are opened. The kernel resolves the path (openat2 with RESOLVE_BENEATH) if it can; otherwise each
part is opened from its parent with O_NOFOLLOW. Both resolvers keep one contract, which
tests/unit/store/local/disk/test_saferoot.py checks.

Prevents CVE-2024-12747, CVE-2026-29518 and related ones (rsync), and
CVE-2017-1000420 (Syncthing): a check of a path before its use can be raced, a
descriptor cannot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import weakref
from typing import Callable, Iterator, Sequence

from homeftp.endpoint import RESERVED, Endpoint
from homeftp.errors import NotFound, OperatorError, WrongKind
from homeftp.store.local.disk.entries import kind_of, kind_problem
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import DirHandle, close_all, close_on_error, raw, set_mode
from homeftp.store.local.disk.mounts import Mounts, Parts, mounted_parts, paths
from homeftp.store.local.disk.resolver import DIRECTORY, LOOKUP, Resolver
from homeftp.store.local.disk.spelling import Spelling
from homeftp.store.policy.wording import display_path, is_directory, not_found, not_mounted, other_name, root_missing
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""O_NONBLOCK: opening a FIFO would wait for its writer. O_NOCTTY: a terminal must not become the controlling one."""

_PIN = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) | os.O_NOFOLLOW

_NOT_OPENED = {
    errno.ENOENT: "there is no such folder",
    errno.ENOTDIR: "it is not a folder",
    errno.EACCES: "the server's user may not use it: give it the folder with chown, or the rights with chmod u+rwx",
}
"""Why a root cannot be opened, and what its owner can do about it."""


AroundMaking = Callable[[Endpoint], "contextlib.AbstractContextManager[Callable[[], None]]"]
"""Each directory is made within it; what it gives is called when that was done, and not where somebody else did it."""


class SafeRoot:
    """The root directory of a store. Thread-safe.

    With `walk`, paths are resolved part by part even if the kernel could do it.
    Raises `OperatorError` for a root that is not a readable directory.
    """

    def __init__(self, path: str, system: System, *, walk: bool = False) -> None:
        self._path = os.path.abspath(path)
        self.system = system
        self.disks = Disks(system)
        """The times and modes that the disks in it keep."""
        self._detached = False
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise OperatorError(f"cannot share {path}: {_NOT_OPENED.get(error.errno or 0, error.strerror)}") from None
        except ValueError as error:
            raise OperatorError(f"cannot share {path!a}: {error}") from None
        try:
            self._found = os.stat(b".", dir_fd=self.fd)
            self.device = self._found.st_dev
            self._spelling = Spelling(system, self._fd)
            self._opened_at = os.path.realpath(path)
        except OSError as error:
            close_quietly(self.fd)
            raise OperatorError(f"cannot share {path}: {_NOT_OPENED.get(error.errno or 0, error.strerror)}") from None
        self.resolver = Resolver(system, self._spelling, walk or not system.has_openat2)
        self.mounts = Mounts(self.resolver)
        """The places in it where disks belong: nothing is read or written there while they are not mounted."""

    @property
    def fd(self) -> int:
        """The root's descriptor. Raises `Busy` (51) after `detach`."""
        self.expect_attached()
        return self._fd

    def expect_attached(self) -> None:
        """Raise `Busy` (51) after `detach`."""
        if self._detached:
            raise root_missing()

    def close(self) -> None:
        """Close the root. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            close_quietly(fd)

    def is_there(self) -> bool:
        """Whether its path still leads to it: a disk may have been unmounted, or another one mounted over it."""
        try:
            found = os.stat(self._path)
        except PermissionError:
            return True  # the server has given up the right to see the folders around it
        except OSError:
            return False
        return os.path.samestat(found, self._found)

    def has_metadata_dir(self) -> bool:
        """Whether the store's metadata directory is in it, as in every root that homeftp has ever changed. OSError."""
        try:
            return stat.S_ISDIR(os.stat(RESERVED.encode(), dir_fd=self.fd, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return False

    def detach(self, *close: Callable[[], None]) -> None:
        """Refuse everything from now on, because the root's path leads elsewhere.

        When the last operation that uses the root has ended, it is closed and each of `close` is called.
        """
        self._detached = True
        weakref.finalize(self, close_quietly, self._fd)
        for each in close:
            weakref.finalize(self, each)

    def cache_path(self, directory: Endpoint) -> str:
        """A directory's path as the key of the hash cache. No file is ever opened by it."""
        return "/".join((self._path, *directory.parts))

    def names_of(self, cache_path: str) -> tuple[bytes, ...] | None:
        """The names that lead from the root to a directory, by its key in the hash cache; None for another root's."""
        if cache_path == self._path:
            return ()
        prefix = f"{self._path}/"
        return tuple(map(raw, cache_path.removeprefix(prefix).split("/"))) if cache_path.startswith(prefix) else None

    def paths_to(self, folder: Endpoint) -> list[Endpoint]:
        """The paths by which a folder, or a part of it, can be reached: first its own, as the disk lists it. OSError.

        It may have others where it is mounted a second time.
        """
        listed = self.resolver.listed_path(self.fd, [raw(part) for part in folder.parts])
        parts = tuple(map(os.fsdecode, listed))
        return [
            Endpoint(each, folder.home) for each in paths(parts, mounted_parts(self.system.mounts(), self._real_path()))
        ]

    def _real_path(self) -> str:
        """The path of the root now. Raises OSError if it was moved and nothing says where to."""
        try:
            is_there = os.path.samestat(os.stat(self._opened_at), os.fstat(self.fd))
        except PermissionError:
            is_there = True  # the server has given up the right to see the folders around it
        except FileNotFoundError:
            is_there = False
        # A process that has changed its user cannot read the link: nothing is decided without it.
        return self._opened_at if is_there else os.readlink(f"/proc/self/fd/{self.fd}")

    def mounted_disks(self) -> list[Parts]:
        """The places in it where disks are mounted. Raises OSError."""
        return self.mounts.mounted(self.fd, mounted_parts(self.system.mounts(), self._real_path()))

    def open_directory(self, endpoint: Endpoint) -> DirHandle:
        """Open the directory at `endpoint`. Raises `NotFound` (40), `WrongKind` (43)."""
        try:
            return self._open_parts(endpoint)
        except OSError as error:
            if error.errno != errno.ENOTDIR:
                raise refusal(error, endpoint) from error
            found = self.stat(endpoint)
            if found is None:
                raise not_found(endpoint) from None
            raise WrongKind(f"{display_path(endpoint)} {kind_problem(found) or 'is not a directory'}") from None

    def open_nearest(self, endpoint: Endpoint) -> tuple[DirHandle, int]:
        """Open the deepest existing directory on the way to `endpoint`; also returns how many parts lead to it."""
        last = len(endpoint.parts)
        nearest: DirHandle | None = None
        existing, missing = -1, last + 1
        try:
            while missing - existing > 1:
                # Most often it exists, or its parent does. Otherwise by halves: each try looks at all parts on its way.
                depth = missing - 1 if missing >= last else (existing + missing) // 2
                try:
                    opened = self._open_parts(endpoint.first(depth))
                except OSError as error:
                    if error.errno != errno.ENOENT or not depth:
                        raise refusal(error, endpoint) from error
                    missing = depth
                else:
                    close_all([] if nearest is None else [nearest])
                    nearest, existing = opened, depth
        except BaseException:
            close_all([] if nearest is None else [nearest])
            raise
        assert nearest is not None
        return nearest, existing

    def make_directories(
        self,
        endpoint: Endpoint,
        making: AroundMaking = lambda _: contextlib.nullcontext(lambda: None),
        opened: Callable[[Endpoint, os.stat_result], None] = lambda *_: None,
        *,
        exclusive: bool = False,
    ) -> list[DirHandle]:
        """Make the directory at `endpoint` and its parents with mode 0755, each within `making`; then call `opened`.

        Returns the deepest directory that existed and all below it; the caller
        makes them durable and closes them. A directory that somebody else makes
        at the same time is used as it is. If `exclusive`, what exists at
        `endpoint` itself raises FileExistsError.
        """
        nearest, depth = self.open_nearest(endpoint)
        handles = [nearest]
        try:
            if exclusive and depth == len(endpoint.parts):
                raise FileExistsError
            for length in range(depth + 1, len(endpoint.parts) + 1):
                new = exclusive and length == len(endpoint.parts)
                handles.append(self._make_in(handles[-1], endpoint.first(length), making, opened, exclusive=new))
        except BaseException as error:
            close_all(handles)
            if isinstance(error, OSError) and not isinstance(error, FileExistsError):
                raise refusal(error, endpoint) from error
            raise
        return handles

    def _make_in(
        self,
        parent: DirHandle,
        endpoint: Endpoint,
        making: AroundMaking,
        opened: Callable[[Endpoint, os.stat_result], None],
        *,
        exclusive: bool,
    ) -> DirHandle:
        name = raw(endpoint.name)
        self.check_new_name(parent.fd, endpoint)
        try:
            with making(endpoint) as made:
                os.mkdir(name, 0o755, dir_fd=parent.fd)
                is_new = True
                made()
        except FileExistsError:
            if exclusive:
                raise
            is_new = False
        fd, found = self.resolver.open_entry(parent.fd, name, DIRECTORY)
        with close_on_error(fd):
            if is_new:
                opened(endpoint, found)
                set_mode(self.disks, fd, 0o755)
        return DirHandle(fd, parent.same_mount)

    def is_at(self, handle: DirHandle, endpoint: Endpoint) -> bool:
        """Whether the open directory is still the one at `endpoint`; it may have been moved. Raises OSError."""
        if not endpoint.parts:
            return os.path.samestat(os.fstat(self.fd), os.fstat(handle.fd))
        try:
            fd = self.open_for_lookup(endpoint)
        except (NotFound, WrongKind):
            return False
        try:
            return os.path.samestat(os.fstat(fd), os.fstat(handle.fd))
        finally:
            close_quietly(fd)

    def stat(self, endpoint: Endpoint) -> os.stat_result | None:
        """The stat of `endpoint`, of a symbolic link its own; None if nothing is there.

        Raises `WrongKind` (43) if a parent is a symbolic link.
        """
        if not endpoint.parts:
            return os.fstat(self.fd)
        try:
            parent = self.open_for_lookup(endpoint.parent)
        except NotFound:
            return None
        try:
            return self.stat_in(parent, endpoint)
        finally:
            close_quietly(parent)

    def open_for_lookup(self, endpoint: Endpoint) -> int:
        """Open the directory at `endpoint` only to look up names in it.

        Raises `NotFound` (40) if there is no directory.
        """
        self.mounts.expect(self.fd, endpoint)
        try:
            return self.resolver.open(self.fd, endpoint.parts, LOOKUP)
        except OSError as error:
            if error.errno == errno.ENOTDIR:
                raise NotFound(f"{display_path(endpoint)} is not a directory") from None
            raise refusal(error, endpoint) from error

    def stat_in(self, directory: int, endpoint: Endpoint) -> os.stat_result | None:
        """`stat`, from the parent directory's descriptor."""
        self._expect_mounted_at(endpoint)
        try:
            return self.resolver.stat_entry(directory, raw(endpoint.name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refusal(error, endpoint) from error

    def _expect_mounted_at(self, endpoint: Endpoint) -> None:
        """`Mounts.expect` for an entry of an open directory, to which everything on the way is mounted."""
        if endpoint.parts in self.mounts.points:
            self.mounts.expect(self.fd, endpoint)

    def stored_name(self, directory: int, endpoint: Endpoint) -> bytes:
        """The name that an open directory has for an endpoint, or would get: mostly the endpoint's own. OSError."""
        return self._spelling.stored_name(directory, raw(endpoint.name))

    def is_stored_as(self, directory: int, name: bytes, stored: bytes) -> bool:
        """Whether the file of that name is the one that an open directory lists as `stored`. Raises OSError."""
        return self._spelling.is_stored_as(directory, name, stored)

    def open_file_in(self, directory: int, endpoint: Endpoint) -> tuple[int, os.stat_result]:
        """`open_any_in`, but for a directory, which is refused as well."""
        if not endpoint.parts:
            raise is_directory(endpoint)
        fd, found = self.open_any_in(directory, endpoint)
        with close_on_error(fd):
            if stat.S_ISDIR(found.st_mode):
                raise is_directory(endpoint)
            return fd, found

    def open_any_in(self, directory: int, endpoint: Endpoint) -> tuple[int, os.stat_result]:
        """Open a regular file or a directory in an open directory; also returns its stat.

        Raises `NotFound` (40), `WrongKind` (43). A FIFO, a device or a socket is refused without blocking.
        """
        self._expect_mounted_at(endpoint)
        try:
            fd, found = self.resolver.open_entry(directory, raw(endpoint.name), _READ)
        except OSError as error:
            raise refusal(error, endpoint) from error
        with close_on_error(fd):
            kind_of(endpoint, found)
            return fd, found

    def open_pinned(self, directory: int, name: bytes) -> int:
        """Open whatever has that name only to identify it later. Raises OSError.

        It need not be readable, except on systems without O_PATH.
        """
        return os.open(name, _PIN, dir_fd=directory)

    @contextlib.contextmanager
    def open_below(self, directory: int, names: Sequence[bytes]) -> Iterator[int]:
        """Open a directory below an open one by raw names, which need not be legal in an endpoint. Raises OSError."""
        fd = self.resolver.walk(directory, names, DIRECTORY)
        try:
            yield fd
        finally:
            close_quietly(fd)

    def check_new_name(self, directory: int, endpoint: Endpoint) -> None:
        """Raise `BadEndpoint` (41) for a new name that is one of the 8.3 names of the disk. Raises OSError."""
        if "~" in endpoint.name and not self._spelling.may_be_new(directory, raw(endpoint.name)):
            raise other_name(endpoint)

    def _open_parts(self, endpoint: Endpoint) -> DirHandle:
        was_mounted = self.mounts.expect(self.fd, endpoint)
        try:
            fd = self.resolver.open(self.fd, endpoint.parts, DIRECTORY, one_mount=True)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            fd = self.resolver.open(self.fd, endpoint.parts, DIRECTORY)
            with close_on_error(fd):
                self.disks.learn(os.fstat(fd), fd)
            return DirHandle(fd, same_mount=False)
        with close_on_error(fd):
            found = os.fstat(fd)
            same_mount = found.st_dev == self.device
            if was_mounted and same_mount:
                raise not_mounted(endpoint)  # it was unmounted this moment, and this is the folder beneath it
            self.disks.learn(found, fd)
            return DirHandle(fd, same_mount)
