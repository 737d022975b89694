"""A set of the names of very many files, in little memory: the names in one folder are one text."""

from __future__ import annotations

from typing import Iterable, Iterator, Sequence

_END = b"\0"
"""Ends each name; no name has it."""


class NameSet:
    """Names, whose parts are separated by `/`. It is quickest to ask about those of one folder, then of the next."""

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
