"""Single files from standard input and to standard output."""

from __future__ import annotations

import contextlib
import os
import tempfile
from functools import partial
from threading import Lock
from typing import Awaitable, BinaryIO, Callable

from twisted.internet.defer import CancelledError

from homeftp.client.api import Client
from homeftp.client.download import Download
from homeftp.client.errors import Corrupted
from homeftp.client.files.source import SourceFile
from homeftp.client.plan.paths import parse_remote_path
from homeftp.client.plan.reread import reread_remote, rereads_named
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.model import FileResult, FileTask, Outcome, TransferContext, TransferOptions
from homeftp.client.transfer.observer import TransferObserver
from homeftp.client.transfer.payload import UploadPayload, hash_source, resume_from
from homeftp.client.transfer.retry import with_reconnects
from homeftp.client.verifycopy import verify_copy, verify_version
from homeftp.client.writer import find_writer
from homeftp.config import STREAM_PIECE
from homeftp.errors import Changed, Damaged, OperatorError
from homeftp.hashing import filehash
from homeftp.model import ABSENT, Entry
from homeftp.wire.messages import MetaData


async def push_stream(
    client: Client,
    context: TransferContext,
    read: Callable[[int], Awaitable[bytes]],
    target: str,
    options: TransferOptions,
    observer: TransferObserver,
) -> None:
    """Send what `read` gives to the endpoint `target`; reconnects as `push` does.

    `read` is called with the most bytes that it may give, and gives b"" at the end. The input is kept in a temporary
    file first, because its size and hash come before it on the wire. What exists at the target is replaced if this
    machine has seen it there: it is older than the input. Raises `OperatorError`, `ConnectionFailed` and the refusals
    of `Client.push`.
    """
    client.require_rights("pushing", "add", "replace")
    parsed = parse_remote_path(target)
    if parsed.inside:
        raise OperatorError("standard input has no name: name the file, as in nas:notes.txt")
    endpoint = str(parsed.endpoint)
    run = context.workers.run
    path = await _keep(context, read)
    try:
        await with_reconnects(client, context, observer, partial(_push, context, endpoint, path, options, observer))
    finally:
        await run(os.unlink, path)


async def _push(
    context: TransferContext,
    endpoint: str,
    path: str,
    options: TransferOptions,
    observer: TransferObserver,
    client: Client,
) -> None:
    run = context.workers.run
    source = await run(SourceFile, path, context.hash_cache)
    try:
        content_hash = await hash_source(source, context.workers)
        size = source.file.size
        meta_data: MetaData = [("mtime_us", source.file.mtime_us)]
        observer.on_plan(1, size)
        sized: MetaData = [*meta_data, ("size", size)]
        if rereads_named(client, options):
            await reread_remote(client, endpoint, observer)
        try:
            compared = await client.cmp(endpoint, hash=content_hash, meta_data=sized)
        except Damaged:
            compared = await client.cmp(endpoint, meta_data=sized)
            if compared.remote is not None and compared.remote.damaged == "" and not options.force:
                raise  # what would be replaced is not known
        remote = compared.remote
        seen = LastSeen(context.seen, context.workers, client)
        outcome = _outcome(remote, content_hash, options)
        if outcome is Outcome.REPLACED and not options.force:
            last = (await run(seen.look_up, [endpoint])).get(endpoint)
            outcome = await _replaced_or_conflict(client, last, FileTask(endpoint, source.file, remote), options)
        if outcome in (Outcome.NEW, Outcome.REPLACED, Outcome.MENDED):
            await resume_from(source, compared.arrived, context.workers)
            if_hash = None if options.force else ABSENT if remote is None else remote.hash or remote.damaged
            payload = UploadPayload(source, context.workers, observer)
            await client.push(
                endpoint, payload, hash_trailer=True, meta_data=meta_data, if_hash=if_hash, offset=source.offset
            )
        if outcome.done:
            seen.record(endpoint, content_hash)
            await seen.close(observer.on_notice)
        observer.add_result(FileResult(outcome, endpoint, size))
    finally:
        await run(source.close)


def _outcome(remote: Entry | None, content_hash: str, options: TransferOptions) -> Outcome:
    """The outcome for the target."""
    if remote is None:
        return Outcome.NEW
    if remote.hash == content_hash:
        return Outcome.SAME
    if options.ignore_existing:
        return Outcome.EXISTS
    return Outcome.MENDED if remote.damaged == content_hash else Outcome.REPLACED


async def _replaced_or_conflict(client: Client, last: str | None, task: FileTask, options: TransferOptions) -> Outcome:
    """Whether the target is replaced: where it has the content that this machine saw `last`, or the user says so."""
    remote = task.remote
    assert remote is not None
    if remote.kind != "file" or (last is not None and last in (remote.hash, remote.damaged)):
        return Outcome.REPLACED  # the server refuses it for a directory
    if options.ask is None:
        return Outcome.CONFLICT
    writer = await find_writer(client, task.name, remote.hash)
    asked = task.with_copies(FileResult(Outcome.CONFLICT, task.name, task.size), writer)
    return Outcome.REPLACED if await options.ask(task.name, asked) else Outcome.CONFLICT


async def _keep(context: TransferContext, read: Callable[[int], Awaitable[bytes]]) -> str:
    """Copy the input to a temporary file; gives its path. Raises `OperatorError`, also where it cannot be written."""
    run = context.workers.run
    spool = _Spool()
    try:
        try:
            path = await run(spool.open)
            while data := await read(STREAM_PIECE):
                await run(spool.write, data)
            await run(spool.close)
        except BaseException:
            await run(spool.discard)
            raise
    except OSError as error:
        raise OperatorError(
            f"cannot keep standard input in a temporary file: {error.strerror}. Set TMPDIR to another folder"
        ) from None
    return path


class _Spool:
    """A temporary file. `discard` waits for a job whose wait was cancelled; later ones do nothing."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_discarded = False
        self._path = ""
        self._file: BinaryIO | None = None

    def open(self) -> str:
        """Make it; gives its path."""
        with self._lock:
            if self._is_discarded:
                raise CancelledError
            descriptor, self._path = tempfile.mkstemp(prefix="homeftp-")
            self._file = os.fdopen(descriptor, "wb")
            return self._path

    def write(self, data: bytes) -> None:
        """Append some bytes."""
        with self._lock:
            if self._file is not None:
                self._file.write(data)

    def close(self) -> None:
        """All has been written."""
        with self._lock:
            if self._file is not None:
                self._file.close()

    def discard(self) -> None:
        """Remove it, if it was made."""
        with self._lock:
            self._is_discarded = True
            file, self._file = self._file, None
            if file is not None:
                os.unlink(self._path)
                with contextlib.suppress(OSError):  # no space for what was not written yet
                    file.close()


async def get_stream(
    client: Client,
    context: TransferContext,
    source: str,
    output: BinaryIO,
    observer: TransferObserver,
    *,
    offset: int = 0,
    limit: int | None = None,
    as_of: int | None = None,
) -> None:
    """Write a file of the server to `output` as it arrives; reconnects as `get` does.

    With `as_of` (microseconds since 1970 UTC) it is what was there at that time. With `offset` that many bytes at its
    beginning are left out, and with `limit` no more bytes than that are written. Raises `Corrupted` at the end where
    the bytes of the whole file do not have the server's hash, and `Changed` (44) where the file changed before the
    download could be resumed: what was written must not be used then.
    """
    client.require_rights("getting files", "read")
    getting = _StreamGet(str(parse_remote_path(source).endpoint), context, output, observer, offset, limit, as_of)
    await with_reconnects(client, context, observer, getting.run)
    observer.add_result(FileResult(Outcome.NEW, source, getting.written))


class _StreamGet:
    """A download to an output from which nothing can be taken back."""

    def __init__(
        self,
        endpoint: str,
        context: TransferContext,
        output: BinaryIO,
        observer: TransferObserver,
        offset: int,
        limit: int | None,
        as_of: int | None,
    ) -> None:
        self.written = 0
        """Bytes that were written, over all connections."""
        self._offset = offset
        self._limit = limit
        self._as_of = as_of
        self._endpoint = endpoint
        self._context = context
        self._output = output
        self._observer = observer
        self._hasher = filehash.Hasher()
        self._entry: Entry | None = None

    async def run(self, client: Client) -> None:
        """Write what is missing, and compare the hash of the whole with the server's."""
        run = self._context.workers.run
        download = await self._start(client)
        self._observer.on_plan(1, self.written + download.size)
        self._observer.add_bytes(self.written, moved=False)
        while data := await download.read():
            await run(self._write, data)
            self._observer.add_bytes(len(data), moved=True)
        await run(self._output.flush)
        verdict = await download.verdict()
        if self._offset or self.written != download.entry.size:
            return  # a part of it: there is no hash to compare with, and the rest was not seen
        if verdict.hash != self._hasher.hash():
            if verdict.hash is None and self._as_of is not None:
                raise _unverified()
            if download.entry is not self._entry:
                raise _changed()
            if self._as_of is None:
                raise Corrupted(await verify_copy(client, self._endpoint))
            raise Corrupted(await verify_version(client, self._endpoint, verdict.hash))
        if self._as_of is not None:
            return  # it says nothing about what is there now
        seen = LastSeen(self._context.seen, self._context.workers, client)
        seen.record(self._endpoint, self._hasher.hash())
        await seen.close(self._observer.on_notice)

    async def _start(self, client: Client) -> Download:
        """Start to fetch what is missing. Raises `Changed` (44) where it is not the rest of what was written."""
        left = None if self._limit is None else self._limit - self.written
        if_hash = await self._present_hash(client) if self.written and self._as_of is None else None
        download = await client.get(
            self._endpoint, offset=self._offset + self.written, length=left, if_hash=if_hash, as_of=self._as_of
        )
        if not self.written:
            self._entry = download.entry
        elif self._as_of is not None and not self._is_same(download.entry):  # the content of then is not kept any more
            download.discard()
            raise _changed()
        return download

    async def _present_hash(self, client: Client) -> str | None:
        """The hash that the file has now, if it is the one that was begun."""
        entry = (await client.cmp(self._endpoint, hash=self._hasher.hash())).remote
        if entry is None or not self._is_same(entry):
            raise _changed()
        return entry.hash

    def _is_same(self, entry: Entry) -> bool:
        """Whether an entry has the size and time of the file that was begun."""
        begun = self._entry
        return begun is not None and (entry.size, entry.mtime_us) == (begun.size, begun.mtime_us)

    def _write(self, data: bytes) -> None:
        self._output.write(data)
        self._hasher.update(data)
        self.written += len(data)


def _unverified() -> Changed:
    return Changed("the connection broke, and the server cannot verify the whole file: get it again")


def _changed() -> Changed:
    return Changed("the server's file changed while it was fetched: do not use what was written, and get it again")
