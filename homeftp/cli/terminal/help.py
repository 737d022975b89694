"""The layout of --help."""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import Collection, Mapping


class ParagraphFormatter(argparse.HelpFormatter):
    """Wraps text as argparse does, but keeps the blank lines between paragraphs, and words such as --dry-run whole."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = re.split(r"\n\s*\n", text.strip())
        wrapper = textwrap.TextWrapper(
            width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        return "\n\n".join(wrapper.fill(" ".join(each.split())) for each in paragraphs)


class GroupedFormatter(ParagraphFormatter):
    """Lists subcommands in groups, each under its title; those of no group come last."""

    def __init__(self, prog: str, *, groups: Mapping[str, Collection[str]]) -> None:
        super().__init__(prog)
        self._groups = groups

    def add_argument(self, action: argparse.Action) -> None:
        """Add an argument to the current section."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += 2 * self._indent_increment  # argparse forgets how far it indents them

    def _format_action(self, action: argparse.Action) -> str:
        if not isinstance(action, argparse._SubParsersAction):
            return super()._format_action(action)
        listed = {each.dest: each for each in action._get_subactions()}
        parts = []
        for title, names in self._groups.items():
            found = [listed.pop(name) for name in names if name in listed]
            if found:
                parts.append(f"{' ' * self._current_indent}{title}:\n")
                self._indent()
                parts += [super(GroupedFormatter, self)._format_action(each) for each in found]
                self._dedent()
        parts += [super(GroupedFormatter, self)._format_action(each) for each in listed.values()]
        return "".join(parts)


def add_epilog(parser: argparse.ArgumentParser, text: str) -> None:
    """Put a paragraph in front of the parser's epilog."""
    parser.epilog = f"{text.strip()}\n\n{parser.epilog or ''}"
