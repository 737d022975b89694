"""Names whose parts are separated by `/`: what is around one, and a set of very many of them, in little memory."""

from __future__ import annotations

from typing import Container, Iterable, Iterator, Sequence

_END = b"\0"
"""Ends each name; no name has it."""


def upwards(name: str) -> Iterator[str]:
    """A name, and those of the directories around it."""
    while name:
        yield name
        name = name.rpartition("/")[0]


def is_beneath(name: str, names: Container[str]) -> bool:
    """Whether a name is one of these, or beneath one."""
    return any(each in names for each in upwards(name))


def nearest(name: str, names: Container[str]) -> str:
    """The next of these names that is the name itself, or that of a directory around it; "" for none."""
    return next((each for each in upwards(name) if each in names), "")


class NameSet:
    """Names, those in one folder as one text. It is quickest to ask about those of one folder, then of the next."""

    def __init__(self) -> None:
        self._folders: dict[str, bytearray] = {}
        self._opened: tuple[str, set[str]] | None = None
        """The folder that was asked about last, and the last parts of the names in it."""

    def __bool__(self) -> bool:
        return bool(self._folders)

    def __contains__(self, name: str) -> bool:
        head, _, last = name.rpartition("/")
        if self._opened is None or self._opened[0] != head:
            self._opened = head, set(_names(self._folders.get(head, b"")))
        return last in self._opened[1]

    def has_in(self, folder: str) -> bool:
        """Whether it has a name that is directly in a folder."""
        return folder in self._folders

    def names_in(self, folder: str) -> Iterator[str]:
        """The names that are directly in a folder."""
        for last in set(_names(self._folders.get(folder, b""))):
            yield f"{folder}/{last}" if folder else last

    def __iter__(self) -> Iterator[str]:
        for head in self._folders:
            yield from self.names_in(head)

    def add(self, name: str) -> None:
        """Add a name, which may be in the set."""
        head, _, last = name.rpartition("/")
        folder = self._folders.get(head)
        if folder is None:
            folder = self._folders[head] = bytearray()
        folder += last.encode("utf-8", "surrogatepass") + _END
        if self._opened is not None and self._opened[0] == head:
            self._opened[1].add(last)

    def update(self, names: Iterable[str]) -> None:
        """Add names."""
        for name in names:
            self.add(name)


def _names(folder: bytes | bytearray) -> Sequence[str]:
    return bytes(folder).decode("utf-8", "surrogatepass").split("\0")[:-1]
