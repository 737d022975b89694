"""`homeftp ls` against a server in memory."""

from __future__ import annotations

import json
import os
from unittest import mock

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.errors import Changed
from homeftp.files.files import Files
from homeftp.hashing.filehash import hash_bytes
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

    def test_hash(self) -> None:
        """With --hash the SHA-256 of each file, as sha256sum prints it; with -l and --json beside the rest."""
        self.make_remote_file("lib/a", b"one")
        self.make_remote_file("lib/sub/b", b"two")
        one, two = (hash_bytes(content).removeprefix("sha256:") for content in (b"one", b"two"))
        self.assertEqual(self.homeftp("ls", "--hash", "-R", "nas:lib"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), f"{one}  a\n{two}  sub/b\n")
        self.homeftp("ls", "--hash", "nas:lib/a", "nas:lib/sub")
        self.assertEqual(self.out.getvalue(), f"{one}  lib/a\n{two}  lib/sub/b\n")
        self.homeftp("ls", "--hash", "-l", "nas:lib")
        first, second = self.out.getvalue().splitlines()
        self.assertRegex(first, rf"\A-rw-r--r-- .* {one} a\Z")
        self.assertRegex(second, r"\Ad[rwx-]{9} .* {66}sub/\Z")
        self.homeftp("ls", "--hash", "--json", "nas:lib/a")
        self.assertEqual(json.loads(self.out.getvalue())["hash"], f"sha256:{one}")

    def test_no_hash(self) -> None:
        """A file that has no hash is named, and the exit code tells."""
        self.make_remote_file("lib/a", b"one")
        with mock.patch.object(Files, "hash", mock.Mock(side_effect=Changed("it changes"))):
            self.assertEqual(self.homeftp("ls", "--hash", "nas:lib"), Exit.DIFFERS)
        self.assertEqual(self.out.getvalue(), "")
        self.assertIn("homeftp: a: the server cannot read it", self.err.getvalue())

    def test_pattern(self) -> None:
        """What a pattern matches is listed, each entry under a name that `get` takes."""
        for name in ("one/a", "two/b", "c.txt"):
            self.make_remote_file(name)
        self.homeftp("ls", "nas:*")
        self.assertEqual(self.out.getvalue(), "c.txt\none/a\ntwo/b\n")
        self.homeftp("ls", "nas:t*")
        self.assertEqual(self.out.getvalue(), "b\n")
        self.assertEqual(self.homeftp("ls", "nas:*.jpg"), Exit.REFUSED)
        self.assertEqual(self.err.getvalue(), "homeftp: nothing on the server matches *.jpg\n")

    def test_several(self) -> None:
        """Several paths are listed under the names that `get` takes; one that is missing does not stop the others."""
        for name in ("one/a", "two/b"):
            self.make_remote_file(name)
        self.assertEqual(self.homeftp("ls", "nas:/one", "nas:none", "nas:two/b"), Exit.REFUSED)
        self.assertEqual(self.out.getvalue(), "one/a\ntwo/b\n")
        self.assertEqual(self.err.getvalue(), "homeftp: none does not exist on the server\n")

    def test_not_shared(self) -> None:
        """Entries that the server does not share are named on standard error."""
        os.symlink("a", self.server.root + "/link")
        self.homeftp("ls", "nas:")
        self.assertRegex(self.err.getvalue(), r"\Ahomeftp: not shared: link: .+\n\Z")

    def test_refused(self) -> None:
        """A missing path is refused by the server's side, a local path by ours."""
        self.assertEqual(self.homeftp("ls", "nas:none"), Exit.REFUSED)
        self.assertEqual(self.err.getvalue(), "homeftp: none does not exist on the server\n")
        self.assertEqual(self.homeftp("ls", "nas"), Exit.USAGE)
        self.assertEqual(self.err.getvalue(), "homeftp: 'nas' has no path. Did you mean `nas:`?\n")
