"""Arguments that several commands have."""

from __future__ import annotations

import argparse
import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.arguments import accept_options, add_actions


class ActionsTests(SynchronousTestCase):
    """add_actions."""

    def setUp(self) -> None:
        self.parser = argparse.ArgumentParser()
        self.actions = add_actions(self.parser, {"list": "List all.", "remove": "Remove one."})
        self.actions["remove"].add_argument("--force", action="store_true")

    def test_given(self) -> None:
        """The action that is given is known by its name, and has its own options."""
        self.assertEqual(self.parser.parse_args(["list"]).action, "list")
        self.assertEqual(vars(self.parser.parse_args(["remove", "--force"])), {"action": "remove", "force": True})

    def test_refused(self) -> None:
        """No action, an unknown one, another's option and a shortened option are refused."""
        for words in ([], ["add"], ["list", "--force"], ["remove", "--forc"]):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
                self.parser.parse_args(words)

    def test_help(self) -> None:
        """The help of the command has every action with its summary."""
        self.assertRegex(self.parser.format_help(), r"list +List all\.\n +remove +Remove one\.")
        self.assertIn("Remove one.", self.actions["remove"].format_help())


class AcceptedTests(SynchronousTestCase):
    """A parser with two of them."""

    def test_nothing_left(self) -> None:
        """They are accepted, joined to others too, and nothing shows that they were given."""
        parser = argparse.ArgumentParser()
        parser.add_argument("-v", action="store_true")
        accept_options(parser, "-z", "--compress")
        self.assertEqual(vars(parser.parse_args(["-vz", "--compress"])), {"v": True})
        self.assertNotIn("compress", parser.format_help())
