"""`homeftp rm` against a server in memory; tests/system/cli/test_files.py has a terminal."""

from __future__ import annotations

import json

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.restore import RestoreDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from tests.support.commandline import RemoteCommandCase


class RmTests(RemoteCommandCase):
    """The command line."""

    extra = (DeleteDispatcher(), VersionsDispatcher(), RestoreDispatcher())

    def setUp(self) -> None:
        super().setUp()
        for name in ("a", "b c", "lib/d", "lib/x/e"):
            self.make_remote_file(name)

    def test_file(self) -> None:
        """A file is removed, and what is printed restores it."""
        self.assertEqual(self.homeftp("rm", "nas:b c"), Exit.DONE)
        removed, hint = self.out.getvalue().splitlines()
        self.assertEqual(removed, "Removed b c (7 B).")
        self.assertEqual(hint, "b c is kept as a previous version. To bring it back: homeftp restore 'nas:b c'")
        self.assertNotIn("b c", self.remote_files())
        self.assertEqual(self.homeftp("restore", "nas:b c"), Exit.DONE)
        self.assertEqual(self.remote_files()["b c"], b"content")

    def test_folder(self) -> None:
        """A folder goes with -r only; the output says how much went, and how to find it again."""
        self.assertEqual(self.homeftp("rm", "nas:lib"), Exit.REFUSED)
        self.assertEqual(self.err.getvalue(), "homeftp: lib is a folder: add -r to remove it with its content\n")
        self.assertEqual(self.homeftp("rm", "-r", "nas:/lib/"), Exit.DONE)
        self.assertEqual(
            self.out.getvalue().splitlines(),
            [
                "Removed lib, with 3 files and folders in it.",
                "The server keeps versions of the files of lib while its disk has space. "
                "To bring them back: homeftp restore -r nas:lib",
            ],
        )
        self.assertEqual(set(self.remote_files()), {"a", "b c"})

    def test_not_kept(self) -> None:
        """Where the server keeps no version, the output does not promise one."""
        self.run_work(self.client.make_directory("bare"))
        self.homeftp("rm", "-r", "nas:bare")
        self.assertEqual(
            self.out.getvalue().splitlines(),
            [
                "Removed bare, an empty folder.",
                "The server keeps no previous version of bare: it cannot be brought back.",
            ],
        )

    def test_several(self) -> None:
        """Of several that are removed, the output says how to bring back a file."""
        self.run_work(self.client.make_directory("bare"))
        self.homeftp("rm", "-r", "nas:bare", "nas:a", "nas:b c")
        self.assertEqual(
            self.out.getvalue().splitlines()[-1],
            "a is kept as a previous version. To bring it back: homeftp restore nas:a",
        )

    def test_everything(self) -> None:
        """To remove everything, it needs -y without a terminal; without it nothing is removed."""
        before = self.remote_files()
        for path in ("nas:", "nas:/", "nas:*"):
            self.assertEqual(self.homeftp("rm", "-r", path), Exit.USAGE)
            self.assertIn("Nothing was removed; use -y", self.err.getvalue())
        self.assertEqual(self.remote_files(), before)
        self.assertEqual(self.homeftp("rm", "-ry", "nas:"), Exit.DONE)
        self.assertEqual(self.remote_files(), {})

    def test_some(self) -> None:
        """What is missing does not stop the others, and is no error with -f."""
        self.assertEqual(self.homeftp("rm", "nas:none", "nas:a"), Exit.REFUSED)
        self.assertEqual(self.err.getvalue(), "homeftp: none does not exist on the server\n")
        self.assertNotIn("a", self.remote_files())
        self.assertEqual(self.homeftp("rm", "-f", "nas:none", "nas:*.gif"), Exit.DONE)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", ""))
        self.assertEqual(self.homeftp("rm", "-f", "nas:lib"), Exit.REFUSED)

    def test_output(self) -> None:
        """-q prints nothing, --json an object for each."""
        self.homeftp("rm", "-q", "nas:a")
        self.assertEqual(self.out.getvalue(), "")
        self.homeftp("rm", "-r", "--json", "nas:lib", "nas:b c")
        self.assertEqual(
            [json.loads(line) for line in self.out.getvalue().splitlines()],
            [
                {"outcome": "removed", "name": "lib", "kind": "directory", "removed": 4},
                {"outcome": "removed", "name": "b c", "kind": "file", "removed": 1},
            ],
        )
