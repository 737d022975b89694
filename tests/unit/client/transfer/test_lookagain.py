"""Having the server read its copy again."""

from __future__ import annotations

import os

from homeftp.client.transfer.lookagain import look_again
from homeftp.dispatchers.verify import VerifyDispatcher
from homeftp.endpoint import ROOT
from tests.support.flips import flip
from tests.support.transfers import TransferCase


class LookAgainTests(TransferCase):
    """`look_again`, at the file `a`."""

    extra = (VerifyDispatcher(),)

    def look(self) -> str:
        """What the server finds."""
        return self.run_work(look_again(self.client, "a"))

    def test_found(self) -> None:
        """It is right; it is damaged; it was damaged, and is mended; it is gone."""
        path = self.make_remote_file("a", b"good")
        self.assertIn("it is right", self.look())
        flip(path, b"evil", os.path.join(self.server.folder, "index.sqlite"))
        self.assertIn("it is damaged. Push the file again", self.look())
        self.make_remote_file("b", b"good")
        self.assertIn("it is damaged", self.look(), "the copy is not known yet")
        for _ in range(2):  # the copy comes behind the file
            list(self.server.store.verify(ROOT))
        self.assertIn("it is right", self.look(), "that has mended it")
        flip(path, b"evil", os.path.join(self.server.folder, "index.sqlite"))
        self.assertIn("it was damaged, and is mended", self.look())
        os.unlink(path)
        self.assertIn("could not read its copy again: a does not exist", self.look())

    def test_older_server(self) -> None:
        """A server that cannot is not asked."""
        self.make_remote_file("a")
        self.client.server_info.request_types.remove("VERIFY")
        self.assertEqual(self.look(), "")
