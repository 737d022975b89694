"""The parser: what it lists, and what it suggests for a misspelled word."""

from __future__ import annotations

import argparse
import io
import sys
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.parser import build_parser, subparsers_of, takes_paths
from homeftp.cli.table import COMMANDS

OPTIONS_GO = "Options go before or after all other arguments, not between them."


class ParserTests(SynchronousTestCase):
    """build_parser and Parser."""

    def refused(self, *words: str) -> str:
        """The last line of the error for these words, without the command's name."""
        self.patch(sys, "stderr", err := io.StringIO())
        with self.assertRaises(SystemExit) as ended:
            build_parser(COMMANDS).parse_args(words)
        self.assertEqual(ended.exception.code, 2)
        return err.getvalue().splitlines()[-1].partition("error: ")[2]

    def test_suggestions(self) -> None:
        """A misspelled option or action gets a suggestion, one that is like nothing gets none."""
        for words, message in (
            (
                ("push", "--recursiv", "a", "nas:"),
                "there is no option --recursiv. Did you mean `--recursive` or `--archive`?",
            ),
            (("ls", "nas:", "--jso"), "there is no option --jso. Did you mean `--json`?"),
            (("push", "--checksum", "a", "nas:"), "there is no option --checksum."),
            (("push", "-xr", "a", "nas:"), "there is no option -x."),
            (("push", "-rX", "a", "nas:"), "there is no option -X."),
            (("ls", "-lx", "nas:"), "there is no option -x."),
            (("push", "--forc=1", "a", "nas:"), "there is no option --forc. Did you mean `--force`?"),
            (("versions", "nas:", "nas:a"), "too many arguments: nas:a. " + OPTIONS_GO),
            (("push", "a", "-r", "b", "nas:"), "too many arguments: nas:. " + OPTIONS_GO),
            (("pair", "nas.lan", "--name", "nas", "4821"), "too many arguments: 4821. " + OPTIONS_GO),
        ):
            self.assertEqual(self.refused(*words), message)
        for typed, message in (  # a shell puts the names of files in the place of a pattern
            (("push", "--\x1b[31m", "a", "nas:"), "there is no option --\\x1b[31m."),
            (("push", "-\x1b", "a", "nas:"), "there is no option -\\x1b."),
            (("versions", "nas:", "\x1b"), "too many arguments: \\x1b. " + OPTIONS_GO),
            (
                ("device", "\x1b"),
                "argument ACTION: invalid choice: '\\x1b' (choose from "
                "list, add-app, add-key, narrow, rename, revoke).",
            ),
        ):
            self.assertEqual(self.refused(*typed), message)
        actions = "list, add-app, add-key, narrow, rename, revoke"
        expected = f"argument ACTION: invalid choice: 'lst' (choose from {actions}). Did you mean `list`?"
        self.assertEqual(self.refused("device", "lst"), expected)

    def test_habits(self) -> None:
        """Options of rsync and ls are accepted where what they ask for is done anyway."""
        parser = build_parser(COMMANDS)
        for words in (("push", "-avz", "a", "b:"), ("get", "-avzP", "b:", "a"), ("cmp", "-avz", "a", "b:")):
            self.assertTrue(parser.parse_args(words).perms, words)
        parser.parse_args(("sync", "-avz", "a", "b:"))
        parser.parse_args(("clone", "-av", "b:", "a"))
        parser.parse_args(("ls", "-la", "b:"))
        parser.parse_args(("ls", "-1", "b:"))

    def test_joined_h(self) -> None:
        """The -h in rsync's -avzh changes nothing; alone it prints the help, and so it does in other commands."""
        parser = build_parser(COMMANDS)
        named = dict(subparsers_of(parser))
        for name in ("push", "get", "cmp", "sync", "clone"):
            letters = [
                action for action in named[name]._actions if any(len(each) == 2 for each in action.option_strings)
            ]
            self.assertEqual({action.nargs for action in letters}, {0}, name)
            operands = ("b:", "a") if name in ("get", "clone") else ("a", "b:")
            self.assertTrue(parser.parse_args((name, "-avh", *operands)).verbose, name)
            self.assertEqual(parser.parse_args((name, "-hv", *operands)), parser.parse_args((name, "-v", *operands)))
            self.patch(sys, "stdout", out := io.StringIO())
            with self.assertRaises(SystemExit):
                parser.parse_args((name, "-h", *operands))
            self.assertIn(f"usage: homeftp {name}", out.getvalue())
        self.assertEqual(parser.parse_args(("push", "--", "-vh", "b:")).sources, ["-vh"])
        self.patch(sys, "stdout", out := io.StringIO())
        with self.assertRaises(SystemExit):
            parser.parse_args(("rm", "-rh", "b:a"))
        self.assertIn("usage: homeftp rm", out.getvalue())

    def test_usage_of_subcommand(self) -> None:
        """The usage is that of the subcommand whose option it is."""
        self.patch(sys, "stderr", err := io.StringIO())
        with self.assertRaises(SystemExit):
            build_parser(COMMANDS).parse_args(["du", "--summary", "nas:"])
        self.assertTrue(err.getvalue().startswith("usage: homeftp du "))

    def test_hidden(self) -> None:
        """A hidden command is parsed, and not listed."""
        parser = build_parser(COMMANDS)
        self.assertNotIn("complete-path", parser.format_help())
        self.assertIn("completion", parser.format_help())
        self.assertEqual(parser.parse_args(["complete-path", "nas:"]).word, "nas:")

    def test_own_h(self) -> None:
        """-h is an option of du and ls, and prints the help of the others."""
        parser = build_parser(COMMANDS)
        for name in ("du", "ls"):
            self.assertTrue(parser.parse_args([name, "-h", "nas:"]).human_readable)
        self.patch(sys, "stdout", out := io.StringIO())
        for name in ("du", "ls", "rm"):
            for option in ("--help", "-h") if name == "rm" else ("--help",):
                self.assertRaises(SystemExit, parser.parse_args, [name, option])
                self.assertIn(f"usage: homeftp {name}", out.getvalue())

    def test_subparsers(self) -> None:
        """The commands and the actions of one are found, and which commands take paths."""
        parsers = dict(subparsers_of(build_parser(COMMANDS)))
        self.assertEqual(list(parsers), list(COMMANDS))
        self.assertEqual(
            [name for name, _ in subparsers_of(parsers["device"])],
            ["list", "add-app", "add-key", "narrow", "rename", "revoke"],
        )
        self.assertEqual([takes_paths(parsers[name]) for name in ("push", "verify", "remote")], [True, True, False])

    def test_namespace(self) -> None:
        """A command line without errors is parsed as by argparse."""
        options = build_parser(["push"]).parse_args(["push", "-r", "a", "b", "nas:"])
        self.assertIsInstance(options, argparse.Namespace)
        self.assertEqual((options.command, options.sources, options.target), ("push", ["a", "b"], "nas:"))

    def test_called_later(self) -> None:
        """A command that was only listed has its arguments when it is called, and the same as in a whole parser."""
        words = ["push", "-r", "a", "b", "nas:"]
        self.assertEqual(build_parser([]).parse_args(words), build_parser(COMMANDS).parse_args(words))
        self.assertEqual(build_parser([]).format_help(), build_parser(COMMANDS).format_help())

    def test_later_python(self) -> None:
        """Python 3.14 hands on to the parser of each command whether messages have colours."""
        add_parser = argparse._SubParsersAction.add_parser

        def colored(self: Any, name: str, **given: Any) -> Any:
            return add_parser(self, name, color=True, **given)

        with mock.patch.object(argparse._SubParsersAction, "add_parser", colored):
            self.assertEqual(build_parser([]).parse_args(["pair", "nas"]).command, "pair")
