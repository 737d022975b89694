"""`homeftp restore` against a server in memory."""

from __future__ import annotations

import json

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.restore import RestoreDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from tests.support.commandline import MOMENT, RemoteCommandCase


class RestoreTests(RemoteCommandCase):
    """The command line, for a file with two versions."""

    extra = (VersionsDispatcher(), RestoreDispatcher(), DeleteDispatcher())

    def setUp(self) -> None:
        super().setUp()
        for content in (b"1", b"22", b"333"):
            self.push(self.make_file("a", content), "a", force=True)

    def times(self) -> list[str]:
        """The times of the versions, newest first."""
        self.homeftp("versions", "nas:a")
        return [line[:26] for line in self.out.getvalue().splitlines()]

    def test_seen(self) -> None:
        """What was restored was seen: a push replaces it."""
        self.assertEqual(self.homeftp("restore", "nas:a"), Exit.DONE)
        self.push(self.make_file("a", b"4444", mtime=2**31), "a")
        self.assertEqual(self.remote_files(), {"a": b"4444"})

    def test_newest(self) -> None:
        """Without --at the newest version is restored, and a second restore undoes the first."""
        self.assertEqual(self.homeftp("restore", "nas:a"), Exit.DONE)
        self.assertRegex(
            self.out.getvalue(),
            rf"\ARestored a to the version of {MOMENT} \(2 B\); the previous content was kept\.\n\Z",
        )
        self.assertEqual(self.remote_files(), {"a": b"22"})
        self.assertEqual(self.homeftp("restore", "--json", "nas:a"), Exit.DONE)
        self.assertEqual(json.loads(self.out.getvalue())["name"], "a")
        self.assertEqual(self.remote_files(), {"a": b"333"})

    def test_at(self) -> None:
        """--at takes a time; one that fits several versions is refused with their times, one that fits none as well."""
        newest, oldest = self.times()
        self.assertEqual(self.homeftp("restore", "nas:a", "--at", newest[:4]), Exit.USAGE)
        self.assertIn(
            f"2 versions of a match {newest[:4]}. Give more of the time: {newest}, {oldest}", self.err.getvalue()
        )
        self.assertEqual(self.homeftp("restore", "nas:a", "--at", "1999"), Exit.USAGE)
        self.assertIn("--at 1999: give a time such as", self.err.getvalue())
        self.assertEqual(self.homeftp("restore", "nas:a", "--at", "2199-01-01"), Exit.REFUSED)
        self.assertIn("a has not changed since 2199-01-01.", self.err.getvalue())
        self.assertEqual(self.homeftp("restore", "nas:a", "--at", oldest), Exit.DONE)
        self.assertEqual(self.remote_files(), {"a": b"1"})

    def test_moment(self) -> None:
        """A time that is not that of a version means what was there then, at whatever time it was replaced."""
        newest, oldest = self.times()
        just_after = f"{oldest[:-1]}{(int(oldest[-1]) + 1) % 10}"
        as_of = just_after if just_after > oldest else newest
        self.assertEqual(self.homeftp("restore", "nas:a", "--at", as_of), Exit.DONE)
        self.assertEqual(self.remote_files(), {"a": b"22"})
        self.assertEqual(self.homeftp("restore", "nas:a", "--at", "2000-01-01"), Exit.DONE)
        self.assertEqual(self.remote_files(), {"a": b"1"})

    def test_refused(self) -> None:
        """A file without versions, a folder, a former folder, and no file at all."""
        self.make_remote_file("lib/x")
        self.push(self.make_file("x", b"x"), "gone/x")
        self.run_work(self.client.remove("gone", recursive=True))
        for path, code, message in (
            ("nas:none", Exit.REFUSED, "none has no previous versions."),
            ("nas:lib", Exit.REFUSED, "lib has no previous versions."),
            ("nas:gone", Exit.REFUSED, "gone is a folder, or was one. Use -r to restore the files in it."),
            ("nas:", Exit.USAGE, "name the file to restore: NAME:PATH"),
        ):
            self.assertEqual(self.homeftp("restore", path), code)
            self.assertEqual(self.err.getvalue(), f"homeftp: {message}\n")
