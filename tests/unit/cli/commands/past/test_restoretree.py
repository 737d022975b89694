"""`homeftp restore -r` against a server in memory."""

from __future__ import annotations

import json
from typing import Sequence
from unittest import mock

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.errors import Forbidden
from homeftp.history.changes import Reversion
from homeftp.model import Entry
from homeftp.store.local.history import LocalHistory
from tests.support.commandline import MOMENT, RemoteCommandCase, confirm_here
from tests.support.pasttrees import PastTreeCase


class RestoreTreeTests(RemoteCommandCase, PastTreeCase):
    """The command line, for a folder that was changed in every way."""

    def setUp(self) -> None:
        super().setUp()
        self.at = str(self.as_of)

    def restore(self, *options: str, typed: bytes = b"", terminal: bool = False) -> int:
        """Restore the folder as it was."""
        with (
            mock.patch("homeftp.cli.commands.past.restoretree.can_ask", return_value=terminal),
            mock.patch("homeftp.cli.commands.past.restoretree.confirm_in_thread", confirm_here),
        ):
            return self.homeftp("restore", "-r", "nas:d", "--at", self.at, *options, typed=typed)

    def test_restored(self) -> None:
        """The folder is what it was; the result says what was done."""
        self.assertEqual(self.restore("-y"), Exit.DONE)
        self.assertEqual(self.remote_files(), self.then)
        self.assertRegex(
            self.out.getvalue(),
            rf"\ARestored d as of {MOMENT}: 2 files restored, 1 file moved to the versions, 1 unchanged\.\n\Z",
        )

    def test_asked(self) -> None:
        """At a terminal it asks before files that did not exist then are moved away; elsewhere it needs -y."""
        before = self.remote_files()
        self.assertEqual(self.restore(), Exit.USAGE)
        self.assertIn("1 file (4 B) in d did not exist at ", self.err.getvalue())
        self.assertEqual(self.restore(typed=b"n\n", terminal=True), Exit.DIFFERS)
        self.assertIn("2 files would be restored. Go on? [y/N] Nothing was changed.", self.err.getvalue())
        self.assertEqual(self.remote_files(), before)
        self.assertEqual(self.restore(typed=b"y\n", terminal=True), Exit.DONE)
        self.assertEqual(self.remote_files(), self.then)

    def test_nothing_to_ask(self) -> None:
        """Where only versions come back there is no question; without --at the last change is undone."""
        self.run_work(self.client.remove("d", recursive=True))
        self.assertEqual(self.homeftp("restore", "-r", "nas:d/e"), Exit.DONE)
        self.assertEqual(self.remote_files(), {"d/e/removed": b"then"})

    def test_dry_run(self) -> None:
        """-n lists what would be done, and does nothing."""
        before = self.remote_files()
        self.assertEqual(self.restore("-n"), Exit.DONE)
        self.assertEqual(self.remote_files(), before)
        lines = self.out.getvalue().splitlines()
        self.assertEqual(lines[0], "would remove added, which did not exist then")
        self.assertRegex(lines[1], rf"\Awould restore e/removed \(the version of {MOMENT}, 4 B\)\Z")
        self.assertRegex(
            lines[-1],
            rf"\AWould restore d as of {MOMENT}: 2 files restored, 1 file moved to the versions, 1 unchanged\.",
        )

    def test_json(self) -> None:
        """--json prints an object for each name, and one with the totals."""
        self.assertEqual(self.restore("-y", "--json"), Exit.DONE)
        *each, total = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual(
            [(one["name"], one["outcome"]) for one in each],
            [("added", "removed"), ("e/removed", "restored"), ("replaced", "restored")],
        )
        self.assertEqual((total["outcome"], total["as_of"]), ("total", self.as_of))
        self.assertEqual([total[name] for name in ("restored", "removed", "refused", "unchanged")], [2, 1, 0, 1])

    def test_refused(self) -> None:
        """What is refused is named, the rest is done, and the exit code says so."""
        revert = LocalHistory.revert

        def partly(history: LocalHistory, wanted: Sequence[Reversion]) -> list[Entry | Exception | None]:
            return [Forbidden("you may not"), *revert(history, wanted[1:])]

        with mock.patch.object(LocalHistory, "revert", partly):
            self.assertEqual(self.restore("-y"), Exit.REFUSED)
        self.assertEqual(self.err.getvalue(), "homeftp: added: you may not\n")
        self.assertIn("2 files restored, 1 unchanged, 1 refused.", self.out.getvalue())
        self.assertEqual(self.remote_files(), {**self.then, "d/added": b"new!"})

    def test_seen(self) -> None:
        """What was restored was seen: a push replaces it without a question."""
        self.restore("-y")
        self.push(self.make_file("x", b"mine", mtime=2**31), "d/replaced")
        self.assertEqual(self.remote_files()["d/replaced"], b"mine")

    def test_wrong(self) -> None:
        """A time at which nothing was there, a time that is none, and options that need -r."""
        self.at = "1999-01-01"
        self.assertEqual(self.restore("-y"), Exit.REFUSED)
        self.assertIn("nothing was at d at that time", self.err.getvalue())
        self.at = "yesterday"
        self.assertEqual(self.restore("-y"), Exit.USAGE)
        for option in ("-y", "-n"):
            self.assertEqual(self.homeftp("restore", "nas:d/same", option), Exit.USAGE)
