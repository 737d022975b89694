"""`homeftp clone` against a server in memory."""

from __future__ import annotations

import os

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.move import MoveDispatcher
from tests.support.commandline import RemoteCommandCase
from tests.support.syncs import contents


class CloneTests(RemoteCommandCase):
    """A folder with two files on the server."""

    extra = (DeleteDispatcher(), MoveDispatcher())

    def setUp(self) -> None:
        super().setUp()
        self.forget_syncs()
        for name in ("a", "d/b"):
            self.make_remote_file(f"Docs/{name}", name.encode())
        self.folder = os.path.join(self.here, "clone")

    def test_cloned(self) -> None:
        """Everything is fetched into a folder that is made, and a sync has nothing to do then; it may be repeated."""
        for _ in range(2):
            self.assertEqual(self.homeftp("clone", "nas:Docs", self.folder), Exit.DONE)
            self.assertEqual(contents(self.folder), {"a": b"a", "d": None, "d/b": b"d/b"})
        self.assertEqual(self.homeftp("sync", "-n", self.folder, "nas:Docs"), Exit.DONE)

    def test_resumed(self) -> None:
        """What is missing is fetched where it was interrupted."""
        self.homeftp("clone", "--exclude", "a", "nas:Docs", self.folder)
        self.assertEqual(contents(self.folder), {"d": None, "d/b": b"d/b"})
        self.homeftp("clone", "nas:Docs", self.folder)
        self.assertEqual(set(contents(self.folder)), {"a", "d", "d/b"})

    def test_not_empty(self) -> None:
        """A folder in which something is already is refused."""
        self.make_file("clone/mine", b"mine")
        self.assertEqual(self.homeftp("clone", "nas:Docs", self.folder), Exit.USAGE)
        self.assertIn("is not empty", self.err.getvalue())
        self.assertEqual(contents(self.folder), {"mine": b"mine"})
        self.assertEqual(self.homeftp("clone", "nas:Docs", f"{self.folder}/mine"), Exit.USAGE)
        self.assertIn("cannot be used", self.err.getvalue())

    def test_missing(self) -> None:
        """A folder that the server does not have is no clone of nothing: it is said, and none is made here."""
        self.assertEqual(self.homeftp("clone", "nas:Dosc", self.folder), Exit.REFUSED)
        self.assertIn("Dosc does not exist on the server", self.err.getvalue())
        self.assertFalse(os.path.exists(self.folder))

    def test_name(self) -> None:
        """Without a folder it is the last name of the path, here."""
        os.mkdir(self.folder)
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        self.assertEqual(self.homeftp("clone", "nas:Docs/d/"), Exit.DONE)
        self.assertEqual(contents("d"), {"b": b"d/b"})
