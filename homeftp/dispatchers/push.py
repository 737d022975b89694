"""PUSH: store a file or make a directory. The payload is the content; a hash may precede or follow it."""

from __future__ import annotations

from typing import Any, Awaitable

from zope.interface import implementer

from homeftp.config import MIB, SMALL_FILE
from homeftp.dispatchers.batches.push import push_batch
from homeftp.dispatchers.metadata import parse_meta_data
from homeftp.errors import BadRequest
from homeftp.interfaces import IDispatcher, IPathLocking, IPayload, IRequest, IResolution, IWholePayload
from homeftp.model import Entry, PathLock, WriteRequest
from homeftp.status import Status
from homeftp.wire.messages import HASH_BYTES, PushBody, entry_body

_PROGRESS_BYTES = 1024 * MIB
"""Bytes of an earlier upload that are verified between two messages to the client, which would give up in silence."""


@implementer(IDispatcher, IPathLocking)
class PushDispatcher:
    """Stores a file or makes a directory, atomically and durably, before it answers."""

    request_type = "PUSH"
    body_type = PushBody

    def path_lock(self, body: PushBody) -> PathLock:
        """The request changes its endpoint."""
        return PathLock(body.rel_endpoint, changes=True)

    def dispatch(self, request: IRequest, resolution: IResolution) -> Awaitable[None]:
        """Store what the request brings."""
        body: PushBody = request.body
        if body.kind == "batch":
            return push_batch(request, body, resolution)
        size = request.payload.size - body.hash_trailer * HASH_BYTES
        if body.kind == "file" and not body.offset and size <= SMALL_FILE:
            whole: Any = IWholePayload(request.payload, None)
            if whole is not None:
                # There may be thousands of these at once: a coroutine for each would cost as much as the file.
                content: bytes = whole.content
                hash = _decode_hash(content[size:]) if body.hash_trailer else body.hash
                write = _write_request(body, size, hash)
                return request.files.write(write, content[:size]).addCallback(_resolve, body, resolution)
        return self._dispatch(request, body, size, resolution)

    async def _dispatch(self, request: IRequest, body: PushBody, size: int, resolution: IResolution) -> None:
        write = _write_request(body, size, body.hash)
        if body.kind == "directory":
            entry = await request.files.make_directory(write)
            resolution.resolve(Status.OK, f"made {body.rel_endpoint}", entry_body(entry))
            return
        progress = _Progress(resolution)
        if body.hash_trailer:
            content = ContentPayload(request.payload, size)
            entry = await request.files.upload(write, content, progress.report, content.trailing_hash)
        else:
            entry = await request.files.upload(write, request.payload, progress.report)
        _resolve(entry, body, resolution)


def _resolve(entry: Entry, body: PushBody, resolution: IResolution) -> None:
    resolution.resolve(Status.OK, f"stored {body.rel_endpoint}", entry_body(entry))


def _write_request(body: PushBody, size: int, hash: str | None) -> WriteRequest:
    """The request to the store, for `size` bytes of content in the payload: validates what the body's types cannot."""
    endpoint = body.rel_endpoint
    if not endpoint.parts and body.kind == "file":
        raise BadRequest("PUSH needs a rel_endpoint: the share's root is a directory")
    if body.kind == "directory" and (size or body.hash or body.hash_trailer or body.offset):
        raise BadRequest("a directory has no content and no hash of its own: leave them out")
    if body.offset and not (body.hash or body.hash_trailer):
        raise BadRequest("with offset the hash of the whole content must be said, before it or behind it")
    if body.hash_trailer and (body.hash or size < 0):
        raise BadRequest(f"with hash_trailer the hash is the last {HASH_BYTES} bytes of the payload, and only there")
    size += body.offset
    meta = parse_meta_data(body.meta_data, size)
    return WriteRequest(
        endpoint=endpoint,
        size=size,
        hash=hash,
        mtime_us=meta.get("mtime_us"),
        mode=meta.get("mode"),
        precondition=body.if_hash,
        offset=body.offset,
    )


class _Progress:
    """Tells the client from time to time how much of what arrived earlier has been verified."""

    def __init__(self, resolution: IResolution) -> None:
        self._resolution = resolution
        self._reported = 0

    async def report(self, verified: int) -> None:
        """Tell the client how many bytes have been verified."""
        if verified - self._reported >= _PROGRESS_BYTES:
            self._reported = verified
            await self._resolution.send({"checked": verified})


@implementer(IPayload)
class ContentPayload:
    """The first `size` bytes of a payload; what follows them is the hash of the content."""

    def __init__(self, payload: IPayload, size: int) -> None:
        self.size = size
        self._payload = payload
        self._missing = size
        self._trailer = b""

    def trailing_hash(self) -> str:
        """The hash that followed the content; complete once all was read."""
        return _decode_hash(self._trailer)

    async def read(self) -> bytes:
        """The next piece of the content; b"" after the last."""
        while piece := await self._payload.read():
            content = piece[: self._missing]
            self._trailer += piece[len(content) :]
            self._missing -= len(content)
            if content:
                return content
        return b""

    async def read_all(self, limit: int) -> bytes:
        """The whole content; raises `TooLarge` (22) over `limit`."""
        data = await self._payload.read_all(limit + HASH_BYTES)
        content, self._trailer = data[: self.size], data[self.size :]
        return content


def _decode_hash(trailer: bytes) -> str:
    """The bytes that follow the content, to be compared with its hash: whatever else they are, they differ from it."""
    return trailer.decode("ascii", "replace")
