"""`homeftp ls`: list what is on a server."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from homeftp.cli.completion import SERVER_PLACES, completes
from homeftp.cli.connect.operands import server_path
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json, shown
from homeftp.cli.terminal.times import time_shown
from homeftp.wire.messages import entry_body

if TYPE_CHECKING:
    from homeftp.client import Client
    from homeftp.client.transfer.model import TransferContext
    from homeftp.model import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and how much of it."""
    place = parser.add_argument("place", metavar="NAME:PATH", help="a folder or file at the server; NAME: is all of it")
    completes(place, SERVER_PLACES)
    parser.add_argument("-r", "--recursive", action="store_true", help="list all that is below it")
    parser.add_argument("-l", "--long", action="store_true", help="show mode, size and time")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, for scripts")


def run(options: argparse.Namespace) -> int:
    """List."""
    name, path = server_path(options.place)

    async def work(reactor: Any, client: Client, tools: TransferContext) -> int:
        await _list(client, path, options)
        return Exit.DONE

    return with_remote(name, work)


async def _list(client: Client, path: str, options: argparse.Namespace) -> None:
    from homeftp.client.plan.paths import parse_remote_path
    from homeftp.errors import NotFound

    client.require_rights("listing", "read")
    endpoint = str(parse_remote_path(path).endpoint)
    there = (await client.cmp(endpoint)).remote
    if there is None:
        raise NotFound(f"{endpoint} does not exist at the server")
    if there.kind == "file":
        _print(there, endpoint.rpartition("/")[2], options)
        return
    async for page in client.list(endpoint, recursive=options.recursive):
        for entry in page.entries:
            _print(entry, entry.name, options)
        for name, reason in page.skipped:
            print(f"homeftp: not shared: {shown(name)}: {shown(reason)}", file=sys.stderr)


def _print(entry: Entry, name: str, options: argparse.Namespace) -> None:
    if options.json:
        print_json({**entry_body(entry), "name": name})
        return
    slash = "/" if entry.kind == "directory" else ""
    if not options.long:
        print(f"{shown(name)}{slash}")
        return
    print(f"{_mode(entry, entry.mode)} {entry.size:>14,} {time_shown(entry.mtime_us)} {shown(name)}{slash}")


def _mode(entry: Entry, mode: int | None) -> str:
    import stat

    if mode is None:
        return "d---------" if entry.kind == "directory" else "----------"
    return stat.filemode((stat.S_IFDIR if entry.kind == "directory" else stat.S_IFREG) | mode & 0o777)
