"""`homeftp rm`, `mv`, `mkdir`, `cat`, `du` and `ls` in processes of their own, with a server in another."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.processes import ServerProcess, environment, pair
from tests.support.serving import ServedCase

BINARY = bytes(range(256)) * 40_000
"""More than a pipe holds."""


class FilesTests(ServedCase):
    """Without a terminal."""

    def test_round(self) -> None:
        """A folder is made, filled, moved, summed up and removed; the file that was in it comes back."""
        place = f"nas:{self.there}"
        for words, expected in (
            (("mkdir", "-pv", f"{place}/a/b"), f"Made {self.there}/a/b.\n"),
            (("push", self.lay("file.txt"), f"{place}/a/b/"), ""),
            (("mv", f"{place}/a", f"{place}/moved"), ""),
            (("ls", "-R", f"{place}"), "moved/\nmoved/b/\nmoved/b/file.txt\n"),
            (("du", "-s", f"{place}/moved"), f"     7 B  {self.there}/moved\n"),
            (("cat", f"{place}/moved/b/file.txt"), "content"),
            (
                ("rm", "-r", f"{place}/moved"),
                f"Removed {self.there}/moved, with 2 files and folders in it.\n"
                f"The server keeps versions of the files of {self.there}/moved while its disk has space. "
                f"To bring them back: homeftp restore -r {place}/moved\n",
            ),
        ):
            said = self.homeftp(*words)
            self.assertEqual((said.returncode, said.stdout), (0, expected), said.stderr)
        said = self.homeftp("restore", f"{place}/moved/b/file.txt")
        self.assertEqual((said.returncode, self.read_there("moved/b/file.txt")), (0, b"content"))

    def test_leading_slash(self) -> None:
        """NAME:/path is NAME:path for every command that takes one."""
        self.lay_there("file.txt")
        self.lay("here.txt")
        place, slashed = f"nas:{self.there}/file.txt", f"nas:/{self.there}/file.txt"
        for words in (
            ("ls", "-l"),
            ("ls", "--json"),
            ("du",),
            ("cat",),
            ("cmp", "-v", self.lay("file.txt")),
            ("versions",),
            ("verify", "-q"),
        ):
            plain, other = self.homeftp(*words, place), self.homeftp(*words, slashed)
            self.assertEqual((other.returncode, other.stdout), (plain.returncode, plain.stdout), words)
            self.assertEqual(plain.returncode, 0, (words, plain.stderr))
        for words in (
            ("push", self.lay("here.txt"), f"nas:/{self.there}/"),
            ("get", f"nas:/{self.there}/here.txt", f"{self.here}/fetched"),
            ("mkdir", f"nas:/{self.there}/made"),
            ("mv", f"nas:/{self.there}/here.txt", f"nas:/{self.there}/made"),
            ("rm", f"nas:/{self.there}/made/here.txt"),
            ("restore", f"nas:/{self.there}/made/here.txt"),
        ):
            said = self.homeftp(*words)
            self.assertEqual(said.returncode, 0, (words, said.stderr))
        self.assertEqual(self.read_there("made/here.txt"), b"content")

    def test_cat_binary(self) -> None:
        """Bytes are printed as they are; a reader that closes the pipe ends it without a word."""
        place = self.lay_there("big", BINARY)
        command = [sys.executable, "-m", "homeftp", "cat", place, place]
        environ = environment(HOMEFTP_HOME=self.home)
        printed = subprocess.run(command, capture_output=True, env=environ)
        self.assertEqual((printed.returncode, printed.stderr), (0, b""))
        self.assertEqual(printed.stdout, BINARY * 2)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
            assert process.stdout is not None and process.stderr is not None
            self.assertEqual(process.stdout.read(1000), BINARY[:1000])
            process.stdout.close()
            self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(process.returncode, 141)


class TerminalTests(ServedCase):
    """At a terminal."""

    def test_moved(self) -> None:
        """A file at the target is described before it is replaced; no leaves it."""
        one, two = self.lay_there("one", b"1"), self.lay_there("two", b"22")
        question = f"{self.there}/two exists: 2 B, "
        status, shown = self.at_terminal("mv", one, two, says=[("Replace it? [y/N] ", "n\r")])
        self.assertEqual((status, self.read_there("two")), (1, b"22"))
        self.assertIn(question, shown)
        status, shown = self.at_terminal("mv", one, two, says=[("Replace it? [y/N] ", "y\r")])
        self.assertEqual((status, self.read_there("two")), (0, b"1"), shown)


class MirrorTests(ServedCase):
    """push --delete at a terminal."""

    def test_asked(self) -> None:
        """The plan is shown before anything is sent; no leaves everything, yes deletes."""
        for name in ("a", "b", "c"):
            self.lay(f"lib/{name}")
        place = f"nas:{self.there}/lib"
        self.homeftp("push", "-r", f"{self.here}/lib", place)
        os.unlink(f"{self.here}/lib/b")
        words = ("push", "-r", "--delete", f"{self.here}/lib", place)
        question = "Transfer, and then delete these? [y/N] "
        status, shown = self.at_terminal(*words, says=[(question, "n\r")])
        self.assertEqual((status, self.read_there("lib/b")), (1, b"content"))
        self.assertIn("Only on the server: 1 file, 7 B.", shown)
        status, shown = self.at_terminal(*words, says=[(question, "y\r")])
        self.assertEqual((status, os.path.exists(self.server.path(f"{self.there}/lib/b"))), (0, False), shown)


class EverythingTests(ServedCase):
    """A server of its own, of which everything is removed."""

    def test_removed(self) -> None:
        """It asks at a terminal; no leaves everything, yes removes it."""
        self.server = ServerProcess()
        self.addCleanup(self.server.end)
        self.home = os.path.join(self.server.folder, "client")
        pair(self.server, self.home)
        self.lay_there("file.txt")
        self.assertEqual(self.homeftp("rm", "-r", "nas:").returncode, 2)
        question = "Remove everything on nas? [y/N] "
        self.assertEqual(self.at_terminal("rm", "-r", "nas:", says=[(question, "\r")])[0], 1)
        self.assertEqual(self.read_there("file.txt"), b"content")
        status, shown = self.at_terminal("rm", "-r", "nas:", says=[(question, "yes\r")])
        self.assertEqual((status, os.path.exists(self.server.path(self.there))), (0, False), shown)
