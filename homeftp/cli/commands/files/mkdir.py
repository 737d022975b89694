"""`homeftp mkdir`: make folders on a server."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from homeftp.cli.commands.files.attempts import attempt_each
from homeftp.cli.connect.operands import add_remote_operands, parse_remote_operands
from homeftp.cli.connect.session import with_client
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import add_json_argument, print_json, printable

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folders."""
    add_remote_operands(parser, "a folder to make on a server")
    parser.add_argument(
        "-p", "--parents", action="store_true", help="also make the folders above it; no error if it exists"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print each folder that was made")
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Make folders; returns the exit code."""
    name, paths = parse_remote_operands(options.paths)

    async def work(reactor: IClientReactor, client: Client) -> int:
        return await make_folders(client, paths, options)

    return with_client(name, work)


async def make_folders(client: Client, paths: list[str], options: argparse.Namespace) -> Exit:
    """Make each folder."""
    from homeftp.client import make_folder

    client.require_rights("making folders", "add", "replace")

    async def make(path: str) -> None:
        endpoint = await make_folder(client, path, parents=options.parents)
        if options.json:
            print_json({"outcome": "made", "name": endpoint, "kind": "directory"})
        elif options.verbose:
            print(f"Made {printable(endpoint)}.")

    return await attempt_each(paths, make)
