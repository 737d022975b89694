"""A large file on its way into a store: the pool writes one piece while the next arrives."""

from __future__ import annotations

from typing import Awaitable, Callable

from twisted.internet.error import ConnectionLost

from homeftp.config import STREAM_PIECE
from homeftp.errors import Busy, TimedOut
from homeftp.files.revocation import RevocableJobs
from homeftp.files.turns import Turns
from homeftp.interfaces import IPayload, IUpload
from homeftp.model import Entry, WriteRequest

Progress = Callable[[int], Awaitable[None]]
"""Called with the number of bytes verified while the part that arrived earlier is read again; awaited."""

TrailingHash = Callable[[], "str | None"]
"""Returns the hash that followed the content, once all content has been read."""


async def upload(
    jobs: RevocableJobs,
    incoming: IUpload,
    request: WriteRequest,
    payload: IPayload,
    progress: Progress | None,
    trailing_hash: TrailingHash | None,
) -> Entry:
    """Write `payload` to an upload that was begun, and commit it.

    The next piece is read only when the one before it is written. Where the client disconnects or stalls, or the store
    is busy, what has arrived is kept to be resumed, provided that access is still granted. After any other failure, and
    where the caller cancels, nothing is kept.
    """
    turns = Turns(jobs)
    try:
        if request.offset:
            await _verify_resumed(turns, incoming, progress)
        while piece := await payload.read():
            for start in range(0, len(piece), STREAM_PIECE):
                await turns.run_slice(incoming.write, piece[start : start + STREAM_PIECE])
        return await turns.run_slice(incoming.commit, None if trailing_hash is None else trailing_hash())
    except (ConnectionLost, TimedOut, Busy):
        await turns.run_unbounded(_suspend, jobs, incoming)
        raise
    finally:
        await turns.run_unbounded(incoming.abort)


async def _verify_resumed(turns: Turns, incoming: IUpload, progress: Progress | None) -> None:
    steps = incoming.verify_resumed()
    while (checked := await turns.run_hash(next, steps, None)) is not None:
        if progress is not None:
            await progress(checked)


def _suspend(jobs: RevocableJobs, incoming: IUpload) -> None:
    """In a worker. A device may hang up as soon as it is revoked."""
    jobs.require_access()
    incoming.suspend()
