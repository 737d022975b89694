"""`homeftp push`: upload files to a server, except those that are the same there."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import name_of_transfer, parse_operand, parse_remote_operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.completers import ANY_PATHS, set_completer
from homeftp.cli.terminal.daemonthread import DaemonThread
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.stdstreams import STANDARD, read_piece
from homeftp.cli.transfer.deleting import check_deletion
from homeftp.cli.transfer.run import add_transfer_arguments, run_transfer
from homeftp.cli.transfer.selecting import read_selection
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext, TransferObserver, TransferOptions

_EPILOG = """\
A file is written to NAME:PATH, or into it when PATH is a folder, ends in "/" or is empty. With -r, a folder maps
exactly onto the target (push -r lib nas:lib); it goes into the target under its own name when PATH ends in "/" or is
empty, or when there are several sources. lib/ means the contents of lib. Files that are the same are skipped. A file
that differs is replaced if this machine has seen the server's copy: pushed, fetched or compared it. When it has not, or
the server's file is newer, homeftp asks at a terminal, and otherwise leaves it unchanged. SOURCE "-" is standard input.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add sources, target and the transfer options."""
    add_epilog(parser, _EPILOG)
    sources = parser.add_argument("sources", metavar="SOURCE", nargs="+", help="a local file, or with -r a folder")
    target = parser.add_argument("target", metavar="NAME:PATH", help="where to write it on the server")
    set_completer(sources, ANY_PATHS)
    set_completer(target, ANY_PATHS)
    add_transfer_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Upload; returns the exit code."""
    check_deletion(options)
    name, target = parse_remote_operand(options.target)
    for source in options.sources:
        if parse_operand(source).remote is not None:
            raise OperatorError(f"{source} is on a server, but push uploads local files. For a local file: ./{source}")
    if STANDARD in options.sources and len(options.sources) > 1:
        raise OperatorError("standard input must be the only source.")
    if STANDARD in options.sources and options.delete:
        raise OperatorError(
            "--delete is for folders: standard input is one file. Leave out --delete, or name a folder."
        )
    if STANDARD in options.sources and options.dry_run:
        raise OperatorError("standard input can be read only once. Leave out -n, or name a file.")
    if STANDARD in options.sources and options.files_from is not None:
        raise OperatorError("--files-from is for folders: standard input is one file. Leave out one of them.")
    selection = read_selection(options)

    async def work(reactor: IClientReactor, client: Client, context: TransferContext) -> int:
        from homeftp.client import push, push_stream

        async def upload(transfer_options: TransferOptions, observer: TransferObserver) -> None:
            if options.sources == [STANDARD]:
                thread = DaemonThread(reactor)
                await push_stream(
                    client, context, lambda size: thread.call(read_piece, size), target, transfer_options, observer
                )
            else:
                await push(client, context, options.sources, target, transfer_options, observer)

        top = name_of_transfer(options.sources, options.target)
        return await run_transfer(reactor, options, selection, upload, top, context.reconnector)

    return with_remote(name, work, options.bwlimit, uses=["push"])
