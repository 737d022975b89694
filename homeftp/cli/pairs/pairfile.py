"""The file `sync.toml` in the client's folder: which pairs of folders are synced, and how.

A person may write it, with comments. A command that adds or removes a pair changes the lines of that pair only.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence

from homeftp.cli.pairs.pair import PairFault, SavedPair, pair_text, parse_pair
from homeftp.crypto.secretfiles import write_private
from homeftp.errors import OperatorError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    import threading

FILE = "sync.toml"

_MOST_KIB = 256
"""The largest file that is read."""

_MOST_BYTES = _MOST_KIB * 1024

_STEP_MS = 1000
"""How often the watch of the file looks for events: each time costs processor time, also where there are none."""

_TABLE = re.compile(r"\s*\[")
"""The beginning of a table; also of a line within a list, which only gives a less exact line in a message."""

_PAIR = re.compile(r"\s*\[\[\s*pair\s*\]\]")


class PairFile:
    """The pairs in `sync.toml` of the folder `folder`. Every method blocks, and raises `OperatorError`."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.abspath(folder)
        self.path = os.path.join(self._folder, FILE)

    def load(self) -> Sequence[SavedPair]:
        """The pairs, in the order of the file; none where there is no file."""
        return self._parse(self._read())

    def find(self, folder: str) -> SavedPair | None:
        """The pair of a local folder, however its path is spelled; None where it has none."""
        return next((pair for pair in self.load() if _is_same(pair.local, folder)), None)

    def save(self, pair: SavedPair) -> None:
        """Add a pair, or replace the one of the same local folder."""
        added = pair_text(pair)
        text = self._read()
        pairs = self._parse(text)
        kept = [each for each in pairs if not _is_same(each.local, pair.local)]
        if len(kept) < len(pairs):
            text = self._without(text, pair.local)
        end = text.rstrip("\n")
        self._write(f"{end}\n\n{added}" if end else added, [*kept, pair])

    def forget(self, folder: str) -> SavedPair:
        """Remove the pair of a local folder; gives it."""
        pair = self.find(folder)
        if pair is None:
            raise OperatorError(f"{self.path} has no pair with the folder {folder}. `homeftp sync --list` prints all.")
        text = self._read()
        self._write(self._without(text, folder), [each for each in self._parse(text) if each != pair])
        return pair

    def _read(self) -> str:
        try:
            with open(self.path, "rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise OperatorError(f"cannot read {self.path}: {error.strerror}") from None
        if len(data) > _MOST_BYTES:
            raise OperatorError(f"{self.path} is too large: at most {_MOST_KIB} KiB are read")
        try:
            return data.decode().replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise OperatorError(f"{self.path} is not in UTF-8: save it in that encoding") from None

    def _parse(self, text: str) -> Sequence[SavedPair]:
        try:
            document: Mapping[str, Any] = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as wrong:
            raise OperatorError(f"{self.path} is not valid TOML: {wrong}") from None
        tables = document.get("pair", [])
        for key in document:
            if key != "pair":
                raise OperatorError(f"{self.path}: {key!r} is not known here: each pair begins with a line [[pair]]")
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            raise OperatorError(f"{self.path}: each pair begins with a line [[pair]]")
        pairs: list[SavedPair] = []
        for number, table in enumerate(tables):
            try:
                pair = parse_pair(table)
                if any(_is_same(each.local, pair.local) for each in pairs):
                    raise PairFault(
                        "folder", f"the folder {pair.folder} has a pair already: a folder has one other side"
                    )
            except PairFault as wrong:
                raise OperatorError(f"{self.path}, {_place(text, number, wrong.key)}: {wrong}") from None
            pairs.append(pair)
        return pairs

    def _without(self, text: str, folder: str) -> str:
        """The text without the table of the pair of a folder."""
        number = next(number for number, pair in enumerate(self._parse(text)) if _is_same(pair.local, folder))
        lines = text.split("\n")
        begin, end = _lines_of(lines, number)
        while end > begin and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
            end -= 1  # a comment above the next table is that one's
        return "\n".join([*lines[:begin], *lines[end:]]).strip("\n") + "\n"

    def _write(self, text: str, expected: Sequence[SavedPair]) -> None:
        """Write the file, if it has the expected pairs."""
        try:
            as_expected = list(self._parse(text)) == list(expected)
        except OperatorError:
            as_expected = False
        if not as_expected:
            raise OperatorError(f"{self.path} is written in a way that a command cannot change: edit it yourself")
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise OperatorError(f"cannot create {self._folder}: {error.strerror}") from None
        write_private(self.path, text.encode())


def changes_of_file(folder: str, ended: threading.Event) -> Iterator[Sequence[str]]:
    """The paths of each change of the file in a folder, until it is to end; for `LocalWatch`, in a thread."""
    from watchfiles import watch

    for changes in watch(
        folder,
        watch_filter=lambda _, changed: os.path.basename(changed) == FILE,
        stop_event=ended,
        step=_STEP_MS,
        recursive=False,
        raise_interrupt=False,
    ):
        yield [path for _, path in changes]


def _is_same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _lines_of(lines: Sequence[str], number: int) -> tuple[int, int]:
    """The indices of the first line of the table of a pair, and of the first line after it."""
    starts = [index for index, line in enumerate(lines) if _PAIR.match(line)]
    if number >= len(starts):
        return 0, 0
    begin = starts[number]
    return begin, next((index for index in range(begin + 1, len(lines)) if _TABLE.match(lines[index])), len(lines))


def _place(text: str, number: int, key: str) -> str:
    """Where a key of a pair is: "line 7", or "pair 2" where its line is not found."""
    lines = text.split("\n")
    begin, end = _lines_of(lines, number)
    if begin == end:
        return f"pair {number + 1}"
    written = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    found = next((index for index in range(begin, end) if key and written.match(lines[index])), begin)
    return f"line {found + 1}"
