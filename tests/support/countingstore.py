"""A store that counts what it has handed out and what was not released: open files, drafts and uploads."""

from __future__ import annotations

from typing import Sequence, TypeVar

from homeftp.endpoint import Endpoint
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import IDraft, IOpenFile, IUpload
from homeftp.model import Actor, Entry, WriteRequest
from homeftp.store.buffers import BytesDraft, BytesFile, BytesUpload
from homeftp.store.memory import MemoryStore

B = TypeVar("B", BytesDraft, BytesUpload)

CONTENT = b"content"


class CountedFile(BytesFile):
    """A file that is in `still_open` until it is closed."""

    def __init__(self, still_open: list[object]) -> None:
        super().__init__(Entry("", "file", size=len(CONTENT), hash=hash_bytes(CONTENT)), CONTENT)
        self._still_open = still_open
        still_open.append(self)

    def close(self) -> None:
        if self in self._still_open:
            self._still_open.remove(self)


class CountingStore(MemoryStore):
    """Every file that is opened has the same content; what is begun is in `still_open` until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.still_open: list[object] = []

    def bind(self, actor: Actor) -> CountingStore:
        return self

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        return [CountedFile(self.still_open) for _ in endpoints]

    def edit(self, request: WriteRequest) -> IDraft:
        draft = super().edit(request)
        assert isinstance(draft, BytesDraft)
        return self._counted(draft)

    def upload(self, request: WriteRequest) -> IUpload:
        begun = super().upload(request)
        assert isinstance(begun, BytesUpload)
        return self._counted(begun)

    def _counted(self, begun: B) -> B:
        abort = begun.abort

        def release() -> None:
            abort()
            if begun in self.still_open:
                self.still_open.remove(begun)

        begun.abort = release  # type: ignore[method-assign]
        self.still_open.append(begun)
        return begun
