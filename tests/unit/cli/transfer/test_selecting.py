"""The options that choose files."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any
from unittest import mock

from homeftp.cli.transfer.selecting import add_selection_arguments, read_selection
from homeftp.client import DEFAULT_SELECTION, Selection
from homeftp.errors import OperatorError
from tests.support.commandline import CommandCase


class SelectingTests(CommandCase):
    """read_selection."""

    def read(self, *words: str) -> Selection:
        parser = argparse.ArgumentParser()
        add_selection_arguments(parser)
        return read_selection(parser.parse_args(words))

    def test_patterns(self) -> None:
        """The first pattern of the command line decides, so it is the last of the selection."""
        self.assertEqual(self.read(), DEFAULT_SELECTION)
        self.assertEqual(
            self.read("--include", "*.jpg", "--exclude=*", "--exclude", "b"), Selection(("b", "*", "!*.jpg"))
        )
        self.assertEqual(self.read("--no-ignore"), Selection(ignore_files=False))
        self.assertEqual(self.read(), DEFAULT_SELECTION, "patterns do not stay from one command line to the next")
        self.assertRaises(OperatorError, self.read, "--exclude", "[z-a]")

    def test_files_from(self) -> None:
        """Names are read from a file; one that cannot be read is an error."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"a\n/x/y/\n\xff\n")
        self.assertEqual(self.read("--files-from", path).names, frozenset({"a", "x/y", os.fsdecode(b"\xff")}))
        error = self.assertRaises(OperatorError, self.read, "--files-from", f"{path}/none")
        self.assertIn("cannot be read", str(error))

    def test_read_before_connecting(self) -> None:
        """Each command reads the whole list before it connects: a list that is typed slowly holds no connection."""
        for words in (["push", "here", "nas:"], ["get", "-r", "nas:", "here"], ["cmp", "here", "nas:"]):
            left: list[bytes] = []

            def with_remote(*arguments: Any, left: list[bytes] = left, **options: Any) -> int:
                left.append(sys.stdin.buffer.read())
                return 0

            with mock.patch(f"homeftp.cli.commands.{words[0]}.with_remote", with_remote):
                for options, expected in (((), b"a\n"), (("--files-from", "-"), b"")):
                    left.clear()
                    self.assertEqual(self.homeftp(*words, *options, typed=b"a\n"), 0, self.err.getvalue())
                    self.assertEqual(left, [expected], words)
