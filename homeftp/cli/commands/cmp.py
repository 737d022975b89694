"""`homeftp cmp`: tell whether files here and on a server are the same."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from homeftp.cli.commands.transfers import transfer
from homeftp.cli.completion import PLACES, completes
from homeftp.cli.connect.operands import one_remote, operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.output import add_output_arguments
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client
    from homeftp.client.transfer.model import TransferContext, TransferOptions
    from homeftp.client.transfer.observer import TransferObserver

_EPILOG = """\
Compares content, size, time and mode of files, and the mode of folders. The second place is found as push or get
would find it: cmp lib nas: compares with nas:lib. Links and other things that cannot be sent are named and not
compared.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two places, one of them at a server."""
    parser.epilog = f"{_EPILOG}\n{parser.epilog or ''}"
    first = parser.add_argument("first", metavar="FIRST", help="a file or folder here, or NAME:PATH")
    second = parser.add_argument("second", metavar="SECOND", help="the other: NAME:PATH, or here")
    completes(first, PLACES)
    completes(second, PLACES)
    parser.add_argument("-r", "--recursive", action="store_true", help="for folders; they are compared without it too")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what is the same, too")
    add_output_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Compare."""
    first, second = operand(options.first), operand(options.second)
    if (first.remote is None) == (second.remote is None):
        raise OperatorError("one of the two is at a server: homeftp cmp lib nas:lib")
    local_first = first.remote is None
    here, there = (first, second) if local_first else (second, first)

    async def work(reactor: Any, client: Client, tools: TransferContext) -> int:
        from homeftp.client import cmp

        async def compare(choices: TransferOptions, watch: TransferObserver) -> None:
            await cmp(client, tools, here.path, there.path, watch, local_first=local_first)

        return await transfer(reactor, options, compare, options.first, tools.reconnector)

    return with_remote(one_remote([there]), work)
