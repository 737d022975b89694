"""The layout of --help."""

from __future__ import annotations

import argparse
import re
import textwrap


class ParagraphFormatter(argparse.HelpFormatter):
    """Wraps text as argparse does, but keeps the blank lines between paragraphs, and words such as --dry-run whole."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = re.split(r"\n\s*\n", text.strip())
        wrapper = textwrap.TextWrapper(
            width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        return "\n\n".join(wrapper.fill(" ".join(each.split())) for each in paragraphs)


def add_epilog(parser: argparse.ArgumentParser, text: str) -> None:
    """Put a paragraph in front of the parser's epilog."""
    parser.epilog = f"{text.strip()}\n\n{parser.epilog or ''}"
