"""Fetching one large file, resumed from where an earlier download was interrupted."""

from __future__ import annotations

import os
from functools import partial
from typing import Callable

from twisted.internet.defer import CancelledError, Deferred, succeed

from homeftp.client.api import Client
from homeftp.client.download import Download
from homeftp.client.errors import ConnectionFailed, Corrupted
from homeftp.client.files.largefile import LargeDownload
from homeftp.client.files.names import KEY_PART
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget
from homeftp.client.transfer.observer import TransferObserver
from homeftp.errors import BadRequest, Busy, ShuttingDown
from homeftp.hashing import filehash
from homeftp.interfaces import IWorkers
from homeftp.model import Entry


class _ResumeFailed(Exception):
    """The rest of an earlier download is not the beginning of this file."""


class LargeGet:
    """Fetches `endpoint`, listed as `entry`, into `folder`.

    `target_for` gives the target for the entry that the server sends;
    `keep_if_cancelled` says whether a cancelled download is kept to be
    resumed. With `as_of` it is what was there at that time, fetched from its beginning.
    """

    def __init__(
        self,
        client: Client,
        workers: IWorkers,
        folder: DownloadTarget,
        observer: TransferObserver,
        *,
        endpoint: str,
        entry: Entry,
        name: str,
        target_for: Callable[[Entry], TargetFile],
        keep_if_cancelled: Callable[[], bool],
        as_of: int | None = None,
    ) -> None:
        self._client = client
        self._run = workers.run
        self._folder = folder
        self._observer = observer
        self._endpoint = endpoint
        self._entry = entry
        self._name = name
        self._target_for = target_for
        self._keep_if_cancelled = keep_if_cancelled
        self._as_of = as_of
        self._download: Download | None = None
        self.hash = ""
        """The hash of the file, once it was fetched."""

    async def run(self) -> os.stat_result:
        """Fetch and write the file; from its beginning where an earlier download turns out to be of no use.

        Raises `ConnectionFailed`, `ShuttingDown` (54) and `Busy` (51), after
        which it can be resumed, OSError, and refusals.
        """
        try:
            return await self._fetch(resume=True)
        except _ResumeFailed:
            return await self._fetch(resume=False)

    async def _fetch(self, *, resume: bool) -> os.stat_result:
        file = LargeDownload(self._folder, self._target_for(self._entry), partial_key(self._endpoint, self._entry))
        keep = False
        offset = 0
        try:
            await self._run(file.open)
            offset = await self._resume_offset(file) if resume else 0
            if file.size != offset:
                await self._run(file.restart)
            self._download = download = await self._client.get(self._endpoint, offset=offset, as_of=self._as_of)
            await self._run(file.expect_space, download.entry.size)
            self._observer.on_start(self._name)
            await self._stream(download, file)
            verdict = await download.verdict()
            if verdict.hash is None:
                raise Corrupted
            stat = await self._run(file.commit, verdict.hash, self._target_for(download.entry))
            self.hash = verdict.hash
            return stat
        except (ShuttingDown, Busy, ConnectionFailed):
            keep = True
            raise
        except CancelledError:
            keep = self._keep_if_cancelled()
            self.discard()
            raise
        except (Corrupted, BadRequest):
            if not offset:
                raise
            self._observer.add_bytes(-offset, moved=False)
            raise _ResumeFailed from None
        finally:
            kept = await self._run(partial(file.close, keep=keep))
            if kept:
                self._observer.on_suspended(self._name, kept)

    def discard(self) -> None:
        """Read nothing more of the file; that may end the connection."""
        if self._download is not None:
            self._download.discard()

    async def _resume_offset(self, file: LargeDownload) -> int:
        """The offset from which the rest is fetched; the hash at the end tells whether both parts fit."""
        if not file.size or self._as_of is not None:
            return 0  # CMP, for which the server hashes all of the file, cannot ask about an earlier time
        steps = file.verify_resumed()
        while await self._run(next, steps, ()) is None:
            pass
        # The verdict of a partial GET has the hash of the whole file only if the server knows it: CMP makes it hash.
        entry = (await self._client.cmp(self._endpoint, hash=file.hash)).remote
        if entry is None or not file.size <= entry.size == self._entry.size:
            return 0
        self._observer.add_bytes(file.size, moved=False)
        self._observer.on_resumed(self._name, file.size)
        return file.size

    async def _stream(self, download: Download, file: LargeDownload) -> None:
        """Write each piece while the next one arrives."""
        writing: Deferred[None] = succeed(None)
        try:
            while data := await download.read():
                self._observer.add_bytes(len(data), moved=True)
                before, writing = writing, succeed(None)  # a Deferred can be awaited once
                await before
                writing = self._run(file.write, data)
        finally:
            await writing


def partial_key(endpoint: str, entry: Entry) -> str:
    """The key of a partial download: hashes of the endpoint, and of its size and time on the server."""
    content = filehash.hash_bytes(f"{endpoint}\n{entry.size}\n{entry.mtime_us}".encode())
    return endpoint_key(endpoint) + content.removeprefix(filehash.ALGORITHM)[:KEY_PART]


def endpoint_key(endpoint: str) -> str:
    """The first part of the keys of partial downloads of an endpoint."""
    return filehash.hash_bytes(endpoint.encode()).removeprefix(filehash.ALGORITHM)[:KEY_PART]
