"""A file's hash, from the index or by reading it slice by slice; what CMP and GET share."""

from __future__ import annotations

from homeftp.errors import Changed
from homeftp.interfaces import IOpenFile, IWorkers


async def known_hash(file: IOpenFile, workers: IWorkers) -> str:
    """The hash of an open file.

    Each slice queues for the pool anew, so that a huge file does not shut out
    others. Raises `Changed` (44) when the file changes meanwhile.
    """
    return await _hashed(file, workers) if file.entry.hash is None else file.entry.hash


async def check_again(file: IOpenFile, digest: str, workers: IWorkers) -> None:
    """Raise `Changed` (44) unless an open file still is what hashed to `digest` when it was read."""
    if await _hashed(file, workers) != digest:
        raise Changed("the file changed on the server while it was read: try again")


async def _hashed(file: IOpenFile, workers: IWorkers) -> str:
    slices = file.digest()
    while True:
        digest: str | None = await workers.run(next, slices)
        if digest is not None:
            return digest
