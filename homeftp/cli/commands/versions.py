"""`homeftp versions`: list the previous versions of files on a server."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.completers import REMOTE_PATHS, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import format_size, print_json, printable
from homeftp.cli.terminal.times import format_minute, format_moment
from homeftp.wire.messages import version_body

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext
    from homeftp.model import Version

_EPILOG = """\
Each line starts with the time at which that content was replaced or removed, in this machine's time zone. `restore
--at` takes that time, or enough of its beginning to identify one version.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the path and the output format."""
    add_epilog(parser, _EPILOG)
    path = parser.add_argument(
        "path", metavar="NAME:PATH", help="a file on a server, or a folder for all versions below it"
    )
    set_completer(path, REMOTE_PATHS)
    parser.add_argument("--json", action="store_true", help="print one JSON object per line, for scripts")


def run(options: argparse.Namespace) -> int:
    """List versions; returns the exit code."""
    name, path = parse_remote_operand(options.path)

    async def work(reactor: IClientReactor, client: Client, context: TransferContext) -> int:
        await list_versions(client, path, options.json)
        return Exit.DONE

    return with_remote(name, work)


async def list_versions(client: Client, path: str, as_json: bool) -> None:
    """Print all versions at or below a path, newest first."""
    from homeftp.client import parse_remote_path

    client.require_rights("listing versions", "read")
    endpoint = str(parse_remote_path(path).endpoint)
    count = 0
    async for page in client.versions(endpoint):
        for version in page:
            print_version(version, endpoint, as_json)
        count += len(page)
    if not count:
        print(f"{printable(endpoint) or 'The shared folder'} has no previous versions.", file=sys.stderr)


def print_version(version: Version, endpoint: str, as_json: bool) -> None:
    """Print one version; a version of `endpoint` itself has an empty name."""
    name = version.name or endpoint.rpartition("/")[2]
    if as_json:
        print_json({**version_body(version), "name": name})
        return
    changed = format_minute(version.mtime_us)
    print(f"{format_moment(version.at_us)}  {format_size(version.size):>9}  of {changed}  {printable(name)}")
