"""`homeftp discover`: the servers that announce themselves in this network. Whether one is what it says, pairing tells.

What they say is shown, and nothing is done about it.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, Iterable, Mapping

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json, shown

if TYPE_CHECKING:
    from homeftp.client.known.discover import AnnouncedServer
    from homeftp.client.known.remotes import Remote

_LONGEST = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """For how long."""
    parser.add_argument(
        "--seconds", metavar="N", type=_seconds, default=3.0, help="for how long to listen for them (default 3)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a server, for scripts")


def run(options: argparse.Namespace) -> int:
    """List them."""
    from homeftp.cli.connect.reactor import run_reactor
    from homeftp.client.known.discover import browse
    from homeftp.client.known.remotes import Remotes, client_folder

    known = by_fingerprint(Remotes(client_folder(os.environ)).all())

    async def main(reactor: Any) -> int:
        found = await browse(reactor, options.seconds, quiet=None)
        for server in found:
            _print(server, known.get(server.fingerprint, []), options.json)
        if not found and not options.json:
            print("no server announces itself in this network", file=sys.stderr)
        return Exit.DONE

    return run_reactor(main)


def by_fingerprint(remotes: Iterable[Remote]) -> Mapping[str, list[str]]:
    """The names of the known servers, by what each announces of its fingerprint."""
    from homeftp.discovery import short

    names: dict[str, list[str]] = {}
    for remote in remotes:
        names.setdefault(short(remote.fingerprint), []).append(remote.name)
    return names


def _print(server: AnnouncedServer, names: list[str], json: bool) -> None:
    addresses = [str(each) for each in server.addresses]
    if json:
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
    known = f"   says that it is {' and '.join(names)}" if names else ""
    print(f"{shown(server.name):20} {', '.join(addresses)}   SHA256:{server.fingerprint}...{known}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"give seconds, at most {_LONGEST:.0f}")
    return seconds
