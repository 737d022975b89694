"""Listing a folder, and searching by name in all that is beneath it."""

from __future__ import annotations

from typing import Any, AsyncGenerator

import msgspec

from homeftp.endpoint import Endpoint, folded
from homeftp.errors import BadRequest
from homeftp.interfaces import IFiles
from homeftp.model import Entry

MOST_FOUND = 1000
"""Matches of one search, at most: more are no help to a reader."""

MOST_WORDS = 20
"""Words of one search, at most."""

_SAYS = 20
"""Pages of a listing between two signs of life to somebody whose search finds nothing."""


class ListedEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry as the page gets it."""

    name: str
    kind: str
    size: int
    mtime_us: int | None
    hash: str | None = None
    damaged: bool = False

    @classmethod
    def of(cls, entry: Entry) -> ListedEntry:
        """The entry of a listing."""
        damaged = entry.damaged is not None
        return cls(entry.name, entry.kind, entry.size, entry.mtime_us, entry.hash, damaged)


async def list_folder(files: IFiles, endpoint: Endpoint) -> AsyncGenerator[dict[str, Any], None]:
    """The entries of a folder, page by page, and the names that cannot be shown, each with the reason."""
    pages = files.list(endpoint)
    try:
        async for page in pages:
            found: dict[str, Any] = {"entries": [ListedEntry.of(entry) for entry in page.entries]}
            if page.skipped:
                found["skipped"] = page.skipped
            yield found
    finally:
        await pages.aclose()


async def search(files: IFiles, endpoint: Endpoint, text: str) -> AsyncGenerator[dict[str, Any], None]:
    """The entries beneath a folder whose names have all words of `text`, page by page.

    Case and compatible forms do not count. `looked` is how many names were compared so far, `more` whether there were
    more matches than `MOST_FOUND`.
    """
    words = [folded(word) for word in text.split()]
    if not words or len(words) > MOST_WORDS:
        raise BadRequest(f"a search has one to {MOST_WORDS} words")
    looked = found = silent = 0
    pages = files.list(endpoint, recursive=True)
    try:
        async for page in pages:
            looked += len(page.entries)
            matches = [ListedEntry.of(entry) for entry in page.entries if _matches(entry.name, words)]
            more = found + len(matches) > MOST_FOUND
            matches = matches[: MOST_FOUND - found]
            found += len(matches)
            silent += 1
            if matches or silent == _SAYS:
                silent = 0
                yield {"entries": matches, "looked": looked}
            if more:
                yield {"entries": [], "looked": looked, "more": True}
                return
    finally:
        await pages.aclose()


def _matches(name: str, words: list[str]) -> bool:
    own = folded(name.rpartition("/")[2])
    return all(word in own for word in words)
