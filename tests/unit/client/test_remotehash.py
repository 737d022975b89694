"""The hash of a file on the server."""

from __future__ import annotations

from homeftp.client.remotehash import hash_there, hashed_entry
from homeftp.errors import ShuttingDown, WrongKind
from homeftp.hashing.filehash import hash_bytes
from tests.support.transfers import TransferCase

ONE = hash_bytes(b"one")


class HashThereTests(TransferCase):
    """hash_there."""

    def test_hashes(self) -> None:
        """The server hashes a file; a folder and a missing file have no hash. A server that shuts down ends it."""
        self.make_remote_file("a", b"one")
        self.make_remote_file("d/b")
        found = [self.run_work(hash_there(self.client, endpoint)) for endpoint in ("a", "d", "none")]
        self.assertEqual(found, [ONE, "", ""])

        async def refuse(*_: object, **__: object) -> None:
            raise ShuttingDown("it restarts")

        self.patch(self.client, "cmp", refuse)
        self.assertRaises(ShuttingDown, self.run_work, hash_there(self.client, "a"))


class HashedEntryTests(TransferCase):
    """hashed_entry."""

    def test_entries(self) -> None:
        """The entry of a file that was never hashed has its hash; nothing is None, and a folder is refused."""
        self.make_remote_file("a", b"one")
        self.make_remote_file("d/b")
        entry = self.run_work(hashed_entry(self.client, "a"))
        assert entry is not None
        self.assertEqual(entry.hash, ONE)
        self.assertIsNone(self.run_work(hashed_entry(self.client, "none")))
        self.assertRaises(WrongKind, self.run_work, hashed_entry(self.client, "d"))
