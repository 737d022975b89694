"""`homeftp sync` with saved pairs; tests/system/cli/test_sync_pairs.py syncs all of them."""

from __future__ import annotations

import argparse
import json
import os

from homeftp.cli.commands import sync
from homeftp.cli.commands.pairs import OF_ONE_PAIR, pair_file
from homeftp.cli.pairs.pair import SavedPair
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import Direction, Preference
from tests.support.commandline import RemoteCommandCase
from tests.support.syncs import DISPATCHERS


class PairTests(RemoteCommandCase):
    """A folder, and a server."""

    extra = DISPATCHERS

    def setUp(self) -> None:
        super().setUp()
        self.make_file("a.txt", b"one")
        self.forget_syncs()

    def test_saved(self) -> None:
        """A pair is saved with its options when it has been synced, and synced by its folder alone from then on."""
        options = (
            "--push",
            "--prefer",
            "newer",
            "--max-delete",
            "3",
            "--no-ignore",
            "--strict-names",
            "--bwlimit=1M",
            "--follow-links",
        )
        patterns = ("--exclude", "*.tmp", "--include", "*")
        self.assertEqual(
            self.homeftp("sync", "-y", "--save", *options, *patterns, self.here, "nas:Docs"),
            Exit.DONE,
            self.err.getvalue(),
        )
        (saved,) = pair_file().load()
        self.assertEqual(
            saved,
            SavedPair(
                folder=os.path.abspath(self.here),
                server="nas",
                path="Docs",
                direction=Direction.PUSH,
                preference=Preference.NEWER,
                max_delete=3,
                patterns=("!*", "*.tmp"),
                ignore_files=False,
                strict_names=True,
                follow_links=True,
                bandwidth="1048576B",
            ),
        )
        self.make_file("b.txt")
        self.make_file("c.tmp")
        self.assertEqual(self.homeftp("sync", "-y", self.here), Exit.DONE)
        self.assertEqual(set(self.remote_files()), {"Docs/a.txt", "Docs/b.txt"})
        self.make_remote_file("Docs/there")
        self.assertEqual(self.homeftp("sync", "-y", "--both", self.here), Exit.DONE)
        self.assertTrue(os.path.exists(os.path.join(self.here, "there")))
        self.assertEqual(pair_file().load(), [saved])

    def test_not_saved(self) -> None:
        """A pair whose sync is declined or impossible is not saved."""
        with self.subTest("control"):
            self.homeftp("sync", "-y", "--save", self.here, "nas:Docs")
            self.assertEqual(len(pair_file().load()), 1)
            self.homeftp("sync", "--forget", self.here)
        self.assertEqual(self.homeftp("sync", "-n", "--save", self.here, "nas:Docs"), Exit.USAGE)
        os.unlink(os.path.join(self.here, "a.txt"))
        self.assertEqual(self.homeftp("sync", "-y", "--save", self.here, "nas:Docs"), Exit.USAGE)
        self.assertIn("would be deleted", self.err.getvalue())
        self.assertEqual(pair_file().load(), [])

    def test_listed(self) -> None:
        """Pairs are listed for people and for scripts; without any it says how to save one."""
        self.assertEqual(self.homeftp("sync", "--list"), Exit.DONE)
        self.assertIn("homeftp sync --save Documents nas:Documents", self.out.getvalue())
        pair_file().save(SavedPair(folder="/a\x1b", server="nas", path="x", direction=Direction.PULL))
        self.homeftp("sync", "--list")
        self.assertEqual(self.out.getvalue(), "/a\\x1b  nas:x (--pull)\n")
        self.homeftp("sync", "--list", "--json")
        found = json.loads(self.out.getvalue())
        self.assertEqual(
            found, {"folder": "/a\x1b", "remote": "nas:x", "direction": "pull", "prefer": None, "max_delete": None}
        )

    def test_forgotten(self) -> None:
        """A pair that is forgotten is not synced any more, and its folders stay."""
        self.homeftp("sync", "-y", "--save", self.here, "nas:Docs")
        self.assertEqual(self.homeftp("sync", "--forget", self.here, "--json"), Exit.DONE)
        self.assertEqual(json.loads(self.out.getvalue())["remote"], "nas:Docs")
        self.assertEqual(self.remote_files(), {"Docs/a.txt": b"one"})
        self.assertEqual(self.homeftp("sync", "--forget", self.here), Exit.USAGE)
        self.assertEqual(self.homeftp("sync", "--forget", self.here, "x"), Exit.USAGE)
        self.assertEqual(self.homeftp("sync", "-y", self.here), Exit.USAGE)
        self.assertIn("has no saved pair", self.err.getvalue())

    def test_options(self) -> None:
        """Each option of a sync is one of a pair, or is known to be about the command only."""
        parser = argparse.ArgumentParser()
        sync.add_arguments(parser)
        about_command = {
            *("folder", "remote", "files_from", "dry_run", "yes", "plan", "watch", "list", "forget"),
            *("conflicts", "resolve", "keep", "bwlimit", "verbose", "json", "quiet"),
        }
        self.assertEqual(set(vars(parser.parse_args([]))), about_command | set(OF_ONE_PAIR))

    def test_all(self) -> None:
        """What is for all pairs needs some, takes no option of one, and asks as one pair does."""
        self.assertEqual(self.homeftp("sync", "-y"), Exit.USAGE)
        self.assertIn("all saved pairs", self.err.getvalue())
        pair_file().save(SavedPair(folder="/a", server="nas", path="x"))
        for words in (("--push",), ("--max-delete", "1"), ("--exclude", "x"), ("--save",), ("--start-over",)):
            self.assertEqual(self.homeftp("sync", "-y", *words), Exit.USAGE)
            self.assertIn("are for one pair", self.err.getvalue())
        self.assertEqual(self.homeftp("sync"), Exit.USAGE)
        self.assertIn("use -y", self.err.getvalue())
