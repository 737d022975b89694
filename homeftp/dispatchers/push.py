"""PUSH: what is to stand at an endpoint. The content is the payload; its hash comes before it, behind it, or not."""

from __future__ import annotations

from typing import Any, Awaitable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from zope.interface import implementer

from homeftp.config import MIB, SMALL_FILE
from homeftp.dispatchers.metadata import checked
from homeftp.dispatchers.together import together_per_share
from homeftp.endpoint import parse
from homeftp.errors import BadRequest, Busy, ContentMismatch, Forbidden, TimedOut
from homeftp.interfaces import (
    IDispatcher,
    IPathLocking,
    IRequest,
    IResolution,
    IStore,
    IUpload,
    IWholePayload,
    IWorkers,
)
from homeftp.model import Actor, Entry, PathLock, WriteRequest
from homeftp.status import Status
from homeftp.wire.messages import HASH_BYTES, Push, entry_body

GROUP = 256
"""Small files that become durable with one sync, at most."""

_TELL = 1024 * MIB
"""Bytes of what had arrived that are read again, between two words about it to the client."""


def _put_many(share: IStore, items: Sequence[tuple[WriteRequest, bytes, IRequest]]) -> Sequence[Entry | Exception]:
    """In a worker. Whoever was cut off since they asked gets nothing stored any more."""
    welcome = [not request.revoked for _, _, request in items]
    puts = [(put, content) for (put, content, _), stays in zip(items, welcome, strict=True) if stays]
    stored = iter(share.write_many(puts) if puts else ())
    return [next(stored) if stays else _unwelcome() for stays in welcome]


@implementer(IDispatcher, IPathLocking)
class PushDispatcher:
    """Stores a file or makes a directory, atomically and durably, before it answers.

    Small files in flight together, from one connection or many, are written
    and made durable together.
    """

    request_type = "PUSH"
    body_type = Push

    def __init__(self, workers: IWorkers) -> None:
        self._put = together_per_share(workers, _put_many, limit=GROUP)

    def claims(self, body: Push) -> PathLock:
        """It changes its endpoint; raises `BadEndpoint` (41)."""
        return PathLock(parse(body.rel_endpoint), changes=True)

    def dispatch(self, request: IRequest, resolution: IResolution) -> Awaitable[None]:
        """Store what the request brings."""
        body: Push = request.body
        put = _checked(body, request.payload.size - body.hash_trailer * HASH_BYTES, request.actor)
        whole: Any = IWholePayload(request.payload, None)
        if body.kind == "file" and put.known_size <= SMALL_FILE and whole is not None and not put.offset:
            # There may be thousands of these at once: a coroutine for each would cost as much as the file.
            return self._store(request, body, put, whole.content).addCallback(_answer, put, resolution)
        return self._dispatch(request, body, put, resolution)

    def _store(self, request: IRequest, body: Push, put: WriteRequest, content: bytes) -> Deferred[Entry]:
        """A small file, together with others."""
        if body.hash_trailer:
            put = attrs.evolve(put, hash=_hash_in(content[put.known_size :]))
        return self._put.run((request.account.share, (put, content[: put.known_size], request)))

    async def _dispatch(self, request: IRequest, body: Push, put: WriteRequest, resolution: IResolution) -> None:
        if body.kind == "directory":
            entry = await request.workers.run(request.account.share.make_directory, put)
            resolution.resolve(Status.OK, f"made {put.endpoint}", entry_body(entry))
        elif put.known_size <= SMALL_FILE and not put.offset:
            content = await request.payload.read_all(SMALL_FILE + HASH_BYTES)
            _answer(await self._store(request, body, put, content), put, resolution)
        else:
            _answer(await _stream(request, put, resolution), put, resolution)


def _answer(entry: Entry, put: WriteRequest, resolution: IResolution) -> None:
    resolution.resolve(Status.OK, f"stored {put.endpoint}", entry_body(entry))


def _checked(body: Push, size: int, actor: Actor) -> WriteRequest:
    """The request as a `WriteRequest`; what the body's types cannot say is said here."""
    endpoint = parse(body.rel_endpoint)
    if not endpoint.parts and body.kind == "file":
        raise BadRequest("PUSH needs a rel_endpoint: the share's root is a directory")
    if body.kind == "directory" and (size or body.hash or body.hash_trailer or body.offset):
        raise BadRequest("a directory has no content and no hash of its own: leave them out")
    if body.offset and not (body.hash or body.hash_trailer):
        raise BadRequest("with offset the hash of the whole content must be said, before it or behind it")
    if body.hash_trailer and (body.hash or size < 0):
        raise BadRequest(f"with hash_trailer the hash is the last {HASH_BYTES} bytes of the payload, and only there")
    meta = checked(body.meta_data)
    size += body.offset
    if meta.get("size", size) != size:
        raise ContentMismatch(f"meta_data says {meta['size']} bytes, the content has {size}")
    return WriteRequest(
        endpoint=endpoint,
        size=size,
        hash=body.hash,
        mtime_us=meta.get("mtime_us"),
        mode=meta.get("mode"),
        precondition=body.if_hash,
        offset=body.offset,
        actor=actor,
    )


async def _stream(request: IRequest, put: WriteRequest, resolution: IResolution) -> Entry:
    """A large file: the disk works on one piece while the next arrives. One that is cut off may be gone on with."""
    run = request.workers.run
    incoming: IUpload = await run(request.account.share.upload, put)
    missing = put.known_size - put.offset
    trailer = b""
    try:
        await _check(incoming, put, request, resolution)
        while piece := await request.payload.read():
            if len(piece) > missing:
                piece, trailer = piece[:missing], trailer + piece[missing:]
            missing -= len(piece)
            if piece:
                await run(incoming.write, piece)
        _check_still(request)
        return await run(incoming.commit, _hash_in(trailer) if trailer else None)
    except (ConnectionLost, TimedOut, Busy):
        _check_still(request)
        if not await request.workers.finish(request.welcome):
            raise _unwelcome() from None
        await request.workers.finish(incoming.suspend)
        raise
    finally:
        await request.workers.finish(incoming.abort)


def _check_still(request: IRequest) -> None:
    """Nothing is kept of what somebody sends who was cut off because they may not come in any more."""
    if request.revoked:
        raise _unwelcome()


def _unwelcome() -> Forbidden:
    return Forbidden("who sent this may not come in any more")


async def _check(incoming: IUpload, put: WriteRequest, request: IRequest, resolution: IResolution) -> None:
    """Let what has arrived earlier be read again; meanwhile the client hears how far that is, lest it gives up."""
    checking = incoming.verify_resumed()
    told = 0
    while put.offset and (checked := await request.workers.run(next, checking, None)) is not None:
        if checked - told >= _TELL:
            told = checked
            await resolution.send({"checked": checked})


def _hash_in(trailer: bytes) -> str:
    """What stands behind the content, to be compared with its hash: whatever else it is, it is not that."""
    return trailer.decode("ascii", "replace")
