"""The rights of an account: those for everything that it sees, and narrower ones for some folders.

A grant only narrows: an account's rights at an endpoint are its rights
everywhere, less what the grant of each folder on the way leaves out. A grant
counts for every spelling of its folder: some disks open it by any case.
"""

from __future__ import annotations

import functools
from typing import Callable, Iterable, Sequence

import attrs

from homeftp.endpoint import Endpoint, FolderSet, folded
from homeftp.errors import OperatorError

READ, ADD, REPLACE, DELETE = ORDER = ("read", "add", "replace", "delete")
"""See and fetch; store new files; change existing ones; remove them."""

ALL = frozenset(ORDER)


def parse_rights(text: str) -> frozenset[str]:
    """Rights from their written form, such as `read,add`, or `none`, or `all`. Raises `OperatorError`."""
    if text.strip().lower() in ("none", "all"):
        return ALL if text.strip().lower() == "all" else frozenset()
    rights = frozenset(word.strip().lower() for word in text.split(","))
    if not rights <= ALL:
        raise OperatorError(f"rights are some of {', '.join(ORDER)}, separated by commas; or none, or all")
    return rights


def rights_shown(rights: Iterable[str]) -> str:
    """The written form of rights, for people and for the database."""
    return ",".join(right for right in ORDER if right in set(rights)) or "none"


@attrs.frozen(slots=False)
class Rights:
    """The rights of one account."""

    everywhere: frozenset[str] = ALL
    grants: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = ()
    """Folders, by the parts of their endpoints as the account sees them, and the most that may be done in each."""
    folders: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = ()
    """Where there are some, they are all that the account has, each with its rights: of two that contain an endpoint
    the deeper one counts. On the way to one its account sees nothing but that way (`leads_to_folder`)."""

    @functools.cached_property
    def _narrower(self) -> list[tuple[Sequence[str], frozenset[str]]]:
        return [(_spelled_alike(folder), most) for folder, most in self.grants]

    def at(self, parts: tuple[str, ...]) -> frozenset[str]:
        """The rights at an endpoint."""
        rights = self._in_folders(parts) if self.folders else self.everywhere
        if self.grants:
            alike = _spelled_alike(parts)
            for folder, most in self._narrower:
                if alike[: len(folder)] == folder:
                    rights &= most
        return rights

    @property
    def at_most(self) -> frozenset[str]:
        """The rights that it has somewhere."""
        return frozenset[str]().union(*(rights for _, rights in self.folders)) if self.folders else self.everywhere

    def _in_folders(self, parts: tuple[str, ...]) -> frozenset[str]:
        """The rights of the deepest folder, spelled exactly so: another spelling may be another folder.

        A deeper one in another spelling only takes rights away: on some disks it is the same.
        """
        depth, rights = -1, frozenset[str]()
        for folder, given in self.folders:
            if parts[: len(folder)] == folder and len(folder) > depth:
                depth, rights = len(folder), given
        alike = _spelled_alike(parts)
        for folder, given in self.folders:
            if len(folder) > max(depth, 0) and alike[: len(folder)] == _spelled_alike(folder):
                rights &= given
        return rights

    def leads_to_folder(self, parts: tuple[str, ...]) -> bool:
        """Whether one of the folders is beneath an endpoint, which is in none of them itself."""
        return any(folder[: len(parts)] == parts for folder, _ in self.folders) and not self._is_in_folder(parts)

    def names_beneath(self, parts: tuple[str, ...]) -> list[str]:
        """The names in a directory that leads to folders which lead there, or are folders with the right to read."""
        depth = len(parts)
        found = {
            folder[depth]
            for folder, rights in self.folders
            if len(folder) > depth and folder[:depth] == parts and READ in self.at(folder)
        }
        return sorted(found)

    def shows(self, parts: tuple[str, ...], *, directory: bool) -> bool:
        """Whether the account sees what has changed at an endpoint.

        Of what leads to its folders it sees only whether it is a directory: `directory` is whether one was made, moved
        or removed.
        """
        if READ in self.at(parts):
            return True
        return directory and self.leads_to_folder(parts) and bool(self.names_beneath(parts))

    def holds_top(self, parts: tuple[str, ...]) -> bool:
        """Whether an endpoint is the top of one of the folders, or leads to one, in any spelling."""
        if not self.folders:
            return False
        alike = _spelled_alike(parts)
        return any(_spelled_alike(folder[: len(parts)]) == alike for folder, _ in self.folders)

    def _is_in_folder(self, parts: tuple[str, ...]) -> bool:
        return any(parts[: len(folder)] == folder for folder, _ in self.folders)

    def at_all_paths(self, home: Endpoint, paths: Callable[[Endpoint], Sequence[Endpoint]]) -> Rights:
        """The same rights, with each grant by every path to its folder (`IStore.paths_to`) beneath `home`."""
        start = len(home.parts)
        narrower = [(folder, most) for folder, most in self.folders if self._is_in_folder(folder[:-1])]
        grants = {
            (each.parts[start:], most)
            for folder, most in (*self.grants, *narrower)
            for each in (home.beneath(*folder), *paths(home.beneath(*folder)))
            if each.parts[:start] == home.parts and len(each.parts) > start
        }
        return attrs.evolve(self, grants=tuple(sorted(grants, key=lambda grant: grant[0])))

    def narrowed(self, top: tuple[str, ...], most: frozenset[str]) -> Rights:
        """The same rights beneath `top`, as seen from there, and at most `most` of them."""
        depth, alike, grants = len(top), _spelled_alike(top), []
        for folder, allowed in self.grants:
            if alike[: len(folder)] == _spelled_alike(folder):
                most &= allowed
            elif _spelled_alike(folder[:depth]) == alike:
                grants.append((folder[depth:], allowed))
        for folder, given in self.folders:  # in another spelling, which some disks take for the same
            if folder[:depth] == top or _spelled_alike(folder[:depth]) != alike:
                continue
            if len(folder) == depth:
                most &= given
            else:
                grants.append((folder[depth:], given))
        here = (self._in_folders(top) if self.folders else self.everywhere) & most
        folders = [
            (folder[depth:], given & most)
            for folder, given in self.folders
            if len(folder) > depth and folder[:depth] == top
        ]
        if folders and self._is_in_folder(top):
            folders.append(((), here))
        return Rights(frozenset() if folders else here, tuple(grants), tuple(sorted(folders, key=lambda each: each[0])))

    def without(self, right: str) -> FolderSet:
        """The folders in which a grant leaves out a right."""
        narrower = (*self.grants, *self.folders)
        return FolderSet(frozenset(folder for folder, most in narrower if right not in most))

    def in_all_of(self, parts: tuple[str, ...]) -> frozenset[str]:
        """The rights that hold at an endpoint and at everything that may be beneath it."""
        rights = self.at(parts)
        if self.grants or self.folders:
            alike = _spelled_alike(parts)
            nested = [(_spelled_alike(folder), most) for folder, most in self.folders]
            for folder, most in (*self._narrower, *nested):
                if folder[: len(alike)] == alike:
                    rights &= most
        return rights


def _spelled_alike(parts: Sequence[str]) -> Sequence[str]:
    """Equal for all spellings that some disk takes for the same folder."""
    return [folded(part) for part in parts]
