"""The names of the copies that conflicts leave: `name (conflict from ann-laptop 2026-05-01).txt`.

A character may have to be escaped only at the end of a name, or only in the name of a device. So what is added to a
name on the wire is added to the name that it stands for, and the result is escaped again.
"""

from __future__ import annotations

import re
from typing import Container

from homeftp.client.escapes import escape_name, unescape_name
from homeftp.endpoint import MAX_NAME_BYTES

_TYPE = r"(?:\.[A-Za-z0-9]{1,8}){0,2}$"

_EXTENSION = re.compile(rf"(?<=[^.]){_TYPE}")
"""The ending by which programs know a file's type: `.txt`, `.tar.gz`, or none."""

_COPY = re.compile(rf" \(conflict from [^()/]+ \d{{4}}-\d{{2}}-\d{{2}}(?: \d+)?\)(?={_TYPE})")
"""The part that was added to a name, before the extension."""

_MOST_MACHINE = 48
"""Characters of a machine's name: with four bytes each the rest of a name still fits."""

_LARGEST = ":"
"""A character that takes the most bytes on the wire: it is escaped by two of three bytes each."""


def original_name(name: str) -> str | None:
    """The name of the file that a copy is of; None for a name that is not a copy's."""
    folder, slash, last = name.rpartition("/")
    found = _COPY.search(last)
    return None if found is None else f"{folder}{slash}{last[: found.start()]}{last[found.end() :]}"


def may_be_cut(name: str) -> bool:
    """Whether the local name of a copy may have been cut: it has no space for one more character of any kind.

    Then nothing in it tells the name of the original. `name` is the last part of a path.
    """
    found = _COPY.search(name)
    return found is not None and _is_too_long(f"{name[: found.start()]}{_LARGEST}{name[found.start() :]}")


def original_endpoint(name: str) -> str | None:
    """The name on the wire of the file that a copy is of, whose `name` is one on the wire too; None for no copy."""
    folder, slash, last = name.rpartition("/")
    original = original_name(_unescaped(last))
    return None if original is None else f"{folder}{slash}{escape_name(original)}"


def is_copy_of(copy: str, name: str) -> bool:
    """Whether the name of a copy is one that a copy of the file `name` gets; both are names on the wire."""
    if original_endpoint(copy) == name:
        return True
    (folder, _, last), (around, _, long) = copy.rpartition("/"), name.rpartition("/")
    return folder == around and _is_cut_from(_unescaped(last), _unescaped(long))


def _is_cut_from(copy: str, name: str) -> bool:
    """Whether a copy of the file `name` has that name if it is cut; both are the last parts of local paths."""
    found = _COPY.search(copy)
    if found is None or original_name(name) is not None:
        return False
    stem, added, ends = copy[: found.start()], copy[found.start() :], copy[found.end() :]
    if not (name.startswith(stem) and name.endswith(ends) and len(name) > len(stem + ends)):
        return False
    return _escaped(name[: len(name) - len(ends)], added) == escape_name(copy)


def copy_name(name: str, machine: str, day: str, taken: Container[str]) -> str:
    """The name for a copy of the file `name` as it is on `machine`, which is none of those that are `taken`.

    All are names on the wire; `day` is as in 2026-05-01. The copy of a copy is one of the original file. A name that
    would be too long is cut.
    """
    folder, slash, last = name.rpartition("/")
    last = _unescaped(last)
    last = original_name(last) or last
    found = _EXTENSION.search(last)
    stem, extension = (last, "") if found is None else (last[: found.start()], found.group())
    said = re.sub(r"[^\w .-]", "-", machine)[:_MOST_MACHINE].strip(" .") or "another machine"
    number = 1
    while True:
        count = "" if number == 1 else f" {number}"
        added = f" (conflict from {said} {day}{count}){extension}"
        if (made := f"{folder}{slash}{_escaped(stem, added)}") not in taken:
            return made
        number += 1


def _unescaped(name: str) -> str:
    """The name that a name on the wire stands for; itself where it is none that is escaped."""
    found = unescape_name(name)
    return name if found is None else found


def _escaped(stem: str, added: str) -> str:
    """The name on the wire of a stem with what is added to it, cut as far as it is too long."""
    while _is_too_long(stem + added):
        stem = stem[:-1]
    return escape_name(stem + added)


def _is_too_long(name: str) -> bool:
    """Whether a local name is too long on the wire."""
    return len(escape_name(name).encode()) > MAX_NAME_BYTES
