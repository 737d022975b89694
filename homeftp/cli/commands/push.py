"""`homeftp push`: send files to a server, except what is equal there."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from homeftp.cli.commands.transfers import add_transfer_arguments, transfer
from homeftp.cli.completion import PLACES, completes
from homeftp.cli.connect.operands import STANDARD, operand, server_path
from homeftp.cli.connect.session import with_remote
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client
    from homeftp.client.transfer.model import TransferContext, TransferOptions
    from homeftp.client.transfer.observer import TransferObserver

_EPILOG = """\
A file goes to the target's own name, or inside it when the target is a folder, ends in /, or is a bare NAME: .
With -r a folder maps exactly onto the target (push -r lib nas:lib), or goes inside it under its own name when the
target ends in / or is a bare NAME: , or when there are several sources; lib/ stands for what is in lib. What is
equal is not sent. What differs is replaced, if it is still what was compared; what is newer at the target is asked
about, and left alone where nobody can be asked. - is standard input.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sources, target, and how."""
    parser.epilog = f"{_EPILOG}\n{parser.epilog or ''}"
    sources = parser.add_argument("sources", metavar="SOURCE", nargs="+", help="a file here, or with -r a folder")
    target = parser.add_argument("target", metavar="NAME:PATH", help="where it goes")
    completes(sources, PLACES)
    completes(target, PLACES)
    add_transfer_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Send."""
    name, target = server_path(options.target)
    for source in options.sources:
        if operand(source).remote is not None:
            raise OperatorError(f"{source} is at a server: push sends what is here (write ./{source} if it is a file)")
    if STANDARD in options.sources and len(options.sources) > 1:
        raise OperatorError("standard input goes alone: name one source")

    async def work(reactor: Any, client: Client, tools: TransferContext) -> int:
        from homeftp.client import push
        from homeftp.client.plan.stdio import push_stream

        async def move(choices: TransferOptions, watch: TransferObserver) -> None:
            if options.sources == [STANDARD]:
                await push_stream(client, tools, target, choices, watch)
            else:
                await push(client, tools, options.sources, target, choices, watch)

        return await transfer(reactor, options, move, options.target, tools.reconnector)

    return with_remote(name, work)
