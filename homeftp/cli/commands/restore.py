"""`homeftp restore`: put back on a server what was there before."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from homeftp.cli.completion import SERVER_PLACES, completes
from homeftp.cli.connect.operands import server_path
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json, shown, size_shown
from homeftp.cli.terminal.times import moment_shown
from homeftp.errors import NotFound, OperatorError
from homeftp.wire.messages import entry_body

if TYPE_CHECKING:
    from homeftp.client import Client
    from homeftp.client.transfer.model import TransferContext
    from homeftp.model import Version

_EPILOG = """\
Without --at the newest version comes back. What stands there now becomes a version itself, so that restoring twice is
where you began. homeftp versions shows which there are.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, and which of it."""
    parser.epilog = f"{_EPILOG}\n{parser.epilog or ''}"
    place = parser.add_argument("place", metavar="NAME:PATH", help="a file at the server, as it was called")
    completes(place, SERVER_PLACES)
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="which version: its time as versions prints it, or the beginning of that",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts")


def run(options: argparse.Namespace) -> int:
    """Put it back."""
    name, path = server_path(options.place)

    async def work(reactor: Any, client: Client, tools: TransferContext) -> int:
        from homeftp.client.plan.paths import parse_remote_path

        endpoint = str(parse_remote_path(path).endpoint)
        if not endpoint:
            raise OperatorError("name the file that is to be put back: NAME:path")
        for right in ("read", "add", "replace"):
            client.require_rights("restoring", right)
        version = await _chosen(client, endpoint, options.at)
        there = (await client.cmp(endpoint)).remote
        if there is not None and there.kind != "file":
            raise OperatorError(f"{endpoint} is a folder now: name a file in it, or move it away first")
        entry = await client.restore(endpoint, at=version.at_us)
        if options.json:
            print_json({**entry_body(entry), "name": endpoint, "at": version.at_us})
        else:
            kept = "" if there is None else "; what was there is a version now"
            print(
                f"{shown(endpoint)} is what it was until {moment_shown(version.at_us)} ({size_shown(entry.size)}){kept}"
            )
        return Exit.DONE

    return with_remote(name, work)


async def _chosen(client: Client, endpoint: str, at: str | None) -> Version:
    """The one version that is meant; raises `OperatorError` where that is not clear, `NotFound` where there is none."""
    fitting: list[Version] = []
    count = 0
    async for page in client.versions(endpoint):
        own = [version for version in page if not version.name]
        count += len(own)
        if at is None and own:
            return own[0]
        fitting += [version for version in own if at is not None and _fits(version, at)]
    if not count:
        raise NotFound(f"there is no version of {endpoint}")
    if not fitting:
        raise NotFound(f"no version of {endpoint} is from {at}: homeftp versions shows those that there are")
    if len(fitting) > 1:
        times = ", ".join(moment_shown(version.at_us) for version in fitting[:5])
        raise OperatorError(f"{len(fitting)} versions of {endpoint} are from {at}: say more of the time: {times}")
    return fitting[0]


def _fits(version: Version, at: str) -> bool:
    """By the time as a person reads it, or by the number that a script has."""
    return moment_shown(version.at_us).startswith(at) or str(version.at_us) == at
