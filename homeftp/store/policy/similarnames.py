"""New names that are too similar to a sibling's: some systems would take both for one, and lose one of them.

`Photo.jpg` and `photo.jpg` are two files on Linux and one on Windows and
macOS; `ﬁn` and `fin` are one where compatible forms are folded. A new name
that differs from a sibling only in this way is refused, unless the owner allows
it. `endpoint.folded` is the rule, and this module applies it. CVE-2014-9390 of
Git is an attack with such a pair.
"""

from __future__ import annotations

import unicodedata
from typing import Iterable

from homeftp.endpoint import folded
from homeftp.errors import BadEndpoint


def similar(name: str, names: Iterable[str]) -> str | None:
    """A sibling that is too similar to `name`; None without one, or if `name` is a sibling itself."""
    fold = folded(name)
    alike = [each for each in names if folded(each) == fold]
    return None if name in alike or not alike else alike[0]


def too_similar(name: str, sibling: str) -> BadEndpoint:
    """The refusal of a new name that is too similar to a sibling's."""
    # In another form it looks the same: then its letters are spelled out.
    looks = sibling if unicodedata.is_normalized("NFC", sibling) else ascii(sibling)[1:-1]
    return BadEndpoint(
        f"'{name}' differs from '{looks}' beside it only in case or in the form of its letters, "
        "and some systems cannot hold both: use that name or a different one"
    )


def check(name: str, names: Iterable[str]) -> None:
    """Raise `BadEndpoint` (41) for a new name that is too similar to a sibling's."""
    sibling = similar(name, names)
    if sibling is not None:
        raise too_similar(name, sibling)
