"""A GET of many small files: those that its payload names, or all beneath a directory."""

from __future__ import annotations

from typing import Callable, Sequence

from twisted.logger import Logger

from homeftp.config import SMALL_FILE
from homeftp.dispatchers.batches.entries import entry_endpoint, entry_refusal
from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest, Refusal
from homeftp.interfaces import FileContent, IRequest, IResolution
from homeftp.model import Entry
from homeftp.status import Status
from homeftp.wire.batch import GetEntry, InvalidEntry, decode_batch, encode_item, encode_parts
from homeftp.wire.messages import GetBody, entry_body, refusal_body


async def get_batch(request: IRequest, body: GetBody, resolution: IResolution) -> None:
    """Send the files, some in the payload of each interim answer; a refused one is an entry with a status."""
    others = (body.offset or None, body.length, body.if_hash, body.as_of, body.hashes or None)
    if any(each is not None for each in others):
        raise BadRequest("offset, length, if_hash, as_of and hashes do not go with a batch: leave them out")
    sender = _BatchSender(request, resolution)
    if request.payload.size:
        if body.recursive:
            raise BadRequest("either the payload names the files, or recursive asks for all: not both")
        names = _decode_names(await request.payload.read_all(SMALL_FILE))
        await resolution.turn()
        await sender.send_files(body.rel_endpoint, names)
    else:
        await resolution.turn()
        await sender.send_tree(body.rel_endpoint, body.recursive)
    sender.answer()


def _decode_names(payload: bytes) -> list[str]:
    names = []
    for item in decode_batch(payload, GetEntry):
        if isinstance(item.entry, InvalidEntry):
            raise item.entry.refusal
        names.append(item.entry.name)
    return names


def _endpoint(base: Endpoint, name: str) -> Endpoint | Refusal:
    try:
        return entry_endpoint(base, name)
    except Refusal as refused:
        return refused.with_traceback(None)  # its frames refer to what is returned


class _BatchSender:
    """Sends files of one request, and counts them."""

    _log = Logger()

    def __init__(self, request: IRequest, resolution: IResolution) -> None:
        self._files = request.files
        self._resolution = resolution
        self._sent = 0
        self._refused = 0

    async def send_tree(self, base: Endpoint, recursive: bool) -> None:
        """Send the files in a directory, and the directories as entries without content."""
        pages = self._files.list(base, recursive)
        try:
            async for page in pages:
                directories = [entry for entry in page.entries if entry.kind == "directory"]
                if directories:
                    await self._resolution.send({}, payload=b"".join(map(_encode_directory, directories)))
                    self._sent += len(directories)
                await self.send_files(base, [entry.name for entry in page.entries if entry.kind == "file"])
        finally:
            await pages.aclose()

    async def send_files(self, base: Endpoint, names: Sequence[str]) -> None:
        """Send the files of these names."""
        endpoints: list[Endpoint] = []
        legal: list[str] = []
        for name in names:
            endpoint = _endpoint(base, name)
            if isinstance(endpoint, Refusal):
                await self._resolution.send({}, payload=self._encode_refusal(name, endpoint))
            else:
                endpoints.append(endpoint)
                legal.append(name)
        encoder = _Encoder(legal, self._encode_refusal)
        chunks = self._files.read_batch(endpoints, encoder.encode)
        try:
            async for chunk in chunks:
                await self._resolution.send({}, payload=chunk)
        finally:
            await chunks.aclose()
        self._sent += encoder.sent

    def _encode_refusal(self, name: str, error: Exception) -> bytes:
        self._refused += 1
        return encode_item({"name": name, **refusal_body(entry_refusal(error, self._log))})

    def answer(self) -> None:
        """Answer."""
        message = f"sent {self._sent:,} of {self._sent + self._refused:,}"
        self._resolution.resolve(Status.OK, message, {"sent": self._sent, "refused": self._refused})


class _Encoder:
    """Encodes files in the pool, in the order of their names."""

    def __init__(self, names: Sequence[str], encode_refusal: Callable[[str, Exception], bytes]) -> None:
        self._names = iter(names)
        self._encode_refusal = encode_refusal
        self.sent = 0

    def encode(self, results: Sequence[FileContent | Exception]) -> bytes:
        """In a worker: the lines of the next files, each with its content behind it."""
        parts: list[bytes] = []
        for result in results:
            name = next(self._names)
            if isinstance(result, FileContent):
                parts += encode_parts([({**entry_body(result.entry), "name": name}, result.content)])
                self.sent += 1
            else:
                parts.append(self._encode_refusal(name, result))
        return b"".join(parts)


def _encode_directory(entry: Entry) -> bytes:
    return encode_item(entry_body(entry))
