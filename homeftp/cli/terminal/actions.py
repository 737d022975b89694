"""The subcommands of a command that has several actions, such as `homeftp device list`."""

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
