"""What is not as it was promised in a share that a power cut has been through.

A promise is a function from what there is to the faults that it finds. Here
are those that hold for every share; a store may make more (stores.py).

Of what was being put or made when the power went, a file system without a
journal promises nothing. It may write a name before what the name stands for,
and give the place of what it has just removed to something else, so a file that
was being replaced can be gone, or be another file, or a directory. That is
excused there. What nobody was changing is there, and whole.
"""

from __future__ import annotations

import os
from typing import Callable, Iterable, Iterator, Sequence

import attrs

from homeftp.wire.endpoint import RESERVED
from tests.powercut.history import History, Version


@attrs.frozen
class Crashed:
    """A share whose disk has lost its power, mounted again."""

    root: str
    """The share's folder."""
    history: History
    """What was put into it."""
    position: int
    """The log's length at the cut."""
    excused: frozenset[str] = frozenset()
    """Paths of which nothing was promised."""

    def excuses(self, path: str) -> bool:
        """Whether it is one of those, or below one."""
        return any(f"{path}/".startswith(f"{each}/") for each in self.excused)


Promise = Callable[[Crashed], Iterable[str]]


def contents(crashed: Crashed) -> Iterator[str]:
    """C1: each path holds what was acknowledged last, or what was put there since: whole, or it was never there."""
    history = crashed.history
    for path, versions in history.files.items():
        if crashed.excuses(path):
            continue
        must, allowed = history.allowed(path, crashed.position)
        try:
            found = _read(os.path.join(crashed.root, path))
        except OSError as error:
            yield f"{path}: cannot be read: {error.strerror}"
            continue
        if must if found is None else found not in [version.content for version in allowed]:
            numbers = " or ".join(str(versions.index(version) + 1) for version in allowed)
            expected = f"version {numbers} of {len(versions)}" if numbers else "nothing"
            yield f"{path}: expected {expected}, found {_describe(versions, found)}"


def directories(crashed: Crashed) -> Iterator[str]:
    """A directory that was acknowledged is there."""
    for path, made in crashed.history.directories.items():
        if made.acknowledged_by(crashed.position) and not os.path.isdir(os.path.join(crashed.root, path)):
            yield f"{path}: expected a directory, found none"


def nothing_else(crashed: Crashed) -> Iterator[str]:
    """What nobody asked for is not there, outside of the share's own folder."""
    files, folders = crashed.history.issued_by(crashed.position)
    for folder, there, names in os.walk(crashed.root):
        if folder == crashed.root and RESERVED in there:
            there.remove(RESERVED)
        for name in (*there, *names):
            path = os.path.relpath(os.path.join(folder, name), crashed.root)
            if path not in (folders if name in there else files) and not crashed.excuses(path):
                yield f"{path}: nobody {'made this directory' if name in there else 'put this file'}"


def swept(crashed: Crashed) -> Iterator[str]:
    """After a start of the share nothing is left of what was under way."""
    for name in sorted(os.listdir(os.path.join(crashed.root, RESERVED, "incoming"))):
        yield f"{RESERVED}/incoming/{name}: was left"


PROMISES: tuple[Promise, ...] = (contents, directories, nothing_else)
"""What holds as soon as the disk is mounted, and still when the share has been started."""


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
    alike, number = max((_alike(version.content, found), number) for number, version in enumerate(versions, 1))
    rest = "something else" if any(found[alike:]) else "zeros"
    size = len(versions[number - 1].content)
    return f"{len(found)} bytes: the first {alike} of the {size} of version {number}, and then {rest}"


def _alike(content: bytes, found: bytes) -> int:
    """How many bytes at the beginning are the same."""
    differ = (at for at, (one, other) in enumerate(zip(content, found, strict=False)) if one != other)
    return next(differ, min(len(content), len(found)))
