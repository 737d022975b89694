"""What an account may do, and where: rights for all that it sees, and narrower ones for some folders.

A grant only ever narrows: what an account may do at a place is what it may do
at all, less what each folder on the way there leaves out. A folder is meant
however its name is spelled: some disks open it by any case of its letters.
"""

from __future__ import annotations

import functools
from typing import Iterable, Sequence

import attrs

from homeftp.endpoint import folded
from homeftp.errors import OperatorError

READ, ADD, REPLACE, DELETE = ORDER = ("read", "add", "replace", "delete")
"""To see and fetch; to store what is new; to change what is there; to remove it."""

ALL = frozenset(ORDER)


def parse_rights(text: str) -> frozenset[str]:
    """Rights as a person writes them: `read,add`; "none" for none. Raises `OperatorError`."""
    if text.strip().lower() == "none":
        return frozenset()
    rights = frozenset(word.strip().lower() for word in text.split(","))
    if not rights <= ALL:
        raise OperatorError(f"rights are some of {', '.join(ORDER)}, with commas between, or none")
    return rights


def rights_shown(rights: Iterable[str]) -> str:
    """Rights as a person reads them, and as they are kept."""
    return ",".join(right for right in ORDER if right in set(rights)) or "none"


@attrs.frozen(slots=False)
class Rights:
    """Of one account."""

    everywhere: frozenset[str] = ALL
    grants: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = ()
    """Folders, by the parts of their endpoints as the account sees them, and what may be done at most in each."""

    @functools.cached_property
    def _narrower(self) -> list[tuple[Sequence[str], frozenset[str]]]:
        return [(_spelled_alike(folder), most) for folder, most in self.grants]

    def at(self, parts: tuple[str, ...]) -> frozenset[str]:
        """What may be done at that endpoint."""
        rights = self.everywhere
        if self.grants:
            alike = _spelled_alike(parts)
            for folder, most in self._narrower:
                if alike[: len(folder)] == folder:
                    rights &= most
        return rights

    def in_all_of(self, parts: tuple[str, ...]) -> frozenset[str]:
        """What may be done at that endpoint and at everything that may lie beneath it."""
        rights = self.at(parts)
        if self.grants:
            alike = _spelled_alike(parts)
            for folder, most in self._narrower:
                if folder[: len(alike)] == alike:
                    rights &= most
        return rights


def _spelled_alike(parts: Sequence[str]) -> Sequence[str]:
    """The same for all spellings that some disk takes for one another."""
    return [folded(part) for part in parts]
