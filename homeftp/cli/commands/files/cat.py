"""`homeftp cat`: print files of a server on standard output, as they are."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from homeftp.cli.commands.files.attempts import attempt_each
from homeftp.cli.connect.operands import add_remote_operands, parse_remote_operands
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext

_EPILOG = """\
A whole file is compared with the server's hash at its end; if the hash differs, the exit code is 4 and what was printed
must not be used. A part of a file cannot be compared. `homeftp get NAME:PATH TARGET` never leaves a wrong file.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and which part of them."""
    add_epilog(parser, _EPILOG)
    add_remote_operands(parser, "a file on a server, also a pattern such as 'NAME:*.txt'")
    parser.add_argument("--offset", metavar="N", type=int, default=0, help="skip the first N bytes of each file")
    parser.add_argument("--limit", metavar="N", type=int, help="print at most N bytes of each file")


def run(options: argparse.Namespace) -> int:
    """Print files; returns the exit code."""
    name, paths = parse_remote_operands(options.paths)
    if options.offset < 0 or (options.limit is not None and options.limit < 0):
        raise OperatorError("--offset and --limit take a number of bytes, 0 or more.")

    async def work(reactor: IClientReactor, client: Client, context: TransferContext) -> int:
        return await print_files(client, context, paths, options)

    return with_remote(name, work, uses=["get_stream"])


async def print_files(client: Client, context: TransferContext, paths: list[str], options: argparse.Namespace) -> Exit:
    """Print one file after the other."""
    from homeftp.client import TransferObserver, expand_pattern, get_stream

    def newest() -> Client:  # the first connection may have been lost
        return client if context.reconnector is None else context.reconnector.client or client

    async def print_path(path: str) -> Exit:
        return await attempt_each(await expand_pattern(newest(), path), print_file)

    async def print_file(path: str) -> None:
        offset, limit, output = options.offset, options.limit, sys.stdout.buffer
        await get_stream(newest(), context, path, output, TransferObserver(), offset=offset, limit=limit)

    return await attempt_each(paths, print_path)
