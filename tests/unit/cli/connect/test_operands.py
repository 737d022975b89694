"""Operands of the command line."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.connect.operands import (
    Operand,
    common_remote,
    name_of_transfer,
    parse_operand,
    parse_remote_operand,
    parse_remote_operands,
)
from homeftp.errors import OperatorError


class OperandTests(SynchronousTestCase):
    """parse_operand and parse_remote_operand."""

    def test_parsed(self) -> None:
        """NAME:PATH is remote; a path, one letter with a colon, and ./a:b are local."""
        for text, operand in (
            ("nas:", Operand("nas", "")),
            ("nas:a:b/c", Operand("nas", "a:b/c")),
            ("my.nas-2:x", Operand("my.nas-2", "x")),
            ("nas", Operand(None, "nas")),
            ("./a:b", Operand(None, "./a:b")),
            ("c:\\x", Operand(None, "c:\\x")),
            ("-", Operand(None, "-")),
        ):
            self.assertEqual(parse_operand(text), operand)

    def test_name_of_transfer(self) -> None:
        """A single source that gets its own name inside the target is named; else the target is."""
        for sources, target, name in (
            (["x/Q"], "nas:", "nas:Q"),
            (["Q"], "nas:lib/", "nas:lib/Q"),
            (["nas:lib/Q"], ".", "Q"),
            (["nas:Q"], "here/", "here/Q"),
            (["Q"], "nas:lib", "nas:lib"),
            (["Q/"], "nas:", "nas:"),
            (["."], "nas:", "nas:"),
            (["Q", "R"], "nas:", "nas:"),
            (["nas:"], ".", "."),
        ):
            self.assertEqual(name_of_transfer(sources, target), name, (sources, target))

    def test_remote(self) -> None:
        """A bare name gets the colon suggested; any other local path gets the form to write."""
        self.assertEqual(parse_remote_operand("nas:a"), ("nas", "a"))
        for text, message in (
            ("nas", "'nas' has no path. Did you mean `nas:`?"),
            ("a.txt", "'a.txt' is not a path on a server. Write NAME:PATH; `homeftp remote list` prints the names."),
            ("x/y", "'x/y' is not a path on a server. Write NAME:PATH; `homeftp remote list` prints the names."),
        ):
            self.assertEqual(str(self.assertRaises(OperatorError, parse_remote_operand, text)), message)

    def test_one_server(self) -> None:
        """Several servers in one command are refused by name."""
        self.assertEqual(common_remote([Operand("nas", "a"), Operand(None, "b"), Operand("nas", "c")]), "nas")
        error = self.assertRaises(OperatorError, common_remote, [Operand("nas", "a"), Operand("attic", "b")])
        self.assertEqual(str(error), "a command uses one server, but attic and nas were given.")

    def test_several(self) -> None:
        """Several operands are on one server; a local one, and a second server, are refused."""
        self.assertEqual(parse_remote_operands(["nas:a", "nas:/b"]), ("nas", ["a", "/b"]))
        for texts in (["nas:a", "attic:b"], ["nas:a", "b"]):
            self.assertRaises(OperatorError, parse_remote_operands, texts)
