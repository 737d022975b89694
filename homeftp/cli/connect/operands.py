"""The places that a command line names: `NAME:path` at a server, anything else here."""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence

from homeftp.errors import OperatorError

_REMOTE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]+):(?P<path>.*)\Z", re.DOTALL)

STANDARD = "-"
"""Standard input or output."""


class Operand(NamedTuple):
    """One place; `remote` is None for one that is here."""

    remote: str | None
    path: str


def operand(text: str) -> Operand:
    """What a person wrote; `./a:b` is a file here."""
    found = _REMOTE.match(text)
    return Operand(None, text) if found is None else Operand(found["name"], found["path"])


def server_path(text: str) -> tuple[str, str]:
    """The remote's name and the path of an operand that must be remote; raises `OperatorError` for a local one."""
    place = operand(text)
    if place.remote is None:
        raise OperatorError(f"{text} is no place at a server: write NAME:path (homeftp remote list shows names)")
    return place.remote, place.path


def one_remote(operands: Sequence[Operand]) -> str:
    """The remote that all of them are at; raises `OperatorError` when they are not at one."""
    names = {each.remote for each in operands if each.remote is not None}
    if len(names) > 1:
        raise OperatorError(f"one server at a time: {' and '.join(sorted(names))} were named")
    return names.pop()
