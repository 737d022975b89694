"""What is not as it was promised in a store that a power cut has been through.

A promise is a function from what there is to the faults that it finds. Here
are those that hold for every store; a store may make more (stores.py).

Without a journal a file system writes the two directories of a rename one
after the other, in any order, and between them the file can have no name. So
nothing is promised of the names and of the content of what was being removed,
moved or put back there, until it is answered. What is put replaces a file that
has another name by then, its version's, and nothing is excused. A new directory may
be on the disk by its name alone: its inode is then what it was before, a file.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Callable, Iterable, Iterator, Sequence

import attrs
from msgspec import structs

from homeftp.endpoint import RESERVED, parse
from homeftp.errors import Changed
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import WriteRequest
from homeftp.store.local.store import LocalStore
from tests.system.powercut.history import History, Version


@attrs.frozen
class Crashed:
    """A store whose disk has lost its power, mounted again."""

    root: str
    """The store's folder."""
    history: History
    """What was put into it."""
    position: int
    """The log's length at the cut."""
    journaled: bool = True
    """Whether its file system keeps its own changes in order."""
    _held: list[frozenset[bytes]] = attrs.field(factory=list, init=False, eq=False, repr=False)

    def held(self) -> frozenset[bytes]:
        """What the files hold, the versions too, when this is first asked for: to read it takes longest."""
        if not self._held:
            self._held.append(frozenset(_contents(self.root)))
        return self._held[0]

    def excuses(self, path: str) -> bool:
        """Whether nothing was promised of what is at this path, or below it."""
        if self.journaled:
            return False
        return any(f"{path}/".startswith(f"{each}/") for each in self.history.moving(self.position))

    def may_lose(self, content: bytes) -> bool:
        """Whether it may be nowhere, though it was acknowledged."""
        pruned = self.history.pruned.get(content)
        if pruned is not None and pruned.issued_by(self.position):
            return True
        return not self.journaled and content in self.history.moving_contents(self.position)


Promise = Callable[[Crashed], Iterable[str]]


def contents(crashed: Crashed) -> Iterator[str]:
    """C1: each path holds what was acknowledged last, or what was put there since: whole, or it was never there."""
    history = crashed.history
    for path, versions in history.files.items():
        if crashed.excuses(path):
            continue
        allowed = history.allowed(path, crashed.position)
        try:
            found = _read(os.path.join(crashed.root, path))
        except OSError as error:
            yield f"{path}: cannot be read: {error.strerror}"
            continue
        if found not in [version.content for version in allowed]:
            expected = " or ".join(
                "nothing" if version.content is None else f"version {versions.index(version) + 1}"
                for version in allowed
            )
            yield f"{path}: expected {expected} of {len(versions)}, found {_describe(versions, found)}"


def kept(crashed: Crashed) -> Iterator[str]:
    """What was acknowledged is somewhere: where it was put, or as a version of what was replaced or removed."""
    there = crashed.held()
    for path, versions in crashed.history.files.items():
        for version in crashed.history.promised(path, crashed.position):
            if version.content is not None and version.content not in there and not crashed.may_lose(version.content):
                yield f"{path}: version {versions.index(version) + 1} of {len(versions)} is lost"


def _contents(folder: str) -> Iterator[bytes]:
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield _read(os.path.join(above, name)) or b""


def directories(crashed: Crashed) -> Iterator[str]:
    """A directory that was acknowledged is there, with its mode and its time."""
    for path, made in crashed.history.directories.items():
        if not made.acknowledged_by(crashed.position):
            continue
        try:
            found = os.stat(os.path.join(crashed.root, path))
        except (FileNotFoundError, NotADirectoryError):
            yield f"{path}: expected a directory, found none"
            continue
        if not stat.S_ISDIR(found.st_mode):
            yield f"{path}: expected a directory, found a file"
        if made.mode not in (None, stat.S_IMODE(found.st_mode)):
            yield f"{path}: expected the mode {made.mode:o}, found {stat.S_IMODE(found.st_mode):o}"
        if made.mtime_us not in (None, found.st_mtime_ns // 1000):
            yield f"{path}: expected the time {made.mtime_us}, found {found.st_mtime_ns // 1000}"


def pruned(crashed: Crashed) -> Iterator[str]:
    """A version that was removed for good does not come back."""
    gone = {content for content, each in crashed.history.pruned.items() if each.acknowledged_by(crashed.position)}
    gone.discard(b"")  # many files are empty
    if not gone.isdisjoint(crashed.held()):
        yield "a version that was removed for good is there again"


def nothing_else(crashed: Crashed) -> Iterator[str]:
    """No path exists without a request, outside of the metadata directory."""
    files, folders = crashed.history.issued_by(crashed.position)
    may_be_files = files if crashed.journaled else files | folders
    for folder, there, names in os.walk(crashed.root):
        if folder == crashed.root and RESERVED in there:
            there.remove(RESERVED)
        above = f"{folder}/".removeprefix(f"{crashed.root}/")
        for name in (*there, *names):
            path = above + name
            if path not in (folders if name in there else may_be_files) and not crashed.excuses(path):
                yield f"{path}: {'directory' if name in there else 'file'} without a request"


def resumed(crashed: Crashed, store: LocalStore) -> Iterator[str]:
    """The partial upload in the store is the beginning of the content, and can be resumed.

    To be asked last: it puts files.
    """
    for began, path, content in crashed.history.uploads:
        if began > crashed.position:
            continue
        put = WriteRequest(endpoint=parse(path), size=len(content), hash=hash_bytes(content))
        arrived = store.resume_point(put.endpoint, put.hash, put.size, put.mtime_us)
        if arrived is None:
            continue
        try:
            upload = store.upload(structs.replace(put, offset=arrived.size))
            for _ in upload.verify_resumed():
                pass
        except Changed:
            continue  # the disk has not kept it, and it says so
        upload.write(content[arrived.size :])
        upload.commit()
        if _read(os.path.join(crashed.root, path)) != content:
            yield f"{path}: going on after {arrived.size} bytes made another file of it"


def swept(crashed: Crashed) -> Iterator[str]:
    """After a start of the store nothing is left of what was under way."""
    for name in sorted(os.listdir(os.path.join(crashed.root, RESERVED, "incoming"))):
        yield f"{RESERVED}/incoming/{name}: was left"


PROMISES: tuple[Promise, ...] = (contents, kept, directories, pruned, nothing_else)
"""What holds as soon as the disk is mounted, and still when the store has been started."""


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _describe(versions: Sequence[Version], found: bytes | None) -> str:
    """What was found instead: another version, or as much as there is of the one that it is most like."""
    if found is None:
        return "nothing"
    for number, version in enumerate(versions, 1):
        if version.content == found:
            return f"version {number}"
    if not found:
        return "an empty file"
    contents = [version.content or b"" for version in versions]
    alike, number = max((_alike(content, found), number) for number, content in enumerate(contents, 1))
    rest = "something else" if any(found[alike:]) else "zeros"
    size = len(contents[number - 1])
    return f"{len(found)} bytes: the first {alike} of the {size} of version {number}, and then {rest}"


def _alike(content: bytes, found: bytes) -> int:
    """How many bytes at the beginning are the same."""
    differ = (at for at, (one, other) in enumerate(zip(content, found, strict=False)) if one != other)
    return next(differ, min(len(content), len(found)))
