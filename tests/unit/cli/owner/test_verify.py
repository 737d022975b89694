"""`homeftp verify` on the server's machine, without a connection."""

from __future__ import annotations

import os

from homeftp.accounts.state.sqlite import FILE
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.control.scrubstate import ScrubState, save_scrub_state
from homeftp.endpoint import parse
from homeftp.interfaces import StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.factory import open_store
from tests.support.commandline import CommandCase
from tests.support.flips import flip
from tests.support.replay import lines
from tests.support.stores import sha

MTIME_US = 1_700_000_000_000_500


class VerifyTests(CommandCase):
    """A state folder, and the folder that its server shares."""

    def setUp(self) -> None:
        super().setUp()
        self.folder, self.root = (os.path.abspath(self.mktemp()) for _ in range(2))
        os.mkdir(self.folder, 0o700)
        os.mkdir(self.root)
        self.make_state(self.folder)
        save_scrub_state(self.folder, ScrubState(root=self.root))

    def make_state(self, folder: str) -> None:
        """A server has used the folder."""
        with open(os.open(os.path.join(folder, FILE), os.O_CREAT | os.O_WRONLY, 0o600), "wb"):
            pass

    def damage(self) -> None:
        """`a` is damaged; nobody knows."""
        request = WriteRequest(endpoint=parse("a"), size=4, mtime_us=MTIME_US)
        self.assertNotIsInstance(self.store.write_many([(request, b"good")])[0], Exception)
        flip(os.path.join(self.root, "a"), b"evil", os.path.join(self.folder, "index.sqlite"))

    def open(self) -> None:
        """Have a server use the folder."""
        self.store = open_store(self.root, StoreOptions(state_dir=self.folder))
        self.addCleanup(self.store.close)

    def test_server_runs(self) -> None:
        """Beside a server that has the folder locked damage is found, recorded, and known to the server at once."""
        self.open()
        self.damage()
        self.assertEqual(self.homeftp("verify", "--state", self.folder), Exit.DIFFERS, self.err.getvalue())
        self.assertEqual(self.out.getvalue(), "damaged: a: the disk has another content than was stored\n")
        self.assertEqual([damage.hash for damage in self.store.damaged()], [sha(b"good")])
        (line,) = lines(self.folder)
        self.assertEqual((line["change"], line["endpoint"], line["hash"]), ("damage", "a", sha(b"good")))

    def test_server_does_not_run(self) -> None:
        """Without a server it works as well; the mark is there when the server starts."""
        self.open()
        self.damage()
        self.store.close()
        self.assertEqual(self.homeftp("verify", "--state", self.folder, "--root", self.root), Exit.DIFFERS)
        self.open()
        self.assertEqual([damage.name for damage in self.store.damaged()], ["a"])

    def test_no_versions_yet(self) -> None:
        """A folder that no server has written to is only read: nothing is made in it."""
        with open(os.path.join(self.root, "a"), "wb") as file:
            file.write(b"x")
        self.assertEqual(self.homeftp("verify", "--state", self.folder), Exit.DONE, self.err.getvalue())
        self.assertEqual(os.listdir(self.root), ["a"])

    def test_not_mounted(self) -> None:
        """A folder whose disk is not mounted is refused: that nothing is damaged in it would mean nothing."""
        save_scrub_state(self.folder, ScrubState(root=self.root, known=True))
        self.assertEqual(self.homeftp("verify", "--state", self.folder), Exit.USAGE)
        self.assertIn("not mounted", self.err.getvalue())

    def test_unknown(self) -> None:
        """A state folder that no server has used is named."""
        other = os.path.abspath(self.mktemp())
        os.mkdir(other, 0o700)
        self.make_state(other)
        self.assertEqual(self.homeftp("verify", "--state", other), Exit.USAGE)
        self.assertIn(f"no server has used the state folder {other} yet", self.err.getvalue())

    def test_another_backend(self) -> None:
        """What is not on this machine is verified from a client."""
        save_scrub_state(self.folder, ScrubState(root="s3://bucket"))
        self.assertEqual(self.homeftp("verify", "--state", self.folder), Exit.USAGE)
        self.assertIn("homeftp verify NAME:", self.err.getvalue())
