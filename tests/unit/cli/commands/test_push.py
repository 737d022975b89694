"""`homeftp push` against a server in memory."""

from __future__ import annotations

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import RemoteCommandCase


class PushTests(RemoteCommandCase):
    """The command line; what a transfer does is tested with the client."""

    def test_uploaded(self) -> None:
        """A folder is uploaded; a second time there is nothing to do."""
        self.make_file("lib/a")
        self.make_file("lib/sub/b", b"more")
        self.assertEqual(self.homeftp("push", "-r", f"{self.here}/lib", "nas:lib"), Exit.DONE, self.err.getvalue())
        self.assertRegex(self.err.getvalue(), r"\A2 files and 2 folders new; 11 B in ")
        self.assertEqual(self.remote_files(), {"lib/a": b"content", "lib/sub/b": b"more"})
        self.assertEqual(self.homeftp("push", "-r", f"{self.here}/lib", "nas:lib"), Exit.DONE)
        self.assertEqual(self.err.getvalue(), "2 files same\n")

    def test_newer(self) -> None:
        """A newer target is left unchanged without a terminal, and replaced with --force."""
        path = self.make_file("a", b"old", mtime=1)
        self.make_remote_file("a", b"newer", mtime=2)
        self.have_seen("a", b"newer")
        self.assertEqual(self.homeftp("push", path, "nas:a"), Exit.DIFFERS)
        self.assertIn("not replaced, because the target is newer. Use --force", self.err.getvalue())
        self.assertEqual(self.homeftp("push", "--force", path, "nas:a"), Exit.DONE)
        self.assertEqual(self.remote_files(), {"a": b"old"})

    def test_conflict(self) -> None:
        """A target that this machine has not seen is left unchanged, whatever its time, until cmp has shown it."""
        path = self.make_file("a", b"mine", mtime=2)
        self.make_remote_file("a", b"theirs", mtime=1)
        self.assertEqual(self.homeftp("push", path, "nas:a"), Exit.DIFFERS)
        self.assertIn("conflict: a: not replaced, because this machine has not seen", self.err.getvalue())
        self.assertEqual(self.remote_files(), {"a": b"theirs"})
        self.assertEqual(self.homeftp("cmp", path, "nas:a"), Exit.DIFFERS)
        self.assertEqual(self.homeftp("push", path, "nas:a"), Exit.DONE)
        self.assertEqual(self.remote_files(), {"a": b"mine"})

    def test_refused(self) -> None:
        """Operands that contradict each other are refused before anything is sent."""
        for words, message in (
            (("nas:a", "nas:b"), "nas:a is on a server, but push uploads local files. For a local file: ./nas:a"),
            (("a", "b/c"), "'b/c' is not a path on a server"),
            (("-", "a", "nas:"), "standard input must be the only source."),
            (("-", "nas:", "--files-from", "-"), "--files-from is for folders: standard input is one file."),
        ):
            self.assertEqual(self.homeftp("push", *words), Exit.USAGE)
            self.assertIn(message, self.err.getvalue())
        self.assertEqual(self.remote_files(), {})
