"""`homeftp get`: download files from a server, except those that are the same on this machine."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import (
    Operand,
    add_remote_operands,
    common_remote,
    name_of_transfer,
    parse_operand,
    parse_remote_operand,
)
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.completers import ANY_PATHS, set_completer
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.stdstreams import STANDARD
from homeftp.cli.terminal.times import parse_moment_us
from homeftp.cli.transfer.deleting import check_deletion
from homeftp.cli.transfer.run import add_transfer_arguments, run_transfer
from homeftp.cli.transfer.selecting import read_selection
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext, TransferObserver, TransferOptions

_EPILOG = """\
A file is written to TARGET, or into it when TARGET is a folder or ends in "/". With -r, a folder maps exactly onto
TARGET (get -r nas:lib out); it goes into TARGET under its own name when TARGET ends in "/" or is ".", or when there
are several sources. nas:lib/ means the contents of lib. Without TARGET, files go into the current folder. Files that
are the same are skipped. A file that differs is replaced if it is still what was compared. When the local file is
newer, homeftp asks at a terminal, and otherwise leaves it unchanged. TARGET "-" is standard output.

With --at, files and folders are what they were at that time, even those that no longer exist; the server is not
changed. TIME is a time as `versions` prints it, a date, a date and time, or how long ago: 30m, 2h, 7d.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add sources, target and the transfer options."""
    add_epilog(parser, _EPILOG)
    what = "a file on a server, also a pattern such as 'NAME:*.jpg', or with -r a folder"
    add_remote_operands(parser, what, completer=ANY_PATHS)
    target = parser.add_argument(
        "target", metavar="TARGET", nargs="?", help="where to write it (default: the current folder)"
    )
    set_completer(target, ANY_PATHS)
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="get what was there at TIME, such as a version's time, a date, or 2h (two hours ago)",
    )
    add_transfer_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Download; returns the exit code."""
    check_deletion(options)
    paths = [*options.paths, *([options.target] if options.target is not None else [])]
    target = "." if parse_operand(paths[-1]).remote is not None else paths.pop()
    sources = [Operand(*parse_remote_operand(path)) for path in paths]
    if not sources:
        raise OperatorError(f"{target!r} is not a path on a server. Name what to download: NAME:PATH")
    if target == STANDARD and len(sources) > 1:
        raise OperatorError("standard output takes one file. Name one source.")
    if target == STANDARD and options.recursive:
        raise OperatorError("standard output takes a file, not a folder. Leave out -r, or name a target folder.")
    if target == STANDARD and options.delete:
        raise OperatorError(
            "--delete is for folders: standard output takes one file. Leave out --delete, or name a target folder."
        )
    if target == STANDARD and options.dry_run:
        raise OperatorError(
            "with -n nothing is transferred, so nothing can be printed. Leave out -n, or name a target."
        )
    as_of = None if options.at is None else parse_moment_us(options.at, "--at")
    if as_of is not None and (options.delete or options.reread):
        raise OperatorError("--delete and --reread are about what is there now. Leave them out with --at.")
    selection = read_selection(options)

    async def work(reactor: IClientReactor, client: Client, context: TransferContext) -> int:
        from homeftp.client import get, get_stream

        async def download(transfer_options: TransferOptions, observer: TransferObserver) -> None:
            if target == STANDARD:
                await get_stream(client, context, sources[0].path, sys.stdout.buffer, observer, as_of=as_of)
            else:
                await get(client, context, [source.path for source in sources], target, transfer_options, observer)

        if target == STANDARD:
            options.json, options.quiet = False, True
        top = name_of_transfer(paths, target)
        return await run_transfer(reactor, options, selection, download, top, context.reconnector, as_of)

    return with_remote(common_remote(sources), work, options.bwlimit, uses=["get"])
