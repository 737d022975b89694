"""The names of the copies that conflicts leave: `name (conflict from ann-laptop 2026-05-01).txt`."""

from __future__ import annotations

import re
from typing import Container

from homeftp.endpoint import MAX_NAME_BYTES

_TYPE = r"(?:\.[A-Za-z0-9]{1,8}){0,2}$"

_EXTENSION = re.compile(rf"(?<=[^.]){_TYPE}")
"""What programs know a file's type by: `.txt`, `.tar.gz`, or nothing."""

_COPY = re.compile(rf" \(conflict from [^()/]+ \d{{4}}-\d{{2}}-\d{{2}}(?: \d+)?\)(?={_TYPE})")
"""What was added to a name, before the extension."""


def original_name(name: str) -> str | None:
    """The name of the file that a copy is of; None for a name that is not a copy's."""
    folder, slash, last = name.rpartition("/")
    found = _COPY.search(last)
    return None if found is None else f"{folder}{slash}{last[: found.start()]}{last[found.end() :]}"


def copy_name(name: str, machine: str, day: str, taken: Container[str]) -> str:
    """The name for a copy of the file `name` as it is on `machine`, which is none of those that are `taken`.

    `day` is as in 2026-05-01. The copy of a copy is one of the original file. A name that would be too long is cut.
    """
    folder, slash, last = (original_name(name) or name).rpartition("/")
    found = _EXTENSION.search(last)
    assert found is not None  # at least the empty one at the end
    stem, extension = last[: found.start()], found.group()
    said = re.sub(r"[^\w .-]", "-", machine).strip(" .") or "another machine"
    number = 1
    while True:
        count = "" if number == 1 else f" {number}"
        added = f" (conflict from {said} {day}{count}){extension}"
        cut = stem.encode()[: MAX_NAME_BYTES - len(added.encode())].decode(errors="ignore")
        if (made := f"{folder}{slash}{cut}{added}") not in taken:
            return made
        number += 1
