"""Single files from standard input and to standard output."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import partial
from typing import BinaryIO

from homeftp.client.api import Client, Download
from homeftp.client.connection.errors import Corrupted
from homeftp.client.files.read import SourceFile
from homeftp.client.transfer.model import (
    FileResult,
    Outcome,
    TransferContext,
    TransferObserver,
    TransferOptions,
    mtime_us,
)
from homeftp.client.transfer.paths import parse_remote_path
from homeftp.client.transfer.payload import FilePayload, skip_arrived
from homeftp.client.transfer.retry import persist_transfer
from homeftp.errors import Changed, OperatorError
from homeftp.hashing import filehash as tree
from homeftp.model import ABSENT, Entry
from homeftp.wire.messages import MetaData


async def push_stream(
    client: Client, tools: TransferContext, target: str, choices: TransferOptions, watch: TransferObserver
) -> None:
    """Send what standard input holds to the endpoint `target`, over a new connection when one breaks.

    It is kept in a temporary file first, for its size and hash come before
    it. What is at the target is replaced, being older than what comes now.
    """
    client.need("to push", "add", "replace")
    place = parse_remote_path(target)
    if place.inside:
        raise OperatorError("standard input has no name of its own: name the file, as in nas:notes.txt")
    endpoint = str(place.endpoint)
    run = tools.workers.run
    path = await run(_spool)
    try:
        await persist_transfer(client, tools, watch, partial(_push, tools, endpoint, path, choices, watch))
    finally:
        await run(os.unlink, path)


async def _push(
    tools: TransferContext, endpoint: str, path: str, choices: TransferOptions, watch: TransferObserver, client: Client
) -> None:
    run = tools.workers.run
    file = await run(SourceFile, path, tools.index)
    try:
        slices = file.digest()
        digest = None
        while digest is None:
            digest = await run(next, slices)
        size = file.file.size
        meta_data: MetaData = [("mtime_us", file.file.mtime_us)]
        watch.on_plan(1, size)
        compared = await client.cmp(endpoint, hash=digest, meta_data=[*meta_data, ("size", size)])
        remote = compared.remote
        if remote is not None and remote.hash == digest:
            watch.item(FileResult(Outcome.SAME, endpoint, size))
            return
        if remote is not None and choices.new_only:
            watch.item(FileResult(Outcome.EXISTS, endpoint, size))
            return
        await skip_arrived(file, compared.arrived, tools.workers)
        if_hash = None if choices.force else ABSENT if remote is None else remote.hash
        payload = FilePayload(file, tools.workers, watch)
        await client.push(
            endpoint, payload, hash_trailer=True, meta_data=meta_data, if_hash=if_hash, offset=file.offset
        )
        watch.item(FileResult(Outcome.NEW if remote is None else Outcome.REPLACED, endpoint, size))
    finally:
        await run(file.close)


def _spool() -> str:
    """In a worker: all of standard input, in a temporary file. Raises `OperatorError` when it cannot be kept."""
    path = ""
    try:
        with tempfile.NamedTemporaryFile(prefix="homeftp-", delete=False) as spool:
            path = spool.name
            shutil.copyfileobj(sys.stdin.buffer, spool)
        return path
    except BaseException as error:
        if path:
            os.unlink(path)
        if not isinstance(error, OSError):
            raise
        fault = f"cannot keep standard input in a temporary file: {error.strerror}: name another folder with TMPDIR"
        raise OperatorError(fault) from None


async def get_stream(
    client: Client, tools: TransferContext, source: str, output: BinaryIO, watch: TransferObserver
) -> None:
    """Write a file of the server to `output`, as it comes, over a new connection when one breaks.

    Raises `Corrupted` at the end when it was not what the server says it
    sent, and `Changed` (44) when it is another file by the time that it can be
    gone on with: what was written is worth nothing then.
    """
    client.need("to get", "read")
    fetching = _Fetching(str(parse_remote_path(source).endpoint), tools, output, watch)
    await persist_transfer(client, tools, watch, fetching.run)
    watch.item(FileResult(Outcome.NEW, source, fetching.written))


class _Fetching:
    """A file that is written to a place from which nothing can be taken back."""

    def __init__(self, endpoint: str, tools: TransferContext, output: BinaryIO, watch: TransferObserver) -> None:
        self.written = 0
        self._endpoint = endpoint
        self._tools = tools
        self._output = output
        self._watch = watch
        self._hasher = tree.Hasher()
        self._entry: Entry | None = None

    async def run(self, client: Client) -> None:
        """Write what has not been written yet, and compare the whole with what the server says it was."""
        run = self._tools.workers.run
        download = await self._begin(client)
        self._watch.on_plan(1, download.entry.size)
        self._watch.bytes(self.written, moved=False)
        while data := await download.read():
            await run(self._write, data)
            self._watch.bytes(len(data), moved=True)
        await run(self._output.flush)
        if (await download.verdict()).hash != self._hasher.hash():
            raise Corrupted if download.entry is self._entry else _changed()

    async def _begin(self, client: Client) -> Download:
        if not self.written:
            download = await client.get(self._endpoint)
            self._entry = download.entry
            return download
        there = (await client.cmp(self._endpoint, hash=self._hasher.hash())).remote
        before = self._entry
        if there is None or before is None or (there.size, mtime_us(there)) != (before.size, mtime_us(before)):
            raise _changed()
        return await client.get(self._endpoint, offset=self.written, if_hash=there.hash)

    def _write(self, data: bytes) -> None:
        self._output.write(data)
        self._hasher.update(data)
        self.written += len(data)


def _changed() -> Changed:
    return Changed("it was changed there while it was being fetched: what was written is of no use")
