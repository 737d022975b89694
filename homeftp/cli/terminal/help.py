"""The layout of --help."""

from __future__ import annotations

import argparse
import re
import textwrap


class ParagraphFormatter(argparse.HelpFormatter):
    """Wraps text as argparse does, but keeps the blank lines between paragraphs."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = re.split(r"\n\s*\n", text.strip())
        return "\n\n".join(
            textwrap.fill(" ".join(each.split()), width, initial_indent=indent, subsequent_indent=indent)
            for each in paragraphs
        )


def add_epilog(parser: argparse.ArgumentParser, text: str) -> None:
    """Put a paragraph in front of the parser's epilog."""
    parser.epilog = f"{text.strip()}\n\n{parser.epilog or ''}"
