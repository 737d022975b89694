"""`homeftp restore`: restore a previous version of a file on a server."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.completers import REMOTE_PATHS, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import format_size, print_result, printable
from homeftp.cli.terminal.times import format_moment
from homeftp.errors import NotFound, OperatorError
from homeftp.wire.messages import entry_body

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext
    from homeftp.model import Version

_EPILOG = """\
Without --at, the newest version is restored. The current content becomes a version itself, so a second restore undoes
the first. `homeftp versions` lists the versions.
"""

_MAX_LISTED = 5
"""The most versions that an error message lists."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file and which version of it."""
    add_epilog(parser, _EPILOG)
    path = parser.add_argument("path", metavar="NAME:PATH", help="a file on a server, under its old name")
    set_completer(path, REMOTE_PATHS)
    parser.add_argument(
        "--at", metavar="TIME", help="the version's time as `versions` prints it, or the beginning of that time"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts")


def run(options: argparse.Namespace) -> int:
    """Restore; returns the exit code."""
    name, path = parse_remote_operand(options.path)

    async def work(reactor: IClientReactor, client: Client, context: TransferContext) -> int:
        await restore_version(client, context, path, options)
        return Exit.DONE

    return with_remote(name, work)


async def restore_version(client: Client, context: TransferContext, path: str, options: argparse.Namespace) -> None:
    """Restore the version that the options choose, and print the result."""
    from homeftp.client import LastSeen, parse_remote_path

    endpoint = str(parse_remote_path(path).endpoint)
    if not endpoint:
        raise OperatorError("Name the file to restore: NAME:PATH")
    for right in ("read", "add", "replace"):
        client.require_rights("restoring", right)
    version = await choose_version(client, endpoint, options.at)
    current = (await client.cmp(endpoint)).remote
    if current is not None and current.kind != "file":
        raise OperatorError(f"{endpoint} is now a folder. Name a file in it, or move the folder away first.")
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
    """The version of `endpoint` from `at`, or the newest.

    Raises `OperatorError` when several match, `NotFound` when none does.
    """
    matching: list[Version] = []
    count = 0
    async for page in client.versions(endpoint):
        own = [version for version in page if not version.name]
        count += len(own)
        if at is None and own:
            return own[0]
        matching += [version for version in own if at is not None and _matches(version, at)]
    if not count:
        raise NotFound(f"{endpoint} has no previous versions.")
    if not matching:
        raise NotFound(f"{endpoint} has no version of {at}. `homeftp versions` lists its versions.")
    if len(matching) > 1:
        times = ", ".join(format_moment(version.at_us) for version in matching[:_MAX_LISTED])
        raise OperatorError(f"{len(matching)} versions of {endpoint} match {at}. Give more of the time: {times}")
    return matching[0]


def _matches(version: Version, at: str) -> bool:
    """Whether `at` is the beginning of the version's time for people, or its number for scripts."""
    return format_moment(version.at_us).startswith(at) or str(version.at_us) == at
