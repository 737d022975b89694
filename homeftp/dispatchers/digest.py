"""A file's hash, from the index or by reading it slice by slice; what CMP and GET share."""

from __future__ import annotations

from homeftp.interfaces import IOpenFile, IWorkers


async def known_hash(file: IOpenFile, workers: IWorkers) -> str:
    """The hash of an open file.

    Each slice queues for the pool anew, so that a huge file does not shut out
    others. Raises `Changed` (44) when the file changes meanwhile.
    """
    if file.entry.hash is not None:
        return file.entry.hash
    slices = file.digest()
    while True:
        digest: str | None = await workers.run(next, slices)
        if digest is not None:
            return digest
