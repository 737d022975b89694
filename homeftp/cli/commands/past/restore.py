"""`homeftp restore`: restore a previous version of a file on a server, or a folder as it was."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from homeftp.cli.commands.past.restoretree import restore_tree
from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.completers import REMOTE_PATHS, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import add_json_argument, format_size, print_result, printable
from homeftp.cli.terminal.times import format_moment, parse_moment_us
from homeftp.errors import NotFound, OperatorError
from homeftp.wire.messages import entry_body

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext
    from homeftp.model import Version

_EPILOG = """\
Without --at, the newest version is restored. The current content becomes a version itself, so a second restore undoes
the first. `homeftp versions` lists the versions.

With -r, a folder is put back as it was at the time --at, or without --at as it was before its last change, such as the
removal of the whole folder. Files that did not exist then are moved to the versions: homeftp shows how many and asks at
a terminal, and otherwise needs -y. The server keeps versions of files, not of folders: empty ones do not come back, and
recreated folders get the default mode and the time of the restore. A file that was moved since stays where it is.

TIME is a time as `versions` prints it, a date, a date and time, or how long ago: 30m, 2h, 7d. For a file, the beginning
of a version's time is enough if it identifies one version.
"""

_MAX_LISTED = 5
"""The most versions that an error message lists."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file and which version of it."""
    add_epilog(parser, _EPILOG)
    path = parser.add_argument(
        "path", metavar="NAME:PATH", help="a file on a server, under its old name, or with -r a folder"
    )
    set_completer(path, REMOTE_PATHS)
    parser.add_argument("-r", "-R", "--recursive", action="store_true", help="restore a folder and all that was in it")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="restore what was there at TIME, such as a version's time, a date, or 2h (two hours ago)",
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="with -r: print what would be restored, and change nothing"
    )
    parser.add_argument(
        "-y",
        "--yes",
        action="store_true",
        help="with -r: do not ask before moving files that did not exist then to the versions",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Restore; returns the exit code."""
    name, path = parse_remote_operand(options.path)
    if not options.recursive and (options.dry_run or options.yes):
        raise OperatorError("-n and -y are for folders: add -r, or leave them out.")

    async def work(reactor: IClientReactor, client: Client, context: TransferContext) -> int:
        if options.recursive:
            return await restore_tree(reactor, client, context, path, options)
        await restore_version(client, context, path, options)
        return Exit.DONE

    return with_remote(name, work)


async def restore_version(client: Client, context: TransferContext, path: str, options: argparse.Namespace) -> None:
    """Restore the version that the options choose, and print the result."""
    from homeftp.client import LastSeen, parse_remote_path

    endpoint = str(parse_remote_path(path).endpoint)
    if not endpoint:
        raise OperatorError("name the file to restore: NAME:PATH")
    for right in ("read", "add", "replace"):
        client.require_rights("restoring", right)
    version = await choose_version(client, endpoint, options.at)
    current = (await client.cmp(endpoint)).remote
    if current is not None and current.kind != "file":
        raise OperatorError(f"{endpoint} is now a folder. Use -r to restore it, or move it away first.")
    entry = await client.restore(endpoint, at=version.at_us)
    seen = LastSeen(context.seen, context.workers, client)
    seen.record(endpoint, entry.hash)
    await seen.close(print_error)
    kept = "." if current is None else "; the previous content was kept."
    print_result(
        options,
        f"Restored {printable(endpoint)} to the version of {format_moment(version.at_us)} "
        f"({format_size(entry.size)}){kept}",
        {**entry_body(entry), "name": endpoint, "at": version.at_us},
    )


async def choose_version(client: Client, endpoint: str, at: str | None) -> Version:
    """The version of `endpoint` from `at`, or what it was at that time; or the newest.

    Raises `OperatorError` when several match, or `at` is no time, and `NotFound` when there is none.
    """
    matching: list[Version] = []
    every: list[Version] = []
    below = False
    async for page in client.versions(endpoint):
        own = [version for version in page if not version.name]
        below = below or len(own) < len(page)
        if at is None and own:
            return own[0]
        every += own
        matching += [version for version in own if at is not None and _matches(version, at)]
    if not every:
        if below:
            raise NotFound(f"{endpoint} is a folder, or was one. Use -r to restore the files in it.")
        raise NotFound(f"{endpoint} has no previous versions.")
    if not matching and at is not None:
        as_of = parse_moment_us(at, "--at")
        matching = [version for version in every if version.at_us >= as_of][-1:]
    if not matching:
        raise NotFound(f"{endpoint} has not changed since {at}. `homeftp versions` lists its versions.")
    if len(matching) > 1:
        times = ", ".join(format_moment(version.at_us) for version in matching[:_MAX_LISTED])
        raise OperatorError(f"{len(matching)} versions of {endpoint} match {at}. Give more of the time: {times}")
    return matching[0]


def _matches(version: Version, at: str) -> bool:
    """Whether `at` is the beginning of the version's time for people, or its number for scripts."""
    return format_moment(version.at_us).startswith(at) or str(version.at_us) == at
