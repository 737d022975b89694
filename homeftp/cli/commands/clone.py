"""`homeftp clone`: the first sync of a folder of a server, into an empty one on this machine."""

from __future__ import annotations

import argparse
import os
from typing import Any

from homeftp.cli.commands import sync
from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.terminal.arguments import accept_options
from homeftp.cli.terminal.completers import ANY_PATHS, set_completer
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.transfer.run import add_progress_arguments
from homeftp.cli.transfer.selecting import add_pattern_arguments
from homeftp.endpoint import RESERVED
from homeftp.errors import OperatorError

_EPILOG = """\
Fetches the folder, and remembers it as one side of a pair: `homeftp sync DIR NAME:PATH` keeps both the same from then
on. If it is interrupted, run it again, or run the sync.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the server, and where it goes."""
    add_epilog(parser, _EPILOG)
    remote = parser.add_argument("remote", metavar="NAME:PATH", help="the folder on the server")
    folder = parser.add_argument(
        "folder", metavar="DIR", nargs="?", help="the folder on this machine (default: the last name of PATH)"
    )
    set_completer(remote, ANY_PATHS)
    set_completer(folder, ANY_PATHS)
    add_pattern_arguments(parser)
    accept_options(parser, "-a", "--archive", "-r", "--recursive")
    add_progress_arguments(parser)
    parser.set_defaults(**_sync_defaults(), yes=True)


def _sync_defaults() -> dict[str, Any]:
    """The defaults of a sync's options."""
    parser = argparse.ArgumentParser()
    sync.add_arguments(parser)
    return {name: value for name, value in vars(parser.parse_args([])).items() if name != "yes"}


def run(options: argparse.Namespace) -> int:
    """Clone; returns the exit code."""
    name, path = parse_remote_operand(options.remote)
    if options.folder is None:
        options.folder = path.rstrip("/").rpartition("/")[2] or name
    if not _may_be_filled(options.folder):
        raise OperatorError(
            f"{options.folder} is not empty: name another folder, or use sync, which keeps what either side has"
        )
    return sync.run(options, clones=True)


def _may_be_filled(folder: str) -> bool:
    """Whether a folder does not exist, is empty, or has begun to be synced."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise OperatorError(f"{folder} cannot be used: {error.strerror}") from None
    return not names or RESERVED in names
