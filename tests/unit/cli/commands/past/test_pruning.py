"""`homeftp versions --prune` against a server in memory."""

from __future__ import annotations

import json
from typing import Awaitable, Callable, Sequence
from unittest import mock

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.prune import PruneDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.errors import Busy
from homeftp.hashing.filehash import hash_bytes
from homeftp.history.changes import VersionId
from homeftp.status import Status
from homeftp.store.local.history import LocalHistory
from tests.support.commandline import MOMENT, RemoteCommandCase, confirm_here
from tests.support.inmemory import Connection

ConfirmInThread = Callable[[object, str], Awaitable[bool]]


class PruneTests(RemoteCommandCase):
    """The command line, for two files with two versions each."""

    extra = (VersionsDispatcher(), PruneDispatcher(), DeleteDispatcher())

    def setUp(self) -> None:
        super().setUp()
        for content in (b"1", b"22", b"333"):
            for name in ("d/a", "d/e/b"):
                self.push(self.make_file("x", content), name, force=True)

    def prune(
        self, *options: str, typed: bytes = b"", terminal: bool = False, confirm: ConfirmInThread = confirm_here
    ) -> int:
        """Prune the folder."""
        with (
            mock.patch("homeftp.cli.commands.past.pruning.can_ask", return_value=terminal),
            mock.patch("homeftp.cli.commands.past.pruning.confirm_in_thread", confirm),
        ):
            return self.homeftp("versions", "--prune", "nas:d", *options, typed=typed)

    def kept(self) -> int:
        """How many versions there are."""
        self.homeftp("versions", "nas:")
        return len(self.out.getvalue().splitlines())

    def test_all(self) -> None:
        """All versions go, and the current files stay."""
        self.assertEqual(self.prune("-y"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Removed 4 versions (6 B) of d.\n")
        self.assertEqual(self.kept(), 0)
        self.assertEqual(self.remote_files(), {"d/a": b"333", "d/e/b": b"333"})

    def test_asked(self) -> None:
        """It asks at a terminal, with count and bytes; elsewhere it needs -y, and removes nothing."""
        self.assertEqual(self.prune(), Exit.USAGE)
        self.assertEqual(self.prune("--json", terminal=True), Exit.USAGE)
        self.assertEqual(self.prune(typed=b"\n", terminal=True), Exit.DIFFERS)
        self.assertIn("Remove 4 versions (6 B) of d for good? This cannot be undone. [y/N] ", self.err.getvalue())
        self.assertEqual(self.kept(), 4)
        self.assertEqual(self.prune("--keep", "1", typed=b"y\n", terminal=True), Exit.DONE)
        self.assertIn("Remove 2 versions (2 B)", self.err.getvalue())
        self.assertEqual(self.kept(), 2)

    def test_after_the_question(self) -> None:
        """Versions that arise while a person reads the question stay: nobody was asked about them."""

        async def answer(reactor: object, question: str) -> bool:
            removed = Connection(self.server).ask("DELETE", {"rel_endpoint": "d/a", "if_hash": hash_bytes(b"333")})
            return removed.status == Status.OK

        self.assertEqual(self.prune(terminal=True, confirm=answer), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Removed 4 versions (6 B) of d.\n")
        self.assertEqual(self.kept(), 1)
        self.assertEqual(self.prune("-y"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Removed 1 version (3 B) of d.\n", "the control")

    def test_nothing(self) -> None:
        """Where there is nothing to remove, nothing is asked."""
        self.assertEqual(self.prune("--keep", "2", terminal=True), Exit.DONE)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("Removed 0 versions (0 B) of d.\n", ""))
        self.assertEqual(self.kept(), 4)

    def test_some(self) -> None:
        """Only those older than an age, or all but the newest."""
        self.assertEqual(self.prune("-y", "--older-than", "1d"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Removed 0 versions (0 B) of d.\n")
        self.assertEqual(self.prune("-y", "--older-than", "0s", "--keep", "1"), Exit.DONE)
        self.assertEqual(self.kept(), 2)

    def test_dry_run(self) -> None:
        """-n lists what would go."""
        self.assertEqual(self.prune("-n", "--keep", "1"), Exit.DONE)
        *lines, total = self.out.getvalue().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], rf"\Awould remove {MOMENT}  +1 B  a\Z")
        self.assertEqual(total, "Would remove 2 versions (2 B) of d.")
        self.assertEqual(self.kept(), 4)

    def test_json(self) -> None:
        """--json prints an object for each version, and one with the totals."""
        self.assertEqual(self.prune("-y", "--json", "--keep", "1"), Exit.DONE)
        *each, total = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual(
            [(one["outcome"], one["name"], one["size"]) for one in each], [("pruned", "a", 1), ("pruned", "e/b", 1)]
        )
        self.assertEqual(total, {"outcome": "total", "name": "d", "pruned": 2, "size": 2, "refused": 0})

    def test_refused(self) -> None:
        """A version that stays is named, the others go, and the exit code says so."""
        remove_versions = LocalHistory.remove_versions

        def partly(history: LocalHistory, versions: Sequence[VersionId]) -> list[int | Exception]:
            return [Busy("it is being put back"), *remove_versions(history, versions[1:])]

        with mock.patch.object(LocalHistory, "remove_versions", partly):
            self.assertEqual(self.prune("-y"), Exit.REFUSED)
        self.assertRegex(self.err.getvalue(), rf"\Ahomeftp: a, version of {MOMENT}: it is being put back\n\Z")
        self.assertEqual(self.out.getvalue(), "Removed 3 versions (5 B) of d.\n")
        with mock.patch.object(LocalHistory, "remove_versions", partly):
            self.prune("-y", "--json")
        self.assertEqual(json.loads(self.out.getvalue().splitlines()[0])["outcome"], "refused")

    def test_wrong(self) -> None:
        """Options without --prune, and numbers and ages that are none."""
        for options in (["-y"], ["-n"], ["--keep", "1"], ["--older-than", "1d"]):
            self.assertEqual(self.homeftp("versions", "nas:d", *options), Exit.USAGE)
        self.assertEqual(self.prune("-y", "--keep", "-1"), Exit.USAGE)
        self.assertEqual(self.prune("-y", "--older-than", "long ago"), Exit.USAGE)
        self.assertEqual(self.kept(), 4)
