"""`homeftp rm`: remove files and folders on a server."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Sequence

from homeftp.cli.commands.files.attempts import attempt_each
from homeftp.cli.connect.operands import add_remote_operands, parse_remote_operands
from homeftp.cli.connect.session import with_client
from homeftp.cli.terminal.asking import can_ask, confirm
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import add_json_argument, format_size, print_json, printable
from homeftp.errors import NotFound, OperatorError, Refusal, counted

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor
    from homeftp.model import Entry

_EPILOG = """\
The server keeps removed files as previous versions, for as long as its owner chose and its disk has space: `homeftp
versions` lists them, `homeftp restore` brings a file back, and `homeftp restore -r` a folder. To remove everything on a
server, homeftp asks at a terminal, and otherwise needs -y.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the paths and the options."""
    add_epilog(parser, _EPILOG)
    add_remote_operands(parser, "a file on a server, also a pattern such as 'NAME:*.jpg', or with -r a folder")
    parser.add_argument("-r", "-R", "--recursive", action="store_true", help="remove folders and their contents")
    parser.add_argument("-f", "--force", action="store_true", help="no error if a file does not exist")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before everything on a server is removed")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only errors")
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Remove; returns the exit code."""
    from homeftp.client import names_everything

    name, paths = parse_remote_operands(options.paths)
    if options.recursive and not options.yes and any(map(names_everything, paths)):
        if options.json or not can_ask():
            raise OperatorError(f"this removes everything on {name}. Nothing was removed; use -y if you mean it.")
        if not confirm(f"Remove everything on {name}?"):
            return Exit.DIFFERS

    async def work(reactor: IClientReactor, client: Client) -> int:
        return await remove_paths(client, name, paths, options)

    return with_client(name, work)


async def remove_paths(client: Client, name: str, paths: Sequence[str], options: argparse.Namespace) -> Exit:
    """Remove each path, and say what became of it."""
    from homeftp.client import find_removable

    client.require_rights("removing", "delete")
    removed: list[Entry] = []

    async def remove_path(path: str) -> Exit:
        try:
            found = await find_removable(client, path, recursive=options.recursive)
        except NotFound:
            if options.force:
                return Exit.DONE
            raise
        return await attempt_each(found, remove_entry)

    async def remove_entry(entry: Entry) -> None:
        is_folder = entry.kind == "directory"
        count = await client.remove(entry.name, if_hash=None if is_folder else entry.hash, recursive=is_folder)
        removed.append(entry)
        _print_removed(entry, count, options)

    status = await attempt_each(paths, remove_path)
    if removed and not (options.quiet or options.json):
        example = next((entry for entry in removed if entry.kind == "file"), removed[0])
        print(await _what_became(client, name, example))
    return status


def _print_removed(entry: Entry, count: int, options: argparse.Namespace) -> None:
    if options.json:
        print_json({"outcome": "removed", "name": entry.name, "kind": entry.kind, "removed": count})
    elif options.quiet:
        return
    elif entry.kind == "file":
        print(f"Removed {printable(entry.name)} ({format_size(entry.size)}).")
    else:
        held = counted(count - 1, "file or folder", "files and folders")
        held = f"with {held} in it" if count > 1 else "an empty folder"
        print(f"Removed {printable(entry.name)}, {held}.")


async def _what_became(client: Client, name: str, entry: Entry) -> str:
    """Whether the server keeps something that was removed, and how to bring it back."""
    place, shown = printable(shlex.quote(f"{name}:{entry.name}")), printable(entry.name)
    kept = await _is_kept(client, entry)
    if kept is None:
        return "The server keeps removed files as previous versions, if its owner chose so and it has space."
    if not kept:
        return f"The server keeps no previous version of {shown}: it cannot be brought back."
    if entry.kind == "file":
        return f"{shown} is kept as a previous version. To bring it back: homeftp restore {place}"
    return (
        f"The server keeps versions of the files of {shown} while its disk has space. "
        f"To bring them back: homeftp restore -r {place}"
    )


async def _is_kept(client: Client, entry: Entry) -> bool | None:
    """Whether the server has a version of what was removed; None where it does not say."""
    try:
        async for page in client.versions(entry.name):
            return entry.kind == "directory" or any(
                not version.name and (version.size, version.mtime_us) == (entry.size, entry.mtime_us)
                for version in page
            )
    except Refusal:
        return None
    return False
