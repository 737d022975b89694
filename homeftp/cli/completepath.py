"""`homeftp complete-path`: what may complete a path on a server. The completion scripts of the shells call it."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import parse_operand
from homeftp.cli.connect.reactor import run_reactor
from homeftp.cli.terminal.exitcodes import Exit

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor

_SECONDS = 3.0
"""How long a person waits for a shell; a server that is not reached by then completes nothing."""

_MOST = 1000
"""Candidates, after which no more are asked for: no shell shows more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the word."""
    parser.add_argument("word", metavar="WORD", nargs="?", default="", help="the beginning of NAME:PATH")


def run(options: argparse.Namespace) -> int:
    """Print one whole word on each line; returns the exit code."""
    from homeftp.client import Remotes, client_folder

    remotes = Remotes(client_folder(os.environ))
    operand = parse_operand(options.word)
    if operand.remote is None:
        for name in remotes.names():
            if name.startswith(options.word):
                print(f"{name}:")
        return Exit.DONE
    name, path = operand.remote, operand.path
    remotes.load(name)

    async def main(reactor: IClientReactor) -> int:
        from twisted.internet.defer import Deferred

        working = Deferred.fromCoroutine(complete(reactor))
        await working.addTimeout(_SECONDS, reactor)
        return Exit.DONE

    async def complete(reactor: IClientReactor) -> None:
        from homeftp.client import connect_remote

        client = await connect_remote(reactor, remotes, name)
        try:
            await print_candidates(client, name, path)
        finally:
            await client.close()

    return run_reactor(main)


async def print_candidates(client: Client, name: str, path: str, most: int = _MOST) -> None:
    """Print the paths on a server that begin with `path`; one of a folder ends in a slash.

    A listing is followed to the page on which there are `most` of them.
    """
    from homeftp.client import parse_remote_path

    folder, slash, beginning = path.rpartition("/")
    count = 0
    async for page in client.list(str(parse_remote_path(folder).endpoint)):
        for entry in page.entries:
            if entry.name.startswith(beginning) and (beginning or not entry.name.startswith(".")):
                end = "/" if entry.kind == "directory" else ""
                print(f"{name}:{folder}{slash}{entry.name}{end}")
                count += 1
        if count >= most:
            return
