"""Patterns in paths on the server, such as `nas:photos/*.jpg`, as shells and scp know them.

Only `*` and `?`: no name on the server has them, so that no name is taken for
a pattern.
"""

from __future__ import annotations

import re
from typing import Sequence

from homeftp.client.api import Client
from homeftp.client.escapes import unescape_name
from homeftp.client.files.names import wire_name
from homeftp.client.plan.paths import parse_remote_path
from homeftp.errors import NotFound

_WILD = re.compile(r"[*?]")


def has_pattern(path: str) -> bool:
    """Whether a path is a pattern."""
    return _WILD.search(path) is not None


async def expand_pattern(client: Client, path: str) -> Sequence[str]:
    """The paths on the server that match, sorted; a path without a pattern is given as it is.

    A pattern does not match names that begin with a dot, unless it begins with
    one. Raises `NotFound` (40) where nothing matches, and `OperatorError`.
    """
    if not has_pattern(path):
        return [path]
    found = [""]
    parts = [part for part in wire_name(path).split("/") if part not in ("", ".")]
    for depth, part in enumerate(parts):
        is_last = depth == len(parts) - 1
        matching = []
        for parent in found:
            prefix = f"{parent}/" if parent else ""
            if _WILD.search(part):
                names = await _matches(client, parent, part, directories=not is_last or path.endswith("/"))
                matching += [prefix + name for name in names]
            else:
                matching.append(prefix + part)
        found = matching
    if not _WILD.search(parts[-1]):
        found = [each for each in found if await _exists(client, each)]
    if not found:
        raise NotFound(f"nothing on the server matches {path}")
    return [f"{each}/" for each in found] if path.endswith("/") else found


async def _matches(client: Client, folder: str, pattern: str, *, directories: bool) -> list[str]:
    """The names in a folder that match, only of directories where that is asked; none where there is no such folder."""
    translated = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    matcher = re.compile(translated, re.DOTALL)
    endpoint = str(parse_remote_path(folder).endpoint)
    names: list[str] = []
    if folder:
        entry = (await client.cmp(endpoint)).remote
        if entry is None or entry.kind != "directory":
            return names
    async for page in client.list(endpoint, recursive=False):
        for entry in page.entries:
            if not entry.name or (directories and entry.kind != "directory"):
                continue
            spellings = {entry.name, unescape_name(entry.name) or entry.name}
            if any(map(matcher.fullmatch, spellings)) and (entry.name[0] != "." or pattern[0] == "."):
                names.append(entry.name)
    return sorted(names)


async def _exists(client: Client, path: str) -> bool:
    return (await client.cmp(str(parse_remote_path(path).endpoint))).remote is not None
