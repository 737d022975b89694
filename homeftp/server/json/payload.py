"""A payload that has arrived with its request. One that is arriving is a `homeftp.files.upload.IncomingPayload`."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.config import PIECE
from homeftp.errors import check_limit
from homeftp.interfaces import IWholePayload


@implementer(IWholePayload)
class WholePayload:
    """A payload that has arrived completely."""

    def __init__(self, data: bytes = b"") -> None:
        self.size = len(data)
        self.content = data

    async def read(self) -> bytes:
        """The next piece, of at most `config.PIECE` bytes; b"" after the last."""
        piece, self.content = self.content[:PIECE], self.content[PIECE:]
        return piece

    async def read_all(self, limit: int) -> bytes:
        """The whole payload; raises `TooLarge` (22) over `limit`."""
        check_limit("the payload", self.size, limit)
        data, self.content = self.content, b""
        return data
