"""The only place that opens a path, and only beneath the share's root.

Every path is resolved from the root's descriptor, which is held for life: a
root that is moved keeps being the root, and what is put in its place is not
looked at. No symbolic link is followed, not as a parent and not at the end;
what is opened is a regular file or a directory, or nothing. The kernel
resolves (openat2 with RESOLVE_BENEATH) where it can; elsewhere each part is
opened from its parent with O_NOFOLLOW. Both keep to one contract, which
tests/unit/store/local/disk/test_saferoot.py holds.

Answers CVE-2024-12747, CVE-2026-29518 and their kin (rsync), CVE-2017-1000420
(Syncthing): a check of the path before its use can be raced, a descriptor cannot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Callable, Iterator, Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Changed, NotFound, OperatorError, WrongKind
from homeftp.hashing.filehash import at_rest
from homeftp.store.local.disk.errnos import close_quietly, display_path, refusal
from homeftp.syscalls import System

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""O_NONBLOCK: a FIFO would wait for its writer. O_NOCTTY: a terminal would become ours."""

_HOLD = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) | os.O_NOFOLLOW

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW

_KERNEL_PATH_MAX = 4096
"""openat2 takes shorter paths only; an endpoint may be exactly as long."""


@attrs.frozen
class DirHandle:
    """An open directory, for as long as a job lasts."""

    fd: int
    local: bool
    """Whether a file can be renamed into it from the root's own folder: same file system, same mount."""


def raw(name: str) -> bytes:
    """One name of a path as system calls take it; refuses what would be more than a name.

    endpoint.parse has refused such names already; this holds for endpoints
    that were made without it.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise BadEndpoint("the endpoint leaves the share's root")
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise BadEndpoint("the endpoint is not UTF-8") from None


def set_mode(fd: int, mode: int) -> None:
    """Give an open file or directory these permission bits, whatever the umask is.

    Only the nine bits are settable; what a directory has besides (the set-group-ID
    bit of a shared folder) stays.
    """
    current = stat.S_IMODE(os.fstat(fd).st_mode)
    wanted = current & 0o7000 | mode & 0o777
    if wanted != current:
        os.fchmod(fd, wanted)


def kind_problem(found: os.stat_result) -> str | None:
    """What `found` is, if it is neither a regular file nor a directory."""
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        return None
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link: those are not followed"
    return "is neither a file nor a directory"


class SafeRoot:
    """The root of a share. Safe in several threads.

    `walk` resolves part by part even where the kernel could do it. Raises
    `OperatorError` for a root that is no readable directory.
    """

    def __init__(self, root: str, system: System, *, walk: bool = False) -> None:
        self._path = os.path.abspath(root)
        self._system = system
        self._walks = walk or not system.has_openat2
        try:
            self.root = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            reasons = {errno.ENOENT: "there is no such folder", errno.ENOTDIR: "it is not a folder"}
            reason = reasons.get(error.errno or 0, error.strerror)
            raise OperatorError(f"cannot share {root}: {reason}") from None
        except ValueError as error:
            raise OperatorError(f"cannot share {root!a}: {error}") from None
        try:
            self.device = os.stat(b".", dir_fd=self.root).st_dev
        except OSError as error:
            close_quietly(self.root)
            raise OperatorError(f"cannot share {root}: {error.strerror}") from None

    def close(self) -> None:
        """Let go of the root. May be called twice."""
        root, self.root = self.root, -1
        if root >= 0:
            close_quietly(root)

    def spelled(self, directory: Endpoint) -> str:
        """A directory's path as the index has it. Nothing is ever opened by it."""
        return "/".join((self._path, *directory.parts))

    def place(self, endpoint: Endpoint) -> DirHandle:
        """The directory at `endpoint`, open. Raises `NotFound` (40), `WrongKind` (43)."""
        try:
            return self._place(endpoint.parts)
        except OSError as error:
            if error.errno != errno.ENOTDIR:
                raise refusal(error, endpoint) from error
            found = self.look(endpoint)
            if found is None:
                raise NotFound(f"{display_path(endpoint)} does not exist") from None
            raise WrongKind(f"{display_path(endpoint)} {kind_problem(found) or 'is not a directory'}") from None

    def nearest(self, endpoint: Endpoint) -> tuple[DirHandle, int]:
        """The last directory on the way to `endpoint` that is there, and how many parts lead to it."""
        depth = len(endpoint.parts)
        while True:
            try:
                return self._place(endpoint.parts[:depth]), depth
            except OSError as error:
                if error.errno != errno.ENOENT or not depth:
                    raise refusal(error, endpoint) from error
            depth -= 1

    def make(self, endpoint: Endpoint, made: Callable[[Endpoint], None] = lambda _: None) -> list[DirHandle]:
        """Make the directory at `endpoint`, and its parents, with mode 0755; `made` is told of each.

        Gives the last directory that was there and all that follow, to be
        made durable and closed by the caller. What another made meanwhile is
        taken as it is.
        """
        nearest, depth = self.nearest(endpoint)
        places = [nearest]
        try:
            for length in range(depth + 1, len(endpoint.parts) + 1):
                places.append(self._make_in(places[-1], endpoint.first(length), made))
        except OSError as error:
            for place in places:
                close_quietly(place.fd)
            raise refusal(error, endpoint) from error
        return places

    def _make_in(self, parent: DirHandle, endpoint: Endpoint, made: Callable[[Endpoint], None]) -> DirHandle:
        name = raw(endpoint.name)
        try:
            os.mkdir(name, 0o755, dir_fd=parent.fd)
            is_new = True
            made(endpoint)
        except FileExistsError:
            is_new = False
        fd = os.open(name, _DIRECTORY, dir_fd=parent.fd)
        with _unless_it_fails(fd):
            if is_new:
                set_mode(fd, 0o755)
        return DirHandle(fd, parent.local)

    def stands(self, place: DirHandle, endpoint: Endpoint) -> bool:
        """Whether the open directory is still the one at `endpoint`: it may have been moved meanwhile. OSError."""
        try:
            found = self.look(endpoint)
        except WrongKind:
            return False
        return found is not None and os.path.samestat(found, os.fstat(place.fd))

    def look(self, endpoint: Endpoint) -> os.stat_result | None:
        """The stat of what stands at `endpoint`, a symbolic link's own; None when nothing does.

        Raises `WrongKind` (43) when the way leads through a symbolic link.
        """
        if not endpoint.parts:
            return os.fstat(self.root)
        try:
            parent = self.way(endpoint.parent)
        except NotFound:
            return None
        try:
            return self.look_in(parent, endpoint)
        finally:
            close_quietly(parent)

    def way(self, endpoint: Endpoint) -> int:
        """The directory at `endpoint`, open to look up names in it and for nothing else.

        Raises `NotFound` (40) where there is no directory.
        """
        try:
            return self._directory(endpoint.parts, _STEP)
        except OSError as error:
            if error.errno == errno.ENOTDIR:
                raise NotFound(f"{display_path(endpoint)} is no directory") from None
            raise refusal(error, endpoint) from error

    def look_in(self, directory: int, endpoint: Endpoint) -> os.stat_result | None:
        """`look`, from the parent directory's descriptor."""
        try:
            return os.stat(raw(endpoint.name), dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refusal(error, endpoint) from error

    def file(self, endpoint: Endpoint) -> tuple[int, os.stat_result]:
        """A regular file, open for reading, and its stat, in which any change from now on will show.

        Raises `NotFound` (40), `WrongKind` (43), and `Changed` (44) for one
        that is being written all the time. A FIFO, a device or a socket is refused without waiting for anyone.
        """
        parent = self.way(endpoint.parent)
        try:
            return self.file_in(parent, endpoint)
        finally:
            close_quietly(parent)

    def file_in(self, directory: int, endpoint: Endpoint) -> tuple[int, os.stat_result]:
        """`file`, from the parent directory's descriptor."""
        if not endpoint.parts:
            raise WrongKind(f"{display_path(endpoint)} is a directory")
        try:
            fd = os.open(raw(endpoint.name), _READ, dir_fd=directory)
        except OSError as error:
            raise refusal(error, endpoint) from error
        with _unless_it_fails(fd):
            try:
                found = os.fstat(fd)
                if stat.S_ISDIR(found.st_mode):
                    raise WrongKind(f"{display_path(endpoint)} is a directory")
                if not stat.S_ISREG(found.st_mode):
                    raise WrongKind(f"{display_path(endpoint)} {kind_problem(found)}")
                return fd, at_rest(fd, found)
            except OSError as error:
                raise refusal(error, endpoint) from error
            except Changed:
                raise Changed(
                    f"{display_path(endpoint)} is being written on the server at this moment: try again"
                ) from None

    def held_in(self, directory: int, name: bytes) -> int:
        """Whatever has that name in an open directory, to be told apart from what has it later. Raises OSError.

        It need not be readable; where the system has no O_PATH it must be.
        """
        return os.open(name, _HOLD, dir_fd=directory)

    def create_in(self, directory: int, name: bytes, mode: int) -> int:
        """A new file of our own naming, open for writing; never one that is there. Raises OSError."""
        return os.open(name, _CREATE, mode & 0o777, dir_fd=directory)

    def own_folder(self, parent: int, name: bytes) -> int:
        """A folder for ourselves, open, with mode 0700, made when it is not there. Raises OSError.

        What others planted in its place, a symbolic link above all, is refused.
        """
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
        fd = os.open(name, _DIRECTORY, dir_fd=parent)
        with _unless_it_fails(fd):
            set_mode(fd, 0o700)
        return fd

    def own_file(self, directory: int, name: bytes, *, writable: bool = False, make: bool = True) -> int:
        """A file of ours in a folder of ours, to read, made with mode 0600. Raises OSError.

        With `writable` it is opened to be written as well, as it is.
        """
        flags = os.O_RDWR if writable else os.O_RDONLY
        return os.open(name, flags | (make and os.O_CREAT) | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=directory)

    @contextlib.contextmanager
    def opened(self, directory: int, names: Sequence[bytes]) -> Iterator[int]:
        """A folder beneath one that is open, whatever its parts are called: for what is nobody's endpoint. OSError."""
        fd = self._walk(names, _DIRECTORY, directory)
        try:
            yield fd
        finally:
            close_quietly(fd)

    def top_of_mount(self, endpoint: Endpoint) -> int:
        """How many parts lead to the first directory on the way to `endpoint` that is on the same mount. OSError."""
        depth = len(endpoint.parts)
        while depth and self._same_mount(endpoint.parts[: depth - 1], endpoint.parts[depth - 1]):
            depth -= 1
        return depth

    def _same_mount(self, parent: Sequence[str], name: str) -> bool:
        above = self._directory(parent, _STEP)
        try:
            if not self._walks:
                flags = _STEP & ~os.O_NOFOLLOW
                close_quietly(self._system.openat2(above, raw(name), flags, one_mount=True, beneath=False))
                return True
            found = os.stat(raw(name), dir_fd=above, follow_symlinks=False)
            return found.st_dev == os.fstat(above).st_dev
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        finally:
            close_quietly(above)

    def _place(self, parts: Sequence[str]) -> DirHandle:
        try:
            fd = self._directory(parts, _DIRECTORY, one_mount=True)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return DirHandle(self._directory(parts, _DIRECTORY), local=False)
        with _unless_it_fails(fd):
            return DirHandle(fd, local=os.fstat(fd).st_dev == self.device)

    def _directory(self, parts: Sequence[str], flags: int, *, one_mount: bool = False) -> int:
        """The one way to a directory; an OSError is the kernel's own, on either resolver."""
        names = [raw(part) for part in parts]
        path = b"/".join(names) or b"."
        if self._walks or len(path) >= _KERNEL_PATH_MAX:
            return self._walk(names, flags, self.root)
        # The kernel is told otherwise that no link counts; with O_NOFOLLOW one at the end would be ENOTDIR.
        return self._system.openat2(self.root, path, flags & ~os.O_NOFOLLOW, one_mount=one_mount)

    def _walk(self, names: Sequence[bytes], flags: int, start: int) -> int:
        """Part by part; one_mount has no meaning here, the device number has to do."""
        directory = os.open(b".", _STEP if names else flags, dir_fd=start)
        for left, name in enumerate(names, 1 - len(names)):
            try:
                below = os.open(name, _STEP if left else flags, dir_fd=directory)
            except OSError as error:
                if error.errno == errno.ENOTDIR and _is_link(directory, name):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
                raise
            finally:
                close_quietly(directory)
            directory = below
        return directory


@contextlib.contextmanager
def _unless_it_fails(fd: int) -> Iterator[None]:
    """What is done with an open file before somebody else has it: where it fails nobody will."""
    try:
        yield
    except BaseException:
        close_quietly(fd)
        raise


def _is_link(directory: int, name: bytes) -> bool:
    """O_DIRECTORY with O_NOFOLLOW calls a link no directory; openat2 calls it a link."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False
