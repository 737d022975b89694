"""A file's hash, from the index or by reading it slice by slice; what CMP and GET share."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost

from homeftp.errors import Changed
from homeftp.interfaces import IOpenFile, IRequest


async def known_hash(file: IOpenFile, request: IRequest) -> str:
    """The hash of an open file.

    Each slice queues for the pool anew, so that a huge file does not shut out
    others. Raises `Changed` (44) when the file changes meanwhile, and
    `ConnectionLost` when nobody waits for it any more.
    """
    return await _hashed(file, request) if file.entry.hash is None else file.entry.hash


async def check_again(file: IOpenFile, digest: str, request: IRequest) -> None:
    """Raise `Changed` (44) unless an open file still is what hashed to `digest` when it was read."""
    if await _hashed(file, request) != digest:
        raise Changed("the file changed on the server while it was read: try again")


async def _hashed(file: IOpenFile, request: IRequest) -> str:
    slices = file.hash_steps()
    while True:
        if request.gone:
            raise ConnectionLost("the client went away")
        digest: str | None = await request.workers.run(next, slices)
        if digest is not None:
            return digest
