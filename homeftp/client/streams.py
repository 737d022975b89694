"""Single files from standard input and to standard output."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from typing import BinaryIO

from homeftp import tree
from homeftp.client.api import Client
from homeftp.client.cases import Choices, Item, Outcome, Tools, Watch
from homeftp.client.errors import Corrupted
from homeftp.client.local import OpenFile
from homeftp.client.places import remote_place
from homeftp.client.send import FilePayload
from homeftp.errors import SetupError
from homeftp.wire.messages import ABSENT, MetaData


async def push_stream(client: Client, tools: Tools, target: str, choices: Choices, watch: Watch) -> None:
    """Send what standard input holds to the endpoint `target`.

    It is kept in a temporary file first, for its size and hash come before
    it. What is at the target is replaced, being older than what comes now.
    """
    place = remote_place(target)
    if place.inside:
        raise SetupError("standard input has no name of its own: name the file, as in nas:notes.txt")
    endpoint = str(place.endpoint)
    run = tools.workers.run
    path = await run(_spool)
    try:
        file = await run(OpenFile, path, None)
        try:
            await _push(client, tools, endpoint, file, choices, watch)
        finally:
            await run(file.close)
    finally:
        await run(os.unlink, path)


async def _push(client: Client, tools: Tools, endpoint: str, file: OpenFile, choices: Choices, watch: Watch) -> None:
    run = tools.workers.run
    slices = file.digest()
    digest = None
    while digest is None:
        digest = await run(next, slices)
    size = file.file.size
    watch.on_plan(1, size)
    there = await client.cmp(endpoint, hash=digest)
    remote = there.remote
    if remote is not None and remote.hash == digest:
        watch.item(Item(Outcome.SAME, endpoint, size))
        return
    if remote is not None and choices.new_only:
        watch.item(Item(Outcome.EXISTS, endpoint, size))
        return
    if_hash = None if choices.force else ABSENT if remote is None else remote.hash
    meta_data: MetaData = [("mtime_us", time.time_ns() // 1000)]
    payload = FilePayload(file, tools.workers, watch)
    await client.push(endpoint, payload, hash_trailer=True, meta_data=meta_data, if_hash=if_hash)
    watch.item(Item(Outcome.NEW if remote is None else Outcome.REPLACED, endpoint, size))


def _spool() -> str:
    """In a worker: all of standard input, in a temporary file. Raises `SetupError` when it cannot be kept."""
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
        raise SetupError(fault) from None


async def get_stream(client: Client, tools: Tools, source: str, output: BinaryIO, watch: Watch) -> None:
    """Write a file of the server to `output`, as it comes.

    Raises `Corrupted` at the end when it was not what the server says it
    sent: what was written is worth nothing then.
    """
    download = await client.get(str(remote_place(source).endpoint))
    watch.on_plan(1, download.size)
    hasher = tree.Hasher()

    def write(data: bytes) -> None:
        hasher.update(data)
        output.write(data)

    while data := await download.read():
        await tools.workers.run(write, data)
        watch.bytes(len(data), moved=True)
    await tools.workers.run(output.flush)
    if (await download.verdict()).hash != hasher.hash():
        raise Corrupted
    watch.item(Item(Outcome.NEW, source, download.size))
