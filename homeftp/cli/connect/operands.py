"""The paths on a command line: `NAME:PATH` is on a server, anything else is on this machine."""

from __future__ import annotations

import argparse
import re
from typing import NamedTuple, Sequence

from homeftp.cli.terminal.completers import REMOTE_PATHS, set_completer
from homeftp.errors import OperatorError

_REMOTE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]+):(?P<path>.*)\Z", re.DOTALL)

_LIKE_A_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]+\Z")
"""A word that is probably a server's name rather than a file's: it has no slash and no dot."""


class Operand(NamedTuple):
    """A path; `remote` is None for a path on this machine."""

    remote: str | None
    path: str


def add_remote_operands(
    parser: argparse.ArgumentParser,
    help: str,
    *,
    dest: str = "paths",
    metavar: str = "NAME:PATH",
    completer: str = REMOTE_PATHS,
) -> None:
    """Add an argument for one or more paths on a server; `help` says what they may be."""
    set_completer(parser.add_argument(dest, metavar=metavar, nargs="+", help=help), completer)


def parse_operand(text: str) -> Operand:
    """The operand that `text` spells; `./a:b` is a local file."""
    found = _REMOTE.match(text)
    return Operand(None, text) if found is None else Operand(found["name"], found["path"])


def parse_remote_operand(text: str) -> tuple[str, str]:
    """The server's name and the path of an operand that must be remote; raises `OperatorError` for a local one."""
    operand = parse_operand(text)
    if operand.remote is None:
        if _LIKE_A_SERVER.match(text):
            raise OperatorError(f"{text!r} has no path. Did you mean `{text}:`?")
        raise OperatorError(
            f"{text!r} is not a path on a server. Write NAME:PATH; `homeftp remote list` prints the names."
        )
    return operand.remote, operand.path


def common_remote(operands: Sequence[Operand]) -> str:
    """The server that all remote operands are on; raises `OperatorError` when there are several."""
    names = {each.remote for each in operands if each.remote is not None}
    if len(names) > 1:
        raise OperatorError(f"a command uses one server, but {' and '.join(sorted(names))} were given.")
    return names.pop()


def name_of_transfer(sources: Sequence[str], target: str) -> str:
    """The target of a transfer, for messages; where a single source gets its own name inside it, with that name."""
    last = parse_operand(sources[0]).path.rpartition("/")[2]
    if len(sources) > 1 or last in ("", ".", "..") or not (target == "." or target.endswith((":", "/"))):
        return target
    return last if target == "." else target + last


def parse_remote_operands(texts: Sequence[str]) -> tuple[str, list[str]]:
    """The one server that all of these operands are on, and their paths; raises `OperatorError`."""
    operands = [Operand(*parse_remote_operand(text)) for text in texts]
    return common_remote(operands), [operand.path for operand in operands]
