"""The payload of a PUSH of a large local file, and what is read of that file before it is sent."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import implementer

from homeftp.client.files.source import SourceFile
from homeftp.client.transfer.model import TransferContext
from homeftp.client.transfer.observer import TransferObserver
from homeftp.interfaces import IPayload, IWorkers
from homeftp.model import ResumePoint


async def hash_source(source: SourceFile, workers: IWorkers) -> str:
    """The hash of a file. Raises OSError, and `Changed` (44) for a file that changed."""
    steps = source.hash_steps()
    found: str | None = None
    while found is None:
        found = await workers.run(next, steps)
    return found


async def hash_file(path: str, context: TransferContext) -> str:
    """The hash of the local file `path`; nothing is read where the cache knows it. Raises as `hash_source`."""
    run = context.workers.run
    source = await run(SourceFile, path, context.hash_cache)
    try:
        return await hash_source(source, context.workers)
    finally:
        await run(source.close)


async def resume_from(source: SourceFile, arrived: ResumePoint | None, workers: IWorkers) -> None:
    """Skip what the server already has of a file. Raises OSError, and `Changed` (44) for a file that changed."""
    if arrived is not None:
        steps = source.resume_steps(arrived)
        while await workers.run(next, steps) is None:
            pass


@implementer(IPayload)
class UploadPayload:
    """The content of a large file and its hash; the next bytes are read while the last are sent."""

    def __init__(self, source: SourceFile, workers: IWorkers, observer: TransferObserver) -> None:
        self.size = source.sent_size
        self._content_left = source.file.size - source.offset
        self._source = source
        self._run = workers.run
        self._observer = observer
        self._ahead: Deferred[bytes] | None = None
        self._has_ended = False
        self._is_closed = False

    async def read(self) -> bytes:
        """The next bytes; b"" at the end."""
        ahead = self._ahead or self._run(self._source.read)
        self._ahead = None
        data = b""
        try:
            data = await ahead
        finally:
            if not data:
                self._has_ended = True
                if self._is_closed:
                    self._run(self._source.close)
        if data:
            self._ahead = self._run(self._source.read)
            content = min(len(data), self._content_left)
            self._content_left -= content
            self._observer.add_bytes(content, moved=True)
        return data

    def close(self) -> None:
        """Close the file, once the last byte is read."""
        self._is_closed = True
        if self._has_ended:
            self._run(self._source.close)

    async def read_all(self, limit: int) -> bytes:
        """Not implemented: large files are streamed."""
        raise NotImplementedError
