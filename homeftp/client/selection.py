"""Which files and folders below a folder are transferred: patterns, ignore files, and lists of names.

The patterns are those of gitignore(5); the `pathspec` library reads them. Nothing here opens a file.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Iterable, Sequence

import attrs
import msgspec

from homeftp.client.escapes import ESCAPE, unescape_name
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from pathspec.pattern import Pattern

IGNORE_FILE = ".homeftpignore"
"""The name of files with patterns for the folder that they are in. It is transferred like any other file."""


@attrs.frozen
class Selection:
    """The part of a folder that is transferred; by default all but the files that its ignore files name."""

    patterns: tuple[str, ...] = ()
    """Patterns as in an ignore file: the last that matches decides. They come before those of the ignore files."""
    names: frozenset[str] | None = None
    """Only these files, and these folders with everything in them, relative to the transferred folder; None: all."""
    ignore_files: bool = True
    """Whether ignore files count."""
    strict_names: bool = False
    """Whether a name that not every system can store fails; otherwise it is escaped (`homeftp.client.escapes`)."""
    follow_links: bool = False
    """Whether what a symbolic link leads to is read in its place; for a sync, which changes nothing there."""

    def __attrs_post_init__(self) -> None:
        """Raise `OperatorError` for a pattern that is none."""
        parse_rules(self.patterns, "the patterns")


def parse_names(text: str, source: str) -> frozenset[str]:
    """The names of a list, one a line, for `Selection.names`; lines that begin with # or ; are comments.

    Raises `OperatorError`, which names the `source`, for a name outside the folder.
    """
    names = set()
    for line in unicodedata.normalize("NFC", text).splitlines():
        if line and not line.startswith(("#", ";")):
            parts = [part for part in line.split("/") if part not in ("", ".")]
            if ".." in parts:
                raise OperatorError(f"{source}: {line!r} leaves the folder: names are relative to it")
            names.add("/".join(parts))
    return frozenset(names)


class _Rule(msgspec.Struct, frozen=True):
    """One pattern. git asks for each path after the folders above it, so it must match the path itself."""

    excludes: bool
    pattern: Pattern
    folders_only: bool
    whole_path: bool
    """Whether it is about the path from its own folder on; otherwise it is about the last name only."""
    spans: bool
    """Whether it may match a path and folders above it as well."""

    def matches(self, name: str, *, is_directory: bool) -> bool:
        if self.folders_only and not is_directory:
            return False
        path = name if self.whole_path else name.rpartition("/")[2]
        if self.pattern.match_file(path) is None:
            return False
        above = path.rpartition("/")[0]
        return self.spans or not above or self.pattern.match_file(above) is None


def parse_rules(lines: Iterable[str], source: str) -> Sequence[_Rule]:
    """The rules of patterns, in their order; raises `OperatorError`, which names the `source` and the pattern."""
    texts = [line.rstrip("\r\n") for line in lines]
    patterns = [text for text in texts if text.strip() and not text.startswith("#")]
    if not patterns:
        return ()
    from pathspec import GitIgnoreSpec  # takes a tenth of a second: few commands have patterns

    rules = []
    for text in patterns:
        negated = text.startswith("!")
        positive = text.removeprefix("!").rstrip() if not text.endswith("\\ ") else text.removeprefix("!")
        body = positive.rstrip("/")
        try:
            [pattern] = GitIgnoreSpec.from_lines([body]).patterns
        except (ValueError, re.error):
            raise OperatorError(f"{source}: {text!r} is not a pattern: see gitignore(5) for what one may be") from None
        if pattern.include is not None:
            rules.append(_Rule(not negated, pattern, body != positive, "/" in body, "**" in body))
    return rules


class Selector:
    """Applies a selection to the names below one folder. A folder is asked about before what is in it."""

    def __init__(self, selection: Selection) -> None:
        self.reads_ignore_files = selection.ignore_files
        """Whether `add_rules` is to be called with the ignore file of each folder."""
        self.strict_names = selection.strict_names
        """`Selection.strict_names`."""
        self.follows_links = selection.follow_links
        """`Selection.follow_links`."""
        self._rules = parse_rules(selection.patterns, "the patterns")
        self._names = selection.names
        self._above = {above for name in selection.names or () for above in _folders_above(name)}
        self._in_folders: dict[str, Sequence[_Rule]] = {}
        self._folders: dict[str, bool] = {"": True}

    def add_rules(self, folder: str, lines: Iterable[str], source: str) -> None:
        """Add the rules of the ignore file of a folder; raises `OperatorError`."""
        self._in_folders[folder] = parse_rules(lines, source)

    @property
    def has_names(self) -> bool:
        """Whether only listed names are transferred, so that some of them may be `missing`."""
        return self._names is not None

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left out, as far as is known."""
        return not self._rules and self._names is None and not self._in_folders

    def takes(self, name: str, *, is_directory: bool) -> bool:
        """Whether a name on the wire is transferred; no name in a folder is that is not. Patterns mean local names."""
        if self.takes_all or not name:
            return True
        name = _local(name)
        if not is_directory:
            return self._takes_folder(name.rpartition("/")[0]) and self._takes(name, is_directory=False)
        return self._takes_folder(name)

    def _takes_folder(self, name: str) -> bool:
        known = self._folders.get(name)
        if known is None:
            known = self._takes_folder(name.rpartition("/")[0]) and self._takes(name, is_directory=True)
            self._folders[name] = known
        return known

    def _takes(self, name: str, *, is_directory: bool) -> bool:
        return self._is_listed(name, is_directory=is_directory) and not self._is_excluded(
            name, is_directory=is_directory
        )

    def _is_listed(self, name: str, *, is_directory: bool) -> bool:
        if self._names is None or name in self._names or (is_directory and name in self._above):
            return True
        return any(above in self._names for above in _folders_above(name))

    def _is_excluded(self, name: str, *, is_directory: bool) -> bool:
        found = _decision(self._rules, name, is_directory=is_directory)
        folder = name
        while found is None and folder and self._in_folders:
            folder = folder.rpartition("/")[0]
            inner = name[len(folder) + 1 :] if folder else name
            found = _decision(self._in_folders.get(folder, ()), inner, is_directory=is_directory)
        return bool(found)

    def missing(self, found: Iterable[str]) -> Sequence[str]:
        """The local names of the selection that are not among the found ones on the wire; sorted.

        Those that a pattern leaves out are not missing.
        """
        missing = (self._names or frozenset()).difference(map(_local, found))
        return sorted(name for name in missing if name and self.takes(name, is_directory=False))


def _local(name: str) -> str:
    """The local form of a name on the wire, whose parts may be escaped."""
    if ESCAPE not in name:
        return name
    return "/".join(unescape_name(part) or part for part in name.split("/"))


def _decision(rules: Sequence[_Rule], name: str, *, is_directory: bool) -> bool | None:
    """Whether the last rule that matches excludes the name; None where none matches."""
    for rule in reversed(rules):
        if rule.matches(name, is_directory=is_directory):
            return rule.excludes
    return None


EVERYTHING = Selection(ignore_files=False)
"""Each file and folder."""

DEFAULT_SELECTION = Selection()
"""All but what ignore files name."""


def _folders_above(name: str) -> Iterable[str]:
    while name:
        name = name.rpartition("/")[0]
        yield name
