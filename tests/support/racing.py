"""What races against the swapper: every verb of a share, at every place in it; and those who lose such a race."""

from __future__ import annotations

import contextlib
import errno
import os
from itertools import islice
from typing import Callable, Iterable, Iterator

import attrs

from homeftp.endpoint import parse
from homeftp.errors import NotFound
from homeftp.model import WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support.stores import Walking, put_of

MARK_US = 999_999_999_000_000
"""The mtime of everything outside; it is in the outside's contents and names as well. Who sees it has escaped."""

MARK = str(MARK_US)


@attrs.frozen
class Position:
    """A name in the root that is swapped, and what is asked for by way of it."""

    swapped: str
    file: str
    """A file, to read, and to put another in its place."""
    directory: str
    """A directory, to list, and to make things in."""
    seen: bool = True
    """Whether a link there must be noticed: what is held open is never looked up again, and no link counts."""


POSITIONS = {
    "root's child": Position("child", "child/file", "child"),
    "parent": Position("a/parent", "a/parent/deep/file", "a/parent/deep"),
    "leaf": Position("a/leaf", "a/leaf", "a"),
    "temporaries": Position(".homeftp/incoming", "file", "deep", seen=False),
    "root": Position(".", "file", "deep", seen=False),
}


def lay(root: str, outside: str) -> None:
    """Make what the positions speak of, and an outside that has all of it too, and something to be found."""
    for top in (root, outside):
        for name in ("file", "deep/file", "child/file", "child/deep/file", "a/file", "a/leaf", "a/parent/deep/file"):
            path = os.path.join(top, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(path, b"inside" if top == root else MARK.encode())
    for name in ("leaf", MARK, f"deep/{MARK}", f"child/{MARK}", f"a/parent/deep/{MARK}"):
        _write(os.path.join(outside, name), MARK.encode())
    for directory, _, names in os.walk(outside, topdown=False):
        for path in (*(os.path.join(directory, name) for name in names), directory):
            os.utime(path, ns=(MARK_US * 1000, MARK_US * 1000))


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _put(position: Position, name: str) -> list[tuple[WriteRequest, bytes]]:
    return [put_of(name, b"inside, " + position.swapped.encode())]


def look(share: LocalStore, position: Position) -> Iterable[object]:
    """What stands there."""
    return [share.stat(parse(position.file)), share.stat(parse(position.directory))]


def read(share: LocalStore, position: Position) -> Iterable[object]:
    """A file, opened and read."""
    file = share.open(parse(position.file))
    try:
        return [file.entry, file.read(0, 100)]
    finally:
        file.close()


def read_many(share: LocalStore, position: Position) -> Iterable[object]:
    """Files, opened together and read."""
    for file in share.open_many([parse(position.file), parse(f"{position.directory}/file")], 1000):
        if isinstance(file, Exception):
            raise file
        yield file.content


def list_tree(share: LocalStore, position: Position) -> Iterable[object]:
    """All that is beneath a directory."""
    return share.list(parse(position.directory), True)


def put_many(share: LocalStore, position: Position) -> Iterable[object]:
    """A file in the place of another, and one that is new."""
    for answer in share.write_many([*_put(position, position.file), *_put(position, f"{position.directory}/new")]):
        if isinstance(answer, Exception):
            raise answer
        yield answer


def stream(share: LocalStore, position: Position) -> Iterable[object]:
    """A large file."""
    ((put, content),) = _put(position, position.file)
    incoming = share.upload(put)
    try:
        incoming.write(content)
        return [incoming.commit()]
    finally:
        incoming.abort()


def make_directory(share: LocalStore, position: Position) -> Iterable[object]:
    """A directory that is there, with its metadata, and a new one."""
    share.make_directory(WriteRequest(endpoint=parse(position.directory), mode=0o755))
    return [share.make_directory(WriteRequest(endpoint=parse(f"{position.directory}/made")))]


def list_versions(share: LocalStore, position: Position) -> Iterable[object]:
    """What stood there before."""
    return islice(share.versions(parse(position.directory)), 1)


def restore(share: LocalStore, position: Position) -> Iterable[object]:
    """What stood there a moment ago, in the place of what does now."""
    share.write_many(_put(position, position.file))
    return [share.restore(parse(position.file), None, None)]


def remove(share: LocalStore, position: Position) -> Iterable[object]:
    """A file that somebody else makes again and again."""
    share.write_many(_put(position, f"{position.directory}/removed"))
    return list(share.remove(parse(f"{position.directory}/removed"), None, False))


def move(share: LocalStore, position: Position) -> Iterable[object]:
    """A file that is made under one name, and is to have another."""
    share.write_many(_put(position, f"{position.directory}/moving"))
    return [share.move(parse(f"{position.directory}/moving"), parse(f"{position.directory}/moved"), None, None)]


Verb = Callable[[LocalStore, Position], Iterable[object]]

READING: dict[str, Verb] = {verb.__name__: verb for verb in (look, read, read_many, list_tree, list_versions)}
WRITING: dict[str, Verb] = {verb.__name__: verb for verb in (put_many, stream, make_directory, restore, remove, move)}
VERBS = READING | WRITING
"""Each gives what it has seen, and raises what it is refused with."""


class _Quick(System):
    """Does not wait for the disk, so that there are more attempts."""

    def fsync(self, fd: int) -> None:
        """Let the disk be."""

    def syncfs(self, fd: int) -> None:
        """Let the disk be."""


class Kernel(_Quick):
    """The kernel resolves."""


class OurWalk(_Quick, Walking):
    """We resolve."""


class Naive(_Quick):
    """Wrong: looks where a path leads, and then opens it."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root).encode()
        super().__init__()

    def openat2(self, directory: int, path: bytes, flags: int, *, one_mount: bool = False, beneath: bool = True) -> int:
        """Check, and use."""
        return os.open(checked(self._root, os.path.join(self._root, path)), flags)


def checked(root: bytes, path: bytes) -> bytes:
    """A path that leads into the root, at this moment."""
    if not (os.path.realpath(path) + b"/").startswith(root + b"/"):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return path


def read_by_path(root: str) -> Verb:
    """Wrong: a file, looked at and then read."""
    top = os.path.realpath(root).encode()

    def read_it(_: LocalStore, position: Position) -> Iterable[object]:
        with _refusing(), open(checked(top, os.path.join(top, position.file.encode())), "rb") as file:
            return [file.read()]

    return read_it


def draft_by_path(root: str) -> Verb:
    """Wrong: a temporary file, made in a folder that was looked at."""
    top = os.path.realpath(root).encode()

    def draft(_: LocalStore, __: Position) -> Iterable[object]:
        with _refusing(), open(checked(top, os.path.join(top, b".homeftp", b"incoming", b"made")), "wb"):
            return []

    return draft


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotFound(str(error)) from error
