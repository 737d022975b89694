"""`homeftp help`: print the help of a command, or the list of commands."""

from __future__ import annotations

import argparse

from homeftp.cli.table import COMMANDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's name, and that of an action of it."""
    names = [name for name, command in COMMANDS.items() if not command.hidden]
    parser.add_argument(
        "subject", metavar="COMMAND", nargs="?", choices=names, help="the command; without it, all commands are listed"
    )
    parser.add_argument("action", metavar="ACTION", nargs="?", help="an action of it, such as `list` of `device`")


def run(options: argparse.Namespace) -> int:
    """Print help; returns the exit code."""
    from homeftp.cli.main import main

    words = [word for word in (options.subject, options.action) if word is not None]
    return main([*words, "--help"])
