"""The layout of --help."""

from __future__ import annotations

import argparse
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.help import GroupedFormatter, ParagraphFormatter, add_epilog


class HelpTests(SynchronousTestCase):
    """ParagraphFormatter and add_epilog."""

    def test_paragraphs(self) -> None:
        """A new epilog is a paragraph before the old one; each paragraph is wrapped for itself."""
        parser = argparse.ArgumentParser(epilog="Exit codes.", formatter_class=ParagraphFormatter)
        add_epilog(parser, "One line\nand another.\n")
        self.assertTrue(parser.format_help().endswith("\n\nOne line and another.\n\nExit codes.\n"))

    def test_hyphens(self) -> None:
        """No line ends within a word with hyphens, such as an option or a path."""
        text = "Write --files-from to .local/share/bash-completion/completions/homeftp"
        for width in range(20, 60):
            formatter = ParagraphFormatter("homeftp", width=width)
            formatter.add_text(text)
            self.assertEqual(formatter.format_help().split(), text.split(), width)


class GroupTests(SynchronousTestCase):
    """GroupedFormatter."""

    def test_groups(self) -> None:
        """Subcommands are listed below the title of their group, in its order; those of no group come last."""
        groups = {"files": ("rm", "ls"), "none": ("cp",), "other": ("help",)}
        parser = argparse.ArgumentParser("x", formatter_class=partial(GroupedFormatter, groups=groups), add_help=False)
        commands = parser.add_subparsers(title="commands")
        for name in ("ls", "help", "rm", "new"):
            commands.add_parser(name, help=f"About {name}.")
        commands.add_parser("hidden")
        listed = parser.format_help().partition("commands:\n")[2]
        lines = ["files:", "rm About rm.", "ls About ls.", "other:", "help About help.", "new About new."]
        self.assertEqual([line.split() for line in listed.splitlines()], [line.split() for line in lines])
