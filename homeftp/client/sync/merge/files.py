"""Merging a file that both sides have changed since they agreed on it.

What they agreed on is a version that the server keeps. Both sides are replaced only where they still have the contents
that were merged, and keep them as versions.
"""

from __future__ import annotations

import time
from typing import AsyncIterator

import attrs

from homeftp.client.api import Client
from homeftp.client.batches import answer_or_refusal
from homeftp.client.files.model import FileStat
from homeftp.client.files.read import Content, ReadRequest, read_many
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget, SmallDownload
from homeftp.client.sync.merge.texts import MOST_BYTES, merge_texts
from homeftp.client.transfer.model import TransferContext
from homeftp.errors import Changed, Refusal, ShuttingDown
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Entry, Version
from homeftp.wire.messages import MetaData

_MOST_VERSIONS = 16
"""Versions of unknown hash that are fetched to find the one that was agreed on, at most."""


@attrs.frozen
class EditedFile:
    """A file that both sides have changed."""

    endpoint: str
    file: FileStat
    """The one here."""
    base: str
    """The hash of the content that was agreed on."""
    base_size: int
    here: str
    """The hash of the content here."""
    there: str
    """The hash of the server's content."""
    mode: int | None = None
    """The mode that the merged file gets."""


class FileMerger:
    """Merges files over one connection. Raises `ConnectionFailed` and `ShuttingDown` (54)."""

    def __init__(self, client: Client, context: TransferContext) -> None:
        self._client = client
        self._context = context
        self._run = context.workers.run_unbounded

    async def merge(self, edited: EditedFile) -> bytes | None:
        """The content with both edits; None where these cannot be merged, or something is not to be had any more."""
        if edited.file.size > MOST_BYTES or edited.base_size > MOST_BYTES:
            return None
        (here,) = await self._run(read_many, [ReadRequest(edited.file, True)], self._context.hash_cache)
        if not isinstance(here, Content) or here.data is None or hash_bytes(here.data) != edited.here:
            return None
        there = await self._fetch(edited.endpoint, edited.there)
        base = None if there is None else await self._base(edited)
        if there is None or base is None:
            return None
        return await self._run(merge_texts, base, here.data, there)

    async def _base(self, edited: EditedFile) -> bytes | None:
        """The agreed content, from the versions that the server keeps of the file."""
        unknown = 0
        async for version in self._versions(edited.endpoint):
            if version.size != edited.base_size or version.hash not in (edited.base, None):
                continue
            unknown += version.hash is None
            if unknown > _MOST_VERSIONS:
                break
            found = await self._fetch(edited.endpoint, edited.base, as_of=version.at_us)
            if found is not None:
                return found
        return None

    async def _versions(self, endpoint: str) -> AsyncIterator[Version]:
        """The versions of a file, as far as the server tells."""
        try:
            async for page in self._client.versions(endpoint):
                for version in page:
                    if not version.name:
                        yield version
        except ShuttingDown:
            raise
        except Refusal:
            return

    async def _fetch(self, endpoint: str, hash: str, as_of: int | None = None) -> bytes | None:
        """The content with a hash that the server has at an endpoint, or had; None where it gives no such content."""
        download = await answer_or_refusal(self._client.get(endpoint, as_of=as_of))
        if isinstance(download, Refusal):
            return None
        if download.size > MOST_BYTES:
            download.discard()
            return None
        data = await answer_or_refusal(download.read_all(MOST_BYTES))
        return None if isinstance(data, Refusal) or hash_bytes(data) != hash else data

    async def replace(self, edited: EditedFile, data: bytes, target: DownloadTarget) -> Entry | Exception:
        """Give both sides the merged content, the server first; gives its entry there, or why a side has another."""
        hash = hash_bytes(data)
        metadata: MetaData = [("mtime_us", time.time_ns() // 1000)]
        if edited.mode is not None:
            metadata.append(("mode", edited.mode))
        entry = await answer_or_refusal(
            self._client.push(edited.endpoint, data, hash=hash, meta_data=metadata, if_hash=edited.there)
        )
        if isinstance(entry, Changed):
            return Changed("it has changed on the server meanwhile: it is left for the next sync")
        if isinstance(entry, Refusal):
            return entry
        file = TargetFile(edited.file.name, entry.mtime_us, entry.mode, edited.file.stat)
        (written,) = await self._run(target.write_many, [SmallDownload(file, data, hash)])
        if isinstance(written, Exception):
            return written
        await self._run(target.sync)
        return entry
