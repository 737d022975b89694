"""A large local file on its way to the server."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import implementer

from homeftp.client.files.read import SourceFile
from homeftp.client.transfer.model import TransferObserver
from homeftp.interfaces import IPayload, IWorkers
from homeftp.model import ResumePoint


async def skip_arrived(file: SourceFile, arrived: ResumePoint | None, workers: IWorkers) -> None:
    """Leave out what the server has of it already. Raises OSError, and `Changed` (44) when the file is changed."""
    if arrived is not None:
        skipping = file.skip(arrived)
        while await workers.run(next, skipping) is None:
            pass


@implementer(IPayload)
class FilePayload:
    """A large file's content and the hash behind it, read one piece ahead."""

    def __init__(self, file: SourceFile, workers: IWorkers, watch: TransferObserver) -> None:
        self.size = file.sent_size
        self._content = file.file.size - file.offset
        self._file = file
        self._run = workers.run
        self._watch = watch
        self._ahead: Deferred[bytes] | None = None
        self._ended = False
        self._unwanted = False

    async def read(self) -> bytes:
        """The next piece; b"" after the last."""
        ahead = self._ahead or self._run(self._file.read)
        self._ahead = None
        data = b""
        try:
            data = await ahead
        finally:
            if not data:
                self._ended = True
                if self._unwanted:
                    self._run(self._file.close)
        if data:
            self._ahead = self._run(self._file.read)
            content = min(len(data), self._content)
            self._content -= content
            self._watch.bytes(content, moved=True)
        return data

    def close(self) -> None:
        """Close the file, as soon as nothing of it is to be sent any more."""
        self._unwanted = True
        if self._ended:
            self._run(self._file.close)

    async def read_all(self, limit: int) -> bytes:
        """Never asked for: large files are streamed."""
        raise NotImplementedError
