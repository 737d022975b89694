"""`homeftp ls`: list files on a server."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Sequence

from msgspec import structs

from homeftp.cli.commands.files.attempts import attempt_each
from homeftp.cli.commands.files.sizes import add_size_arguments, sized
from homeftp.cli.connect.operands import add_remote_operands, parse_remote_operands
from homeftp.cli.connect.session import with_client
from homeftp.cli.terminal.arguments import accept_options
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error, print_not_shared
from homeftp.cli.terminal.text import add_json_argument, format_mode, print_json, printable
from homeftp.cli.terminal.times import format_minute
from homeftp.wire.messages import entry_body

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor
    from homeftp.model import Entry

_HASH_DIGITS = 64
"""Hexadecimal digits of a SHA-256."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the paths and the output format."""
    add_remote_operands(
        parser, "a folder or file on a server, also a pattern such as 'NAME:*.jpg'; NAME: is the whole shared folder"
    )
    parser.add_argument("-R", "-r", "--recursive", action="store_true", help="also list the contents of subfolders")
    accept_options(parser, "-1", "-a", "--all")
    parser.add_argument("-l", "--long", action="store_true", help="print mode, size and time")
    parser.add_argument(
        "--hash", action="store_true", help="print the SHA-256 of each file, as sha256sum does; the server computes it"
    )
    add_size_arguments(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """List; returns the exit code."""
    name, paths = parse_remote_operands(options.paths)

    async def work(reactor: IClientReactor, client: Client) -> int:
        return await attempt_each(paths, lambda path: list_path(client, path, options, named=len(paths) > 1))

    return with_client(name, work)


async def list_path(client: Client, path: str, options: argparse.Namespace, *, named: bool = False) -> Exit:
    """Print the entries of a folder, or the one entry of a file; with `named` each with the whole path.

    Gives `Exit.DIFFERS` if a hash that was asked for is not known.
    """
    from homeftp.client import expand_pattern

    client.require_rights("listing", "read")
    found = await expand_pattern(client, path)
    done = [await _list_one(client, each, options, named=named or len(found) > 1) for each in found]
    return Exit.DONE if all(done) else Exit.DIFFERS


async def _list_one(client: Client, path: str, options: argparse.Namespace, *, named: bool) -> bool:
    """Print the entries of one folder, or the entry of one file; whether all that was asked for is known."""
    from homeftp.client import Client, hashed_entry, list_with_hashes, parse_remote_path
    from homeftp.errors import not_found

    endpoint = str(parse_remote_path(path).endpoint)
    entry = (await client.cmp(endpoint)).remote
    if entry is None:
        raise not_found(str(endpoint))
    if entry.kind == "file":
        if options.hash:
            entry = await hashed_entry(client, endpoint) or entry
        return print_entries(
            [structs.replace(entry, name=endpoint if named else endpoint.rpartition("/")[2])], "", options
        )
    prefix = f"{endpoint}/" if named and endpoint else ""
    complete = True
    listing = list_with_hashes if options.hash else Client.list
    async for page in listing(client, endpoint, recursive=options.recursive):
        complete = print_entries(page.entries, prefix, options) and complete
        for name, reason in page.skipped:
            print_not_shared(prefix + name, reason)
    return complete


def print_entries(entries: Sequence[Entry], prefix: str, options: argparse.Namespace) -> bool:
    """Print files and folders, with what their names begin with; whether the hashes are known, if that was asked for.

    The lines are written together: a folder may have many.
    """
    complete = True
    lines = []
    for entry in entries:
        name = prefix + entry.name
        if options.hash and entry.kind != "directory" and entry.hash is None:
            print_error(f"{name}: the server cannot read it, or its disk has not kept the content: no hash")
            complete = False
        if options.json:
            print_json({**entry_body(entry), "name": name})
        elif options.hash and not options.long:
            if entry.hash is not None:
                lines.append(f"{_digits(entry.hash)}  {printable(name)}\n")
        else:
            lines.append(_line(entry, name, options))
    sys.stdout.write("".join(lines))
    return complete


def _line(entry: Entry, name: str, options: argparse.Namespace) -> str:
    slash = "/" if entry.kind == "directory" else ""
    if not options.long:
        return f"{printable(name)}{slash}\n"
    digits = f"{_digits(entry.hash or ''):{_HASH_DIGITS}} " if options.hash else ""
    size = sized(None if entry.kind == "directory" else entry.size, exact=options.bytes)
    when = format_minute(entry.mtime_us)
    return f"{format_mode(entry.kind, entry.mode)} {size} {when} {digits}{printable(name)}{slash}\n"


def _digits(hash: str) -> str:
    """A hash without the name of its algorithm."""
    return hash.rpartition(":")[2]
