"""`homeftp get` against a server in memory."""

from __future__ import annotations

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import RemoteCommandCase
from tests.support.pasttrees import PastTreeCase
from tests.support.transfers import tree


class GetTests(RemoteCommandCase):
    """The command line; what a transfer does is tested with the client."""

    def test_downloaded(self) -> None:
        """A folder is downloaded under the target's name."""
        self.make_remote_file("lib/a")
        self.assertEqual(self.homeftp("get", "-r", "nas:lib", f"{self.here}/out"), Exit.DONE, self.err.getvalue())
        self.assertEqual(tree(self.here), {"out/a": b"content"})

    def test_standard_output(self) -> None:
        """- writes the content, and nothing else, to standard output."""
        self.make_remote_file("a", b"content")
        self.assertEqual(self.homeftp("get", "nas:a", "-"), Exit.DONE)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("content", ""))

    def test_refused(self) -> None:
        """Operands that contradict each other are refused before anything is fetched."""
        for words, message in (
            (("out",), "'out' is not a path on a server. Name what to download: NAME:PATH"),
            (
                ("nas:a", "attic:b", "out"),
                "a command uses one server, but attic and nas were given.",
            ),
            (("nas:a", "nas:b", "-"), "standard output takes one file. Name one source."),
            (("-r", "nas:a", "-"), "standard output takes a file, not a folder."),
            (("out/x", "out"), "'out/x' is not a path on a server"),
        ):
            self.assertEqual(self.homeftp("get", *words), Exit.USAGE)
            self.assertIn(message, self.err.getvalue())


class AtTests(RemoteCommandCase, PastTreeCase):
    """--at, for a folder that was changed since."""

    def test_at(self) -> None:
        """Files, folders and standard output are what they were at that time."""
        out = f"{self.here}/out"
        self.assertEqual(self.homeftp("get", "-r", "nas:d", out, "--at", str(self.as_of)), Exit.DONE)
        self.assertEqual({f"d/{name}": content for name, content in tree(out).items()}, self.then)
        self.assertEqual(self.homeftp("get", "nas:d/replaced", "-", "--at", str(self.as_of)), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "then")

    def test_wrong(self) -> None:
        """A time that is none, one at which nothing was there, and options that are about what is there now."""
        out = f"{self.here}/out"
        for options in (["--at", "yesterday"], ["--at", "2h", "--reread"], ["--at", "2h", "-r", "--delete", "-y"]):
            self.assertEqual(self.homeftp("get", "nas:d/same", out, *options), Exit.USAGE)
        self.assertEqual(self.homeftp("get", "nas:d/same", out, "--at", "1999-01-01"), Exit.REFUSED)
