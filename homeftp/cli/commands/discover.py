"""`homeftp discover`: list the servers that announce themselves on this network.

An announcement proves nothing, because anyone on the network can send one. Only pairing proves a server's identity.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Iterable, Mapping

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_json, printable

if TYPE_CHECKING:
    from homeftp.client import AnnouncedServer, IClientReactor, Remote

_SECONDS = 3.0
"""Most servers answer within one."""

_MAX_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how long to listen, and the output format."""
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=_parse_seconds,
        default=_SECONDS,
        help=f"how long to listen (default: {_SECONDS:g})",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per server, for scripts")


def run(options: argparse.Namespace) -> int:
    """List the servers; returns the exit code."""
    from homeftp.cli.connect.reactor import run_reactor
    from homeftp.client import Remotes, browse, client_folder

    known = names_by_fingerprint(Remotes(client_folder(os.environ)).all())

    async def main(reactor: IClientReactor) -> int:
        found = await browse(reactor, options.seconds, quiet=None)
        for server in found:
            print_server(server, known.get(server.fingerprint, []), options.json)
        if not found and not options.json:
            print("No server announces itself on this network.", file=sys.stderr)
        return Exit.DONE

    return run_reactor(main)


def names_by_fingerprint(remotes: Iterable[Remote]) -> Mapping[str, list[str]]:
    """The names of the known servers, by the short fingerprint that a server announces."""
    from homeftp.discovery import short

    names: dict[str, list[str]] = {}
    for remote in remotes:
        names.setdefault(short(remote.fingerprint), []).append(remote.name)
    return names


def print_server(server: AnnouncedServer, names: list[str], as_json: bool) -> None:
    """Print one announced server, and the names of the known servers that have its fingerprint."""
    addresses = [str(each) for each in server.addresses]
    if as_json:
        print_json(
            {
                "name": server.name,
                "addresses": addresses,
                "port": server.addresses[0].port,
                "fingerprint": server.fingerprint,
                "remotes": names,
            }
        )
        return
    claim = f"   claims to be {' and '.join(names)}" if names else ""
    print(f"{printable(server.name):20} {', '.join(addresses)}   SHA256:{server.fingerprint}...{claim}")


def _parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, at most {_MAX_SECONDS:.0f}")
    return seconds
