"""The --state option that all owner commands share."""

from __future__ import annotations

import argparse
import os


def add_state_argument(parser: argparse.ArgumentParser) -> None:
    """Add --state."""
    parser.add_argument("--state", metavar="DIR", help="the server's state folder (default: the server's own default)")


def state_dir(options: argparse.Namespace) -> str:
    """The absolute path of the state folder that the options name."""
    from homeftp.accounts.database import default_state_dir

    return os.path.abspath(options.state or default_state_dir(os.environ))
