"""Listing with hashes, from a server that can and from one that cannot."""

from __future__ import annotations

from typing import Any
from unittest import mock

from homeftp.client import list_with_hashes
from homeftp.errors import NotFound, WrongKind
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import TreeProgress
from tests.support.transfers import TransferCase


class HashedListTests(TransferCase):
    """`list_with_hashes` of files that the server has never read."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("d/a", "d/sub/b"):
            self.make_remote_file(name, name.encode())
        self.progress: list[TreeProgress] = []

    def listed(self, endpoint: str = "d", **options: Any) -> dict[str, str | None]:
        """The hash of each name."""

        async def work() -> dict[str, str | None]:
            pages = list_with_hashes(self.client, endpoint, progress=self.progress.append, **options)
            return {entry.name: entry.hash async for page in pages for entry in page.entries}

        return self.run_work(work())

    def test_listed(self) -> None:
        """Every file has its hash; the server says how far it is."""
        self.assertEqual(self.listed(), {"a": hash_bytes(b"d/a"), "sub": None})
        self.assertEqual(self.progress, [TreeProgress(1, 3)])
        expected = {"a": hash_bytes(b"d/a"), "sub": None, "sub/b": hash_bytes(b"d/sub/b")}
        self.assertEqual(self.listed(recursive=True), expected)

    def test_older_server(self) -> None:
        """A server that does not know `hashes` is asked for each file."""
        request = self.client.request

        def without(request_type: str, body: dict[str, Any]) -> Any:
            return request(request_type, {name: value for name, value in body.items() if name != "hashes"})

        with mock.patch.object(self.client, "request", without):
            self.assertEqual(self.listed(), {"a": hash_bytes(b"d/a"), "sub": None})
        self.assertEqual(self.progress, [])

    def test_refused(self) -> None:
        """A file is no directory, and what is missing is not found."""
        self.assertRaises(WrongKind, self.listed, "d/a")
        self.assertRaises(NotFound, self.listed, "none")
