"""`homeftp verify`: have a server read all its files again, and report damaged ones."""

from __future__ import annotations

import argparse

from homeftp.cli.owner.statedir import add_state_argument
from homeftp.cli.terminal.completers import REMOTE_PATHS, set_completer
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.verification import add_output_arguments
from homeftp.errors import OperatorError

_EPILOG = """\
The server reads every file and every previous version from its disk, and compares each with the hash that it had when
it was stored. A file that somebody has changed since is not damaged. The server mends a damaged file or version if
another one has the same content; otherwise push the file again, or restore a version of it. Without NAME:PATH, homeftp
reads the folder of this machine's server, whether the server runs or not; a running server then mends damaged files
within minutes. The exit code is 1 if anything was damaged.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the path, and the options for this machine's server."""
    add_epilog(parser, _EPILOG)
    path = parser.add_argument(
        "path",
        metavar="NAME:PATH",
        nargs="?",
        help="a file or folder on a server, with its previous versions; NAME: is everything that you may read",
    )
    set_completer(path, REMOTE_PATHS)
    parser.add_argument("--root", metavar="DIR", help="without NAME:PATH: the shared folder, if it has moved")
    add_state_argument(parser)
    add_output_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Verify; returns the exit code."""
    if options.path is None:
        from homeftp.cli.owner import verify as local

        return local.run(options)
    if options.root is not None or options.state is not None:
        raise OperatorError("--root and --state are for this machine's server: leave out NAME:PATH, or leave out them")
    from homeftp.cli.commands import verify as remote

    return remote.run(options)
