"""`homeftp versions`: list what was on a server before it was replaced or removed."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, AsyncIterator

from homeftp.cli.completion import SERVER_PLACES, completes
from homeftp.cli.connect.operands import server_path
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json, shown, size_shown
from homeftp.cli.terminal.times import moment_shown, time_shown
from homeftp.wire.messages import version_body

if TYPE_CHECKING:
    from homeftp.client import Client
    from homeftp.client.transfer.model import TransferContext
    from homeftp.model import Version

_EPILOG = """\
Each line is a content that stood there until the time at its beginning (in this machine's time zone). That time, or as
much of its beginning as no other version has, is what restore --at takes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where."""
    parser.epilog = f"{_EPILOG}\n{parser.epilog or ''}"
    place = parser.add_argument(
        "place", metavar="NAME:PATH", help="a file at the server, or a folder for all that is or was in it"
    )
    completes(place, SERVER_PLACES)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, for scripts")


def run(options: argparse.Namespace) -> int:
    """List."""
    name, path = server_path(options.place)

    async def work(reactor: Any, client: Client, tools: TransferContext) -> int:
        from homeftp.client.plan.paths import parse_remote_path

        client.require_rights("listing versions", "read")
        endpoint = str(parse_remote_path(path).endpoint)
        if not await _print_all(client.versions(endpoint), endpoint, options.json):
            print(f"there is no version of {shown(endpoint) or 'anything there'}", file=sys.stderr)
        return Exit.DONE

    return with_remote(name, work)


async def _print_all(pages: AsyncIterator[Any], endpoint: str, as_json: bool) -> int:
    """How many there were."""
    count = 0
    async for page in pages:
        for version in page:
            _print(version, endpoint, as_json)
        count += len(page)
    return count


def _print(version: Version, endpoint: str, as_json: bool) -> None:
    name = version.name or endpoint.rpartition("/")[2]
    if as_json:
        print_json({**version_body(version), "name": name})
        return
    changed = time_shown(version.mtime_us)
    print(f"{moment_shown(version.at_us)}  {size_shown(version.size):>9}  of {changed}  {shown(name)}")
