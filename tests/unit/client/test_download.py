"""A file that is fetched piece by piece."""

from __future__ import annotations

from homeftp.config import STREAM_PIECE
from homeftp.errors import TooLarge
from homeftp.hashing import filehash
from tests.support.transfers import TransferCase


class DownloadTests(TransferCase):
    """Reading, the verdict, and what is not read."""

    def test_parts(self) -> None:
        """A part of a file, and the whole piece by piece."""
        content = bytes(3 * STREAM_PIECE)
        self.run_work(self.client.push("big", content))
        download = self.run_work(self.client.get("big", offset=STREAM_PIECE, length=10))
        self.assertEqual(self.run_work(download.read_all(10)), bytes(10))
        download = self.run_work(self.client.get("big"))

        async def read() -> int:
            size = 0
            while piece := await download.read():
                size += len(piece)
            return size

        self.assertEqual(self.run_work(read()), len(content))
        self.assertEqual(self.run_work(download.verdict()).hash, filehash.hash_bytes(content))

    def test_too_large(self) -> None:
        """A file larger than expected is not read, and can be discarded."""
        self.run_work(self.client.push("big", bytes(3 * STREAM_PIECE)))
        download = self.run_work(self.client.get("big"))
        with self.assertRaises(TooLarge):
            self.run_work(download.read_all(STREAM_PIECE))
        download.discard()
        self.wire.pump()
        self.run_work(self.client.hello())
