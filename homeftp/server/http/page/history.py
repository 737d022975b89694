"""Versions of a file, files that were deleted from a folder, and putting both back."""

from __future__ import annotations

from typing import Any, AsyncGenerator

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import NotFound
from homeftp.interfaces import IFiles
from homeftp.model import MAX_MTIME_US, Version

MOST_DELETED = 1000
"""Deleted files that one answer names, at most."""


class WantedVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version to put back: by its time, or the content before the last change."""

    at_us: int | None = msgspec.field(default=None)

    def __post_init__(self) -> None:
        if self.at_us is not None and not 0 <= self.at_us <= MAX_MTIME_US:
            raise ValueError("at_us is not a time")


class KeptVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version as the page gets it."""

    name: str
    at_us: int
    size: int
    mtime_us: int | None
    hash: str | None = None

    @classmethod
    def of(cls, version: Version) -> KeptVersion:
        """A version of a store."""
        return cls(version.name, version.at_us, version.size, version.mtime_us, version.hash)


async def list_versions(files: IFiles, endpoint: Endpoint) -> AsyncGenerator[dict[str, Any], None]:
    """The versions of one file, page by page; what is beneath a folder does not count."""
    pages = files.versions(endpoint)
    try:
        async for page in pages:
            own = [KeptVersion.of(version) for version in page if not version.name]
            yield {"versions": own}
            if len(own) < len(page):
                return  # what follows is beneath
    finally:
        await pages.aclose()


async def list_deleted(files: IFiles, endpoint: Endpoint) -> AsyncGenerator[dict[str, Any], None]:
    """The newest version of each file at a folder and beneath it that is not there any more, page by page.

    `more` says that there are more than `MOST_DELETED`.
    """
    found = 0
    name: str | None = None
    pages = files.versions(endpoint)
    try:
        async for page in pages:
            newest: list[Version] = []
            for version in page:  # those of one name follow each other, the newest first
                if version.name != name:
                    newest.append(version)
                name = version.name
            gone = [each for each in newest if await _is_gone(files, endpoint, each)]
            yield {"files": [KeptVersion.of(each) for each in gone[: MOST_DELETED - found]]}
            found += len(gone)
            if found > MOST_DELETED:
                yield {"files": [], "more": True}
                return
    finally:
        await pages.aclose()


async def _is_gone(files: IFiles, endpoint: Endpoint, version: Version) -> bool:
    return bool(version.name) and await files.stat(endpoint.at(version.name)) is None


async def restore(files: IFiles, endpoint: Endpoint, body: WantedVersion) -> dict[str, Any]:
    """Put back one version of a file, or what was at an endpoint and beneath it before its last change."""
    if body.at_us is not None or await _is_file(files, endpoint):
        await files.restore(endpoint, body.at_us)
        return {"restored": 1, "refused": 0}
    restored = refused = 0
    steps = files.restore_tree(endpoint, None)
    try:
        async for step in steps:
            refused += len(step.refused)
            restored += len(step.reverted) - len(step.refused)
    finally:
        await steps.aclose()
    return {"restored": restored, "refused": refused}


async def _is_file(files: IFiles, endpoint: Endpoint) -> bool:
    """Whether versions of the endpoint itself exist, and no folder is there now."""
    entry = await files.stat(endpoint)
    if entry is not None:
        return entry.kind == "file"
    pages = files.versions(endpoint)
    try:
        async for page in pages:
            for version in page:
                return not version.name
    finally:
        await pages.aclose()
    raise NotFound("nothing was deleted there that can be put back")
