"""One pair of folders that is to be synced: its values, what each may be, and how it is written in `sync.toml`."""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Callable, Mapping, TypeVar

import attrs

from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.transfer.rates import parse_rate
from homeftp.client import Direction, Preference, Selection, SyncOptions
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import SyncRequest

_Choice = TypeVar("_Choice", Direction, Preference)

_CONTROL = re.compile("[\x7f-\x9f]")
"""The control characters that JSON allows in a string, and TOML does not, or only partly."""


class PairFault(OperatorError):
    """A value of a pair is not allowed. `key` is where it was; "" for the pair itself."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@attrs.frozen(kw_only=True)
class SavedPair:
    """A folder on this machine, its other side, and how they are synced."""

    folder: str
    """The folder as it was written: absolute, or in the home with `~/`."""
    server: str
    path: str
    direction: Direction = Direction.BOTH
    preference: Preference | None = None
    max_delete: int | None = None
    patterns: tuple[str, ...] = ()
    """The lines of an ignore file: the last that matches decides."""
    ignore_files: bool = True
    strict_names: bool = False
    follow_links: bool = False
    merge: bool = False
    """Whether texts that both sides have changed are merged where that is possible."""
    bandwidth: str = ""
    """The most that the connections of this pair use, as `--bwlimit` has it; "": as fast as it goes."""

    @property
    def local(self) -> str:
        """The path of the folder on this machine."""
        return os.path.expanduser(self.folder)

    @property
    def remote(self) -> str:
        """The other side, as a command line has it."""
        return f"{self.server}:{self.path}"

    @property
    def rate(self) -> float | None:
        """Bytes a second in each direction; None: as fast as it goes."""
        return parse_rate(self.bandwidth) if self.bandwidth else None

    @property
    def selection(self) -> Selection:
        """The part of the folders that is synced. Raises `OperatorError` for a malformed pattern."""
        return Selection(
            self.patterns,
            None,
            ignore_files=self.ignore_files,
            strict_names=self.strict_names,
            follow_links=self.follow_links,
        )

    def check(self) -> None:
        """Raise `OperatorError` where nothing could be merged."""
        from homeftp.client import require_merge_library

        if self.merge and self.direction is not Direction.BOTH:
            raise OperatorError(f"with --{self.direction.value} one side is taken as it is. Leave out --merge.")
        if self.merge:
            require_merge_library()

    def request(self, **more: Any) -> SyncRequest:
        """The request for a sync of this pair, with the fields `more` of the request. Raises `OperatorError`."""
        from homeftp.client import SyncRequest
        from homeftp.host import own_name

        self.check()
        day = time.strftime("%Y-%m-%d")
        options = SyncOptions(self.direction, self.preference, own_name(), day, self.merge)
        return SyncRequest(
            self.local,
            self.path,
            server=self.server,
            options=options,
            selection=self.selection,
            max_delete=self.max_delete,
            **more,
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text in quotes")
    return value


def _folder(value: object) -> str:
    text = _text(value)
    if not text.startswith("~/") and not os.path.isabs(text):
        raise ValueError("an absolute path, or one that begins with ~/")
    return text


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a number of files")
    return value


def _lines(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError('a list of patterns, such as ["*.tmp", "/build"]')
    return tuple(value)


def _rate(value: object) -> str:
    text = _text(value)
    try:
        parse_rate(text)
    except argparse.ArgumentTypeError:
        raise ValueError('a rate, such as "500" (KiB a second) or "1.5M"') from None
    return text


def _one_of(kind: type[_Choice]) -> Callable[[object], _Choice]:
    def parse(value: object) -> _Choice:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(" or ".join(f'"{each.value}"' for each in kind)) from None

    return parse


_REQUIRED = ("folder", "remote")

KEYS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "folder": ("folder", _folder),
    "remote": ("remote", _text),
    "direction": ("direction", _one_of(Direction)),
    "prefer": ("preference", _one_of(Preference)),
    "max-delete": ("max_delete", _count),
    "ignore": ("patterns", _lines),
    "no-ignore": ("ignore_files", lambda value: not _flag(value)),
    "strict-names": ("strict_names", _flag),
    "follow-links": ("follow_links", _flag),
    "merge": ("merge", _flag),
    "bwlimit": ("bandwidth", _rate),
}
"""Each key of a pair: the field that it is for, and what parses it, or raises ValueError with what is allowed."""


def parse_pair(table: Mapping[str, object]) -> SavedPair:
    """The pair that a table of `sync.toml` describes. Raises `PairFault`."""
    fields: dict[str, Any] = {}
    for key, value in table.items():
        if key not in KEYS:
            alike = get_close_matches(key, KEYS, 1)
            question = f"did you mean {alike[0]}? " if alike else ""
            raise PairFault(key, f"{key!r} is not a key of a pair: {question}The keys are {', '.join(KEYS)}")
        field, parse = KEYS[key]
        try:
            fields[field] = parse(value)
        except ValueError as allowed:
            raise PairFault(key, f"{key} = {value!r} is not allowed: write {allowed}") from None
    for key in _REQUIRED:
        if key not in fields:
            raise PairFault("", f"a pair needs the key {key}")
    return _with_remote(fields)


def _with_remote(fields: dict[str, Any]) -> SavedPair:
    try:
        server, path = parse_remote_operand(fields.pop("remote"))
    except OperatorError as wrong:
        raise PairFault("remote", f"remote: {wrong}") from None
    pair = SavedPair(server=server, path=path, **fields)
    try:
        pair.selection  # noqa: B018 (it checks the patterns)
    except OperatorError as wrong:
        raise PairFault("ignore", f"ignore: {wrong}") from None
    return pair


def pair_text(pair: SavedPair) -> str:
    """The table of a pair, in TOML. Raises `OperatorError` for names that are not Unicode."""
    default = SavedPair(folder="", server="", path="")
    fields = {key: (getattr(pair, field), getattr(default, field)) for key, (field, _) in KEYS.items()}
    values = {key: _plain(value) for key, (value, usual) in fields.items() if value != usual}
    text = "".join(f"{key} = {_value(value)}\n" for key, value in values.items())
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OperatorError(f"{pair.folder!a} cannot be saved: its name is not in UTF-8") from None
    return f"[[pair]]\n{text}"


def _plain(value: object) -> object:
    """A value that is not the usual one, as TOML has it. A key of a flag says what is not usual, so it is true then."""
    if isinstance(value, bool):
        return True
    if isinstance(value, Direction | Preference):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _value(value: object) -> str:
    """A string, a number, a truth value or a list of strings in TOML, whose strings are those of JSON but for DEL."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
