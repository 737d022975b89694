"""`homeftp du`: print how much the folders of a server hold."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from homeftp.cli.commands.files.attempts import attempt_each
from homeftp.cli.commands.files.sizes import add_size_arguments, sized
from homeftp.cli.connect.operands import add_remote_operands, parse_remote_operands
from homeftp.cli.connect.session import with_client
from homeftp.cli.terminal.failures import print_not_shared
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import add_json_argument, print_json, printable
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client, FolderUsage, IClientReactor

_EPILOG = """\
Prints the size of each folder with everything below it. The size is that of the contents; previous versions do not
count. The server makes one listing, and nothing is transferred.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the paths and the output format."""
    add_epilog(parser, _EPILOG)
    add_remote_operands(
        parser, "a folder or file on a server, also a pattern such as 'NAME:*'; NAME: is the whole shared folder"
    )
    parser.add_argument("-s", "--summarize", action="store_true", help="print only the total of each path")
    parser.add_argument(
        "-d", "--max-depth", metavar="N", type=int, help="print only folders at most N levels below the path"
    )
    add_size_arguments(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Print sizes; returns the exit code."""
    name, paths = parse_remote_operands(options.paths)
    if options.max_depth is not None and options.max_depth < 0:
        raise OperatorError("--max-depth takes a number of levels, 0 or more.")

    async def work(reactor: IClientReactor, client: Client) -> int:
        return await attempt_each(paths, lambda path: print_usage(client, path, options))

    return with_client(name, work)


async def print_usage(client: Client, path: str, options: argparse.Namespace) -> None:
    """Print what a path holds, and the folders below it as far as the options ask for them."""
    from homeftp.client import expand_pattern, folder_usage, parse_remote_path

    client.require_rights("listing", "read")
    depth = 0 if options.summarize else options.max_depth
    for each in await expand_pattern(client, path):
        top = str(parse_remote_path(each).endpoint)

        async for usage in folder_usage(client, each, on_skipped=print_not_shared):
            if depth is None or usage.name.count("/") + bool(usage.name) <= depth:
                _print_one(usage, "/".join(part for part in (top, usage.name) if part), options)


def _print_one(usage: FolderUsage, name: str, options: argparse.Namespace) -> None:
    if options.json:
        print_json({"name": name, "size": usage.size, "files": usage.files, "folders": usage.folders})
    else:
        print(f"{sized(usage.size, exact=options.bytes)}  {printable(name) or '.'}")
