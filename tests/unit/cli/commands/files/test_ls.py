"""`homeftp ls` against a server in memory."""

from __future__ import annotations

import json
import os

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import RemoteCommandCase


class LsTests(RemoteCommandCase):
    """The command line."""

    def test_listed(self) -> None:
        """Names, with a slash for folders; -r lists what is below."""
        self.make_remote_file("lib/sub/a")
        self.assertEqual(self.homeftp("ls", "nas:lib"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "sub/\n")
        self.assertEqual(self.homeftp("ls", "-R", "nas:"), Exit.DONE)
        self.assertEqual(self.out.getvalue().splitlines(), ["lib/", "lib/sub/", "lib/sub/a"])

    def test_file(self) -> None:
        """A file is listed under its own name, with -l as ls(1) does, with --json as an object."""
        self.make_remote_file("lib/a")
        self.homeftp("ls", "-l", "nas:lib/a")
        self.assertRegex(self.out.getvalue(), r"\A-rw-r--r-- +7 B 2023-11-1\d \d\d:\d\d a\n\Z")
        self.homeftp("ls", "-lb", "nas:lib/a")
        self.assertRegex(self.out.getvalue(), r"\A-rw-r--r-- +7 2023-11-1\d \d\d:\d\d a\n\Z")
        self.homeftp("ls", "-lh", "nas:")
        self.assertRegex(self.out.getvalue(), r"\Ad[rwx-]{9} .* lib/\n\Z")
        self.homeftp("ls", "--json", "nas:lib/a")
        listed = json.loads(self.out.getvalue())
        self.assertEqual((listed["name"], listed["size"], listed["kind"]), ("a", 7, "file"))

    def test_pattern(self) -> None:
        """What a pattern matches is listed, each entry under a name that `get` takes."""
        for name in ("one/a", "two/b", "c.txt"):
            self.make_remote_file(name)
        self.homeftp("ls", "nas:*")
        self.assertEqual(self.out.getvalue(), "c.txt\none/a\ntwo/b\n")
        self.homeftp("ls", "nas:t*")
        self.assertEqual(self.out.getvalue(), "b\n")
        self.assertEqual(self.homeftp("ls", "nas:*.jpg"), Exit.REFUSED)
        self.assertEqual(self.err.getvalue(), "homeftp: nothing on the server matches '*.jpg'\n")

    def test_several(self) -> None:
        """Several paths are listed under the names that `get` takes; one that is missing does not stop the others."""
        for name in ("one/a", "two/b"):
            self.make_remote_file(name)
        self.assertEqual(self.homeftp("ls", "nas:/one", "nas:none", "nas:two/b"), Exit.REFUSED)
        self.assertEqual(self.out.getvalue(), "one/a\ntwo/b\n")
        self.assertEqual(self.err.getvalue(), "homeftp: 'none' does not exist on the server\n")

    def test_not_shared(self) -> None:
        """Entries that the server does not share are named on standard error."""
        os.symlink("a", self.server.root + "/link")
        self.homeftp("ls", "nas:")
        self.assertRegex(self.err.getvalue(), r"\Ahomeftp: not shared: link: .+\n\Z")

    def test_refused(self) -> None:
        """A missing path is refused by the server's side, a local path by ours."""
        self.assertEqual(self.homeftp("ls", "nas:none"), Exit.REFUSED)
        self.assertEqual(self.err.getvalue(), "homeftp: 'none' does not exist on the server\n")
        self.assertEqual(self.homeftp("ls", "nas"), Exit.USAGE)
        self.assertEqual(self.err.getvalue(), "homeftp: 'nas' has no path. Did you mean `nas:`?\n")
