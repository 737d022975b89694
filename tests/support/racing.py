"""Operations that race against the swapper: every method of a store, at every position; and wrong ones as controls."""

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
from tests.support.stores import QuickSystem, Walking, put_of

MARK_US = 999_999_999_000_000
"""The mtime of everything outside, which is also in the contents and names there: seeing it means an escape."""

MARK = str(MARK_US)


@attrs.frozen
class Position:
    """A name in the root that is swapped, and the endpoints below it that are used."""

    swapped: str
    file: str
    """A file to read and to replace."""
    directory: str
    """A directory to list and to write to."""
    seen: bool = True
    """Whether a link there must be noticed: directories that stay open are never looked up again."""


POSITIONS = {
    "root's child": Position("child", "child/file", "child"),
    "parent": Position("a/parent", "a/parent/deep/file", "a/parent/deep"),
    "leaf": Position("a/leaf", "a/leaf", "a"),
    "temporaries": Position(".homeftp/incoming", "file", "deep", seen=False),
    "root": Position(".", "file", "deep", seen=False),
}


def lay(root: str, outside: str) -> None:
    """Create the files of all positions, inside and outside, with a mark outside."""
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


def _request(position: Position, name: str) -> list[tuple[WriteRequest, bytes]]:
    return [put_of(name, b"inside, " + position.swapped.encode())]


def stat(store: LocalStore, position: Position) -> Iterable[object]:
    """Stat a file and a directory."""
    return [store.stat(parse(position.file)), store.stat(parse(position.directory))]


def read(store: LocalStore, position: Position) -> Iterable[object]:
    """Open and read a file."""
    file = store.open(parse(position.file))
    try:
        return [file.entry, file.read(0, 100)]
    finally:
        file.close()


def read_many(store: LocalStore, position: Position) -> Iterable[object]:
    """Open and read files together."""
    for file in store.open_many([parse(position.file), parse(f"{position.directory}/file")], 1000):
        if isinstance(file, Exception):
            raise file
        yield file.content


def list_tree(store: LocalStore, position: Position) -> Iterable[object]:
    """List a tree."""
    return store.list(parse(position.directory), True)


def write_many(store: LocalStore, position: Position) -> Iterable[object]:
    """Replace a file and create one."""
    for answer in store.write_many(
        [*_request(position, position.file), *_request(position, f"{position.directory}/new")]
    ):
        if isinstance(answer, Exception):
            raise answer
        yield answer


def upload_file(store: LocalStore, position: Position) -> Iterable[object]:
    """Upload a large file."""
    ((put, content),) = _request(position, position.file)
    upload = store.upload(put)
    try:
        upload.write(content)
        return [upload.commit()]
    finally:
        upload.abort()


def make_directory(store: LocalStore, position: Position) -> Iterable[object]:
    """Set the metadata of a directory, and make one."""
    store.make_directory(WriteRequest(endpoint=parse(position.directory), mode=0o755))
    return [store.make_directory(WriteRequest(endpoint=parse(f"{position.directory}/made")))]


def list_versions(store: LocalStore, position: Position) -> Iterable[object]:
    """List versions."""
    return islice(store.versions(parse(position.directory)), 1)


def restore(store: LocalStore, position: Position) -> Iterable[object]:
    """Restore a version that was just made."""
    store.write_many(_request(position, position.file))
    return [store.restore(parse(position.file), None, None)]


def remove(store: LocalStore, position: Position) -> Iterable[object]:
    """Create and remove a file."""
    store.write_many(_request(position, f"{position.directory}/removed"))
    return list(store.remove(parse(f"{position.directory}/removed"), None, False))


def move(store: LocalStore, position: Position) -> Iterable[object]:
    """Create and move a file."""
    store.write_many(_request(position, f"{position.directory}/moving"))
    return [store.move(parse(f"{position.directory}/moving"), parse(f"{position.directory}/moved"), None, None)]


Operation = Callable[[LocalStore, Position], Iterable[object]]

READING: dict[str, Operation] = {
    operation.__name__: operation for operation in (stat, read, read_many, list_tree, list_versions)
}
WRITING: dict[str, Operation] = {
    operation.__name__: operation for operation in (write_many, upload_file, make_directory, restore, remove, move)
}
OPERATIONS = READING | WRITING
"""Each returns what it has seen, and raises its refusal."""


class Kernel(QuickSystem):
    """The kernel resolves paths. As in the others nothing waits for the disk, so that there are more attempts."""


class PartByPart(QuickSystem, Walking):
    """Paths are resolved part by part."""


class Naive(QuickSystem):
    """Wrong: checks where a path leads, and then opens it."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root).encode()
        super().__init__()

    def openat2(self, directory: int, path: bytes, flags: int, **options: bool) -> int:
        """Check, then use."""
        return os.open(checked(self._root, os.path.join(self._root, path)), flags)


def checked(root: bytes, path: bytes) -> bytes:
    """Check that a path leads into the root now."""
    if not (os.path.realpath(path) + b"/").startswith(root + b"/"):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return path


def read_by_path(root: str) -> Operation:
    """Wrong: checks a file, then reads it."""
    top = os.path.realpath(root).encode()

    def read_it(_: LocalStore, position: Position) -> Iterable[object]:
        with _refusing(), open(checked(top, os.path.join(top, position.file.encode())), "rb") as file:
            return [file.read()]

    return read_it


def create_by_path(root: str) -> Operation:
    """Wrong: checks a folder, then creates a temp file in it."""
    top = os.path.realpath(root).encode()

    def create_it(_: LocalStore, __: Position) -> Iterable[object]:
        with _refusing(), open(checked(top, os.path.join(top, b".homeftp", b"incoming", b"made")), "wb"):
            return []

    return create_it


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotFound(str(error)) from error
