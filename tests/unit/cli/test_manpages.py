"""The manual pages."""

from __future__ import annotations

import os
import re

from homeftp.cli.manpages import main, pages
from homeftp.cli.parser import build_parser, subparsers_of
from homeftp.cli.table import COMMANDS
from tests.support.folders import QuickCase


class PageTests(QuickCase):
    """A page for each command, made from its parser."""

    def test_complete(self) -> None:
        """Each command that is not hidden has a page, with its summary and every option of its help."""
        found = pages()
        visible = {name for name, command in COMMANDS.items() if not command.hidden}
        self.assertEqual(set(found), {"homeftp.1", *(f"homeftp-{name}.1" for name in visible)})
        parsers = dict(subparsers_of(build_parser(COMMANDS)))
        for name in visible:
            page = found[f"homeftp-{name}.1"].replace("\\-", "-").replace("\\(aq", "'")
            self.assertIn(COMMANDS[name].summary.replace("`", "\\fB", 1).partition("`")[0], page)
            self.assertIn(f"homeftp\\-{name.replace('-', chr(92) + '-')} (1)", found["homeftp.1"])
            for option in re.findall(r"(?m)^  (?:-\w, )*(--[a-z-]+)", parsers[name].format_help()):
                self.assertIn(f"\\fB{option}\\fR", page, name)

    def test_sections(self) -> None:
        """A page has the sections of man_pages(7) in their order; a command with actions describes each."""
        page = pages()["homeftp-device.1"]
        self.assertEqual(
            re.findall(r"(?m)^\.SH (.*)$", page),
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ACTIONS", "EXIT STATUS", "SEE ALSO"],
        )
        actions = ["list", "add\\-app", "add\\-key", "narrow", "rename", "revoke"]
        self.assertEqual(re.findall(r"(?m)^\.SS (.*)$", page), actions)

    def test_requests(self) -> None:
        """No text becomes a request of roff: each line that begins like one is one of ours."""
        requests = {"TH", "SH", "SS", "TP", "PP", "B", "BR"}
        for name, page in pages().items():
            self.assertLessEqual(set(re.findall(r"(?m)^['.](\S*)", page)), requests, name)

    def test_written(self) -> None:
        """The command writes them into a folder, which it makes."""
        folder = os.path.join(self.mktemp(), "man1")
        self.assertEqual(main([folder]), 0)
        self.assertEqual(set(os.listdir(folder)), set(pages()))
