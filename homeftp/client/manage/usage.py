"""How much the folders of a server hold, from one listing: its memory grows with the depth of the tree only."""

from __future__ import annotations

from typing import AsyncIterator, Callable

import attrs

from homeftp.client.api import Client
from homeftp.client.plan.listing import existing_entry
from homeftp.client.plan.paths import parse_remote_path


@attrs.frozen
class FolderUsage:
    """The content of a folder, with everything below it, in numbers."""

    name: str
    """Relative to what was asked for; "" is that itself, which may be a file."""
    size: int
    """Bytes of content. What the files take on the disk may be more, and previous versions do not count."""
    files: int
    folders: int
    """The folders below it."""


@attrs.define
class _Sum:
    name: str
    size: int = 0
    files: int = 0
    folders: int = 0

    def add(self, inner: _Sum) -> None:
        self.size += inner.size
        self.files += inner.files
        self.folders += inner.folders + 1

    def usage(self) -> FolderUsage:
        return FolderUsage(self.name, self.size, self.files, self.folders)


async def folder_usage(
    client: Client, path: str, *, on_skipped: Callable[[str, str], object] = lambda name, reason: None
) -> AsyncIterator[FolderUsage]:
    """The usage of each folder at and below a path of the server: a folder follows those in it, `path` itself is last.

    `on_skipped` is called with each name that the server does not share, and the reason. Raises `NotFound` (40),
    `Forbidden` (33) and `OperatorError`.
    """
    endpoint = parse_remote_path(path).endpoint
    top = await existing_entry(client, endpoint)
    if top.kind == "file":
        yield FolderUsage("", top.size, 1, 0)
        return
    unfinished = [_Sum("")]
    async for page in client.list(str(endpoint), recursive=True):
        for entry in page.entries:
            # A folder is followed by what it holds, so that the next entry elsewhere completes it.
            while not _is_in(entry.name, unfinished[-1].name):
                finished = unfinished.pop()
                unfinished[-1].add(finished)
                yield finished.usage()
            if entry.kind == "directory":
                unfinished.append(_Sum(entry.name))
            else:
                unfinished[-1].size += entry.size
                unfinished[-1].files += 1
        for name, reason in page.skipped:
            on_skipped(name, reason)
    while unfinished:
        finished = unfinished.pop()
        if unfinished:
            unfinished[-1].add(finished)
        yield finished.usage()


def _is_in(name: str, folder: str) -> bool:
    return not folder or name.startswith(f"{folder}/")
