"""`homeftp get`: fetch files from a server, except what is equal here."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from homeftp.cli.commands.transfers import add_transfer_arguments, transfer
from homeftp.cli.completion import PLACES, completes
from homeftp.cli.connect.operands import STANDARD, Operand, one_remote, operand, server_path
from homeftp.cli.connect.session import with_remote
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client
    from homeftp.client.transfer.model import TransferContext, TransferOptions
    from homeftp.client.transfer.observer import TransferObserver

_EPILOG = """\
A file goes to the target's own name, or inside it when the target is a folder or ends in / . With -r a folder maps
exactly onto the target (get -r nas:lib out), or goes inside it under its own name when the target ends in / or is . ,
or when there are several sources; nas:lib/ stands for what is in lib. Without a target, files come into the current
folder. What is equal is not fetched. What differs is replaced, if it is still what was compared; what is newer here is
asked about, and left alone where nobody can be asked. - is standard output.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sources, target, and how."""
    parser.epilog = f"{_EPILOG}\n{parser.epilog or ''}"
    places = parser.add_argument(
        "places", metavar="NAME:PATH", nargs="+", help="a file at the server, or with -r a folder"
    )
    target = parser.add_argument(
        "target", metavar="TARGET", nargs="?", help="where it goes (default: the current folder)"
    )
    completes(places, PLACES)
    completes(target, PLACES)
    add_transfer_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch."""
    places = [*options.places, *([options.target] if options.target is not None else [])]
    target = "." if operand(places[-1]).remote is not None else places.pop()
    sources = [Operand(*server_path(place)) for place in places]
    if not sources:
        raise OperatorError("say what to get: NAME:path")
    if target == STANDARD and len(sources) > 1:
        raise OperatorError("one file at a time goes to standard output")
    if target == STANDARD and options.recursive:
        raise OperatorError("only a file goes to standard output, no folder: leave -r out, or name a target")

    async def work(reactor: Any, client: Client, tools: TransferContext) -> int:
        from homeftp.client import get
        from homeftp.client.plan.stdio import get_stream

        async def move(choices: TransferOptions, watch: TransferObserver) -> None:
            if target == STANDARD:
                await get_stream(client, tools, sources[0].path, sys.stdout.buffer, watch)
            else:
                await get(client, tools, [source.path for source in sources], target, choices, watch)

        if target == STANDARD:
            options.json, options.quiet = False, True
        return await transfer(reactor, options, move, target, tools.reconnector)

    return with_remote(one_remote(sources), work)
