"""`homeftp cmp`: compare files on this machine with files on a server."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import common_remote, parse_operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.arguments import accept_options
from homeftp.cli.terminal.completers import ANY_PATHS, set_completer
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.transfer.report import add_output_arguments
from homeftp.cli.transfer.run import add_archive_argument, run_transfer
from homeftp.cli.transfer.selecting import add_selection_arguments, read_selection
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext, TransferObserver, TransferOptions

_EPILOG = """\
Compares content, size, time and mode of files, and with -p the mode of folders. The second path works as the target of
push and get does: `cmp lib nas:` compares lib with nas:lib. Symbolic links and special files are reported as skipped.
Both sides remember the hash of a file until a program changes the file; --reread also finds files that a disk has
damaged.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add two paths, one of them on a server."""
    add_epilog(parser, _EPILOG)
    first = parser.add_argument("first", metavar="FIRST", help="a local file or folder, or NAME:PATH")
    second = parser.add_argument("second", metavar="SECOND", help="the other one: NAME:PATH, or a local path")
    set_completer(first, ANY_PATHS)
    set_completer(second, ANY_PATHS)
    parser.set_defaults(recursive=False, dry_run=False)
    accept_options(parser, "-r", "--recursive", "-n", "--dry-run", "-z")
    add_archive_argument(parser, argparse.SUPPRESS)
    parser.add_argument(
        "--reread", action="store_true", help="have both sides read all files again instead of using remembered hashes"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="also print what is the same")
    parser.add_argument("-p", "--perms", action="store_true", help="also compare the mode of folders")
    add_selection_arguments(parser)
    add_output_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Compare two paths; returns the exit code."""
    first, second = parse_operand(options.first), parse_operand(options.second)
    if (first.remote is None) == (second.remote is None):
        raise OperatorError("exactly one of the two paths must be on a server, as in: homeftp cmp lib nas:lib")
    local_first = first.remote is None
    local, remote = (first, second) if local_first else (second, first)
    selection = read_selection(options)

    async def work(reactor: IClientReactor, client: Client, context: TransferContext) -> int:
        from homeftp.client import cmp

        async def compare(transfer_options: TransferOptions, observer: TransferObserver) -> None:
            await cmp(
                client,
                context,
                local.path,
                remote.path,
                observer,
                local_first=local_first,
                perms=options.perms,
                reread=options.reread,
                selection=transfer_options.selection,
            )

        return await run_transfer(reactor, options, selection, compare, options.first, context.reconnector)

    return with_remote(common_remote([remote]), work, uses=["cmp"])
