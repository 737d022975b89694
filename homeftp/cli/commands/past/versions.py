"""`homeftp versions`: list the previous versions of files on a server, or remove them for good."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from homeftp.cli.commands.files.sizes import sized
from homeftp.cli.commands.past.pruning import add_prune_arguments, check_prune_arguments, prune_versions
from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.connect.session import with_client
from homeftp.cli.terminal.completers import REMOTE_PATHS, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import add_json_argument, format_mode, print_json, printable
from homeftp.cli.terminal.times import format_minute, format_moment, format_time
from homeftp.wire.history import version_body

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor
    from homeftp.model import Version

_NAME, _TIME = "name", "time"
"""The orders in which versions are sorted."""

_HASH_WIDTH = len("sha256:") + 64
"""Characters of a hash."""

_EPILOG = """\
Each line starts with the time at which that content was replaced or removed, in this machine's time zone. `restore
--at` takes that time, or enough of its beginning to identify one version.

--prune removes the versions of a file, or of everything in a folder, for good; the current files stay. It needs the
rights to replace and delete. homeftp shows how many versions and bytes that is and asks at a terminal, and otherwise
needs -y.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the path and the output format."""
    add_epilog(parser, _EPILOG)
    path = parser.add_argument(
        "path", metavar="NAME:PATH", help="a file on a server, or a folder for all versions below it"
    )
    set_completer(path, REMOTE_PATHS)
    parser.add_argument("-l", "--long", action="store_true", help="print mode, exact size, time and hash")
    parser.add_argument(
        "--sort",
        choices=(_NAME, _TIME),
        default=_NAME,
        help="sort by name (default), or by the time at which each was replaced",
    )
    add_prune_arguments(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """List versions, or remove them; returns the exit code."""
    check_prune_arguments(options)
    name, path = parse_remote_operand(options.path)

    async def work(reactor: IClientReactor, client: Client) -> int:
        if options.prune:
            return await prune_versions(reactor, client, path, options)
        await list_versions(client, path, options)
        return Exit.DONE

    return with_client(name, work)


async def list_versions(client: Client, path: str, options: argparse.Namespace) -> None:
    """Print all versions at or below a path, those of each file together, the newest first; or by time.

    Raises `Busy` (51) where some cannot be listed at the moment, after it has printed the others.
    """
    from homeftp.client import parse_remote_path
    from homeftp.errors import Busy

    client.require_rights("listing versions", "read")
    endpoint = str(parse_remote_path(path).endpoint)
    found: list[Version] = []
    missing: Busy | None = None
    try:
        async for page in client.versions(endpoint):
            found += page
    except Busy as error:
        missing = error
    if options.sort == _TIME:
        found.sort(key=lambda version: (-version.at_us, version.name.encode()))
    else:
        found.sort(key=lambda version: (version.name.encode(), -version.at_us))
    for version in found:
        print_version(version, endpoint, options)
    if missing is not None:
        raise missing
    if not found:
        print(f"{printable(endpoint) or 'The shared folder'} has no previous versions.", file=sys.stderr)


def print_version(version: Version, endpoint: str, options: argparse.Namespace) -> None:
    """Print one version; a version of `endpoint` itself has an empty name."""
    name = version.name or endpoint.rpartition("/")[2]
    if options.json:
        print_json({**version_body(version), "name": name})
        return
    at = format_moment(version.at_us)
    if not options.long:
        changed = format_minute(version.mtime_us)
        print(f"{at}  {sized(version.size)}  of {changed}  {printable(name)}")
        return
    mode = format_mode("file", version.mode)
    content = version.hash or "-".ljust(_HASH_WIDTH)
    print(f"{at} {mode} {sized(version.size, exact=True)} {format_time(version.mtime_us)} {content} {printable(name)}")
