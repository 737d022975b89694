"""Arguments of several commands: actions such as the `list` of `homeftp device`, and options that change nothing."""

from __future__ import annotations

import argparse
from typing import Mapping


def add_actions(parser: argparse.ArgumentParser, summaries: Mapping[str, str]) -> dict[str, argparse.ArgumentParser]:
    """Add a subcommand for each action, with its summary; returns their parsers by name.

    `options.action` is the name of the one that was given.
    """
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    return {
        name: actions.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        for name, summary in summaries.items()
    }


def accept_options(parser: argparse.ArgumentParser, *options: str) -> None:
    """Accept options of rsync and ls that change nothing: what they ask for is done anyway, or is of no use here.

    Each is a letter or a word, without a value. The namespace has nothing of them.
    """
    for option in options:
        parser.add_argument(option, action=_Accepted, nargs=0, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


class _Accepted(argparse.Action):
    def __call__(self, *called: object) -> None:
        """Do nothing."""
