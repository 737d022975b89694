"""Asking the server who stored a file."""

from __future__ import annotations

from unittest import mock

from homeftp.client.errors import ProtocolViolation
from homeftp.client.writer import find_writer
from homeftp.hashing.filehash import hash_bytes
from homeftp.history.writer import Writer
from tests.support.transfers import TransferCase


class WriterTests(TransferCase):
    """`find_writer` of the file `a`."""

    def find(self, content: bytes = b"content") -> Writer | None:
        return self.run_work(find_writer(self.client, "a", hash_bytes(content)))

    def test_found(self) -> None:
        """The account that stored the content, unless another one is there by now."""
        self.push(self.make_file("a"), "a")
        self.assertEqual(self.find(), Writer("ann", None, mock.ANY))
        self.assertIsNone(self.find(b"another"))
        self.assertIsNone(self.run_work(find_writer(self.client, "a", None)))
        self.make_remote_file("a", b"content!")
        self.assertIsNone(self.find(b"content!"))

    def test_refused(self) -> None:
        """Where it refuses, nothing is known; where it answers nonsense the connection is not used any more."""
        self.assertIsNone(self.run_work(find_writer(self.client, "..", hash_bytes(b""))))
        answer = mock.Mock(last=mock.AsyncMock(return_value=mock.Mock(body={"writer": {"account": 1}})))
        with mock.patch.object(self.client, "request", return_value=answer):
            self.assertRaises(ProtocolViolation, self.find)
