"""The content of a file that is being fetched: read piece by piece, then judged by the server's verdict."""

from __future__ import annotations

from homeftp.client.connection.replies import Verdict, understood
from homeftp.client.connection.response import ResponseStream
from homeftp.client.errors import Corrupted
from homeftp.hashing import filehash
from homeftp.interfaces import IPayload
from homeftp.model import Entry


class Download:
    """A file that is being fetched: read it to the end, then await the verdict before you use it."""

    def __init__(self, entry: Entry, payload: IPayload, answer: ResponseStream) -> None:
        self.entry = entry
        """The file's entry on the server: its size and metadata, and its hash where the server knows it."""
        self.size = payload.size
        """Bytes that are fetched, from the requested offset on."""
        self._payload = payload
        self._answer = answer

    async def read(self) -> bytes:
        """The next bytes, at most `config.STREAM_PIECE`; b"" at the end."""
        return await self._payload.read()

    async def verdict(self) -> Verdict:
        """The server's verdict after the content; raises `Changed` (44) for a file that changed while it was sent."""
        return understood((await self._answer.last()).body, Verdict, "the verdict of GET")

    async def read_all(self, limit: int) -> bytes:
        """The whole content, verified; raises `TooLarge` (22) for more than `limit` bytes.

        Raises `Changed` (44), and `Corrupted` where the bytes do not have the
        server's hash. Hashes on the calling thread: not for large files.
        """
        data = await self._payload.read_all(limit)
        is_whole = self.entry.size == len(data)
        verdict = await self.verdict()
        if is_whole and verdict.hash is not None and verdict.hash != filehash.hash_bytes(data):
            raise Corrupted
        return data

    def discard(self) -> None:
        """Discard what has not been read, as it arrives."""
        self._answer.discard()
