"""How synced folders are shown; tests/system/cli/test_sync_pairs.py has real ones."""

from __future__ import annotations

import os
import re
import shlex
import sys
from unittest import mock

import attrs

from homeftp.cli.pairs.pair import SavedPair
from homeftp.cli.pairs.pairfile import PairFile
from homeftp.cli.status.pairs import find_pairs, pair_lines
from homeftp.cli.terminal.times import format_minute
from homeftp.client import PairStatus, StatusFolder, WaitingFile, pair_status_path
from tests.support.commandline import Output
from tests.support.folders import QuickCase

AT = 1_700_000_000_000_000


class PairTests(QuickCase):
    """find_pairs and pair_lines."""

    def setUp(self) -> None:
        self.home = os.path.realpath(self.mktemp())
        self.folder = os.path.join(self.home, "Documents")
        os.makedirs(self.folder)
        environ = mock.patch.dict(os.environ, HOMEFTP_HOME=self.home)
        environ.start()
        self.addCleanup(environ.stop)
        self.statuses = StatusFolder(pair_status_path(os.environ))
        self.status = PairStatus(folder=self.folder, remote="nas:Documents", in_step_us=AT, synced_us=AT + 10**9)

    def save(self) -> None:
        """Save the pair."""
        PairFile(self.home).save(SavedPair(folder=self.folder, server="nas", path="Documents"))

    def hold(self) -> None:
        """Keep the pair in step."""
        lock = self.statuses.lock(self.folder)
        self.addCleanup(lock.release)

    def shown(self, *names: str) -> str:
        """What is shown."""
        return "\n".join(pair_lines(find_pairs(names)))

    def test_none(self) -> None:
        """Nothing is said of pairs where there are none, nor of one that is neither saved nor watched."""
        self.assertEqual(self.shown(), "")
        self.statuses.write(self.status)
        self.assertEqual(self.shown(), "")
        self.hold()
        self.assertIn(self.folder, self.shown())

    def test_states(self) -> None:
        """In step since when, what is under way, what stopped it, and that no watch is running."""
        self.save()
        pair = f"  {self.folder} and nas:Documents: "
        since, compared = format_minute(AT), format_minute(AT + 10**9)
        by = f"(process {os.getpid()})"
        self.assertEqual(self.shown(), f"Synced folders\n{pair}no watch is running, never synced")
        self.statuses.write(attrs.evolve(self.status, doing="comparing"))
        self.assertIn(f"{pair}no watch is running, last compared {compared}", self.shown())
        self.hold()
        self.assertIn(f"{pair}comparing {by}", self.shown())
        self.statuses.write(self.status)
        self.assertIn(f"{pair}in step since {since}, last compared {compared} {by}", self.shown())
        self.statuses.write(attrs.evolve(self.status, problem="no route"))
        self.assertIn(f"{pair}not in step, last compared {compared} {by}\n    waiting: no route", self.shown())
        self.statuses.write(attrs.evolve(self.status, problem="is its disk mounted?", needs_person=True))
        self.assertIn("    stopped: is its disk mounted?", self.shown())

    def test_waits_for_a_person(self) -> None:
        """Files that a person has to look at are named, and so are the copies of conflicts."""
        self.save()
        waiting = [WaitingFile(outcome="suspicious", name=f"{number}", reason="is empty") for number in range(7)]
        self.statuses.write(attrs.evolve(self.status, waiting=tuple(waiting), waiting_files=70))
        for number in range(7):
            with open(f"{self.folder}/{number} (conflict from ann-laptop 2026-05-01).txt", "w"):
                pass
        shown = self.shown()
        self.assertIn("    suspicious: 0: is empty\n", shown)
        self.assertNotIn("suspicious: 5", shown)
        self.assertIn("and 65 files more that the next sync lists", shown)
        self.assertIn("    conflict: 0 (conflict from ann-laptop 2026-05-01).txt\n", shown)
        self.assertIn(f"To decide: homeftp sync --conflicts {self.folder} (at least 7)", shown)
        (fields,) = find_pairs(())
        self.assertEqual((fields["waiting_files"], len(fields["conflicts"]), fields["pid"]), (70, 7, None))

    def test_quoted_folder(self) -> None:
        """The command that lists conflicts is shown as a shell takes it, also for a folder with a space."""
        self.folder = os.path.join(self.home, "My Documents")
        os.mkdir(self.folder)
        self.save()
        with open(f"{self.folder}/a (conflict from ann-laptop 2026-05-01).txt", "w"):
            pass
        (said,) = re.findall("To decide: (.*)", self.shown())
        self.assertEqual(shlex.split(said), ["homeftp", "sync", "--conflicts", self.folder])

    def test_named_servers(self) -> None:
        """Where servers are named only their pairs are shown; the status of another other side is not used."""
        self.save()
        self.statuses.write(attrs.evolve(self.status, remote="old:Documents"))
        self.assertIn("never synced", self.shown("nas"))
        self.assertEqual(self.shown("other"), "")

    def test_damaged_file(self) -> None:
        """A mistake in sync.toml is reported, and pairs that are watched are shown."""
        with open(f"{self.home}/sync.toml", "w") as file:
            file.write("x")
        self.statuses.write(self.status)
        self.hold()
        error = Output()
        self.patch(sys, "stderr", error)
        self.assertIn("in step since", self.shown())
        self.assertIn("sync.toml is not valid TOML", error.getvalue())
