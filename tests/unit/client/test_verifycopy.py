"""Having the server verify its copy."""

from __future__ import annotations

import os

from homeftp.client.verifycopy import verify_copy, verify_version
from homeftp.dispatchers.verify import VerifyDispatcher
from homeftp.endpoint import ROOT
from homeftp.hashing.filehash import hash_bytes
from tests.support.flips import flip
from tests.support.transfers import TransferCase


class VerifyCopyTests(TransferCase):
    """`verify_copy` and `verify_version` of the file `a`."""

    extra = (VerifyDispatcher(),)

    def verify(self) -> str:
        """What the server finds."""
        return self.run_work(verify_copy(self.client, "a"))

    def verify_version(self, content_hash: str | None) -> str:
        """What the server finds of the version that has this hash."""
        return self.run_work(verify_version(self.client, "a", content_hash))

    def test_version(self) -> None:
        """The damage to another version does not count, unless the hash is not known; the server may refuse."""
        path = self.make_remote_file("a", b"good")
        self.verify()
        flip(path, b"evil", os.path.join(self.server.folder, "index.sqlite"))
        self.assertIn("that version again: it is damaged. Choose another", self.verify_version(hash_bytes(b"good")))
        self.assertIn("it is damaged", self.verify_version(None))
        self.assertIn("it is right", self.verify_version(hash_bytes(b"another")))
        os.unlink(path)
        self.assertIn("could not read that version again", self.verify_version(None))

    def test_found(self) -> None:
        """It is right; it is damaged; it was damaged, and is mended; it is gone."""
        path = self.make_remote_file("a", b"good")
        self.assertIn("it is right", self.verify())
        flip(path, b"evil", os.path.join(self.server.folder, "index.sqlite"))
        self.assertIn("it is damaged. Push the file again", self.verify())
        self.make_remote_file("b", b"good")
        self.assertIn("it is damaged", self.verify(), "the copy is not known yet")
        for _ in range(2):  # the copy comes behind the file
            list(self.server.store.verify(ROOT))
        self.assertIn("it is right", self.verify(), "that has mended it")
        flip(path, b"evil", os.path.join(self.server.folder, "index.sqlite"))
        self.assertIn("it was damaged, and is mended", self.verify())
        os.unlink(path)
        self.assertIn("could not read its copy again: a does not exist", self.verify())

    def test_older_server(self) -> None:
        """A server without VERIFY is not asked."""
        self.make_remote_file("a")
        self.client.server_info.request_types.remove("VERIFY")
        self.assertEqual((self.verify(), self.verify_version(None)), ("", ""))
