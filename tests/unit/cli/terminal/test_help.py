"""The layout of --help."""

from __future__ import annotations

import argparse

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.help import ParagraphFormatter, add_epilog


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
