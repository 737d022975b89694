"""Text as a terminal may display it, sizes and counts for people, JSON for scripts."""

from __future__ import annotations

import functools
import stat
import sys
from typing import TYPE_CHECKING, Any

from homeftp.errors import counted

if TYPE_CHECKING:  # not every command has such a parser
    import argparse

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
"""From one unit to the next."""

_MODES = 256
"""Modes as text that are remembered: the files of a folder have few."""


def printable(text: str) -> str:
    """The text with control and bidirectional characters escaped, so that a name cannot steer the terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def printable_endpoint(endpoint: str) -> str:
    """An endpoint as a terminal may display it; the root is "the shared folder"."""
    return printable(endpoint) or "the shared folder"


def format_size(size: float) -> str:
    """A number of bytes for people, in powers of 1000 as disks and networks are sold."""
    for unit in _UNITS:
        if size < _STEP or unit == _UNITS[-1]:
            break
        size /= _STEP
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def format_count(files: int, folders: int, others: int = 0) -> str:
    """A number of files and folders in words; for what is neither, the number alone."""
    parts = []
    if files:
        parts.append(counted(files, "file"))
    if folders:
        parts.append(counted(folders, "folder"))
    if others:
        parts.append(f"{others} other" if parts else f"{others}")
    return " and ".join(parts)


@functools.lru_cache(maxsize=_MODES)
def format_mode(kind: str, mode: int | None) -> str:
    """The kind and the permission bits as ls(1) prints them; bits that are not known as if none were set."""
    from homeftp.metadata.modes import MODE_BITS

    return stat.filemode((stat.S_IFDIR if kind == "directory" else stat.S_IFREG) | (mode or 0) & MODE_BITS)


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add --json, for a command that prints many things."""
    parser.add_argument("--json", action="store_true", help="print one JSON object per line, for scripts")


def print_json(fields: dict[str, Any]) -> None:
    """Print one line of JSON on standard output."""
    import json

    sys.stdout.write(json.dumps(fields) + "\n")


def print_result(options: argparse.Namespace, sentence: str, fields: dict[str, Any]) -> None:
    """Print the result of a command: the fields with --json, else the sentence, with control characters escaped."""
    if options.json:
        print_json(fields)
    else:
        print(printable(sentence))
