"""`homeftp pair`: get to know a server by a code that was made there. There is no password, and nothing to compare."""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
from typing import TYPE_CHECKING, Any, Sequence, cast

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json, shown
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Address, PairingResult
    from homeftp.client.known.discover import AnnouncedServer
    from homeftp.client.known.remotes import Remotes

_NAMED = 4
"""Servers that are named, of those among which a person has to choose."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and the code."""
    parser.add_argument(
        "address",
        metavar="HOST[:PORT]",
        nargs="?",
        help="where the server is; also [IPV6]:PORT or unix:/path; without it, the one that announces itself here",
    )
    parser.add_argument(
        "code", metavar="CODE", nargs="*", help="the code that homeftp invite shows there; else asked for"
    )
    parser.add_argument("--name", metavar="NAME", help="what to call the server here (default: as it calls itself)")
    parser.add_argument("--device", metavar="NAME", help="what to call this machine there (default: its own name)")
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts")


def run(options: argparse.Namespace) -> int:
    """Pair."""
    from homeftp.cli.connect.reactor import run_reactor
    from homeftp.client import parse_address
    from homeftp.client.known.discover import check_available
    from homeftp.client.known.pairing import pair
    from homeftp.client.known.remotes import Remotes, check_name, client_folder
    from homeftp.crypto.pake import parse_code

    remotes = Remotes(client_folder(os.environ))
    place, words = place_and_code([*filter(None, [options.address]), *options.code])
    address = None if place is None else parse_address(place)
    if options.name is not None:
        check_name(options.name)
        if options.name in remotes.names():
            raise OperatorError(
                f"there is a remote called {options.name} already. If that is the same server, leave out --name: it "
                f"keeps its name; if not: homeftp remote remove {options.name}"
            )
    if address is None:
        check_available()
    code = parse_code(words or _asked())
    remotes.check_writable()

    async def main(reactor: Any) -> int:
        from twisted.internet.threads import deferToThread

        addresses, announced = ([address], "") if address is not None else await _the_only_one(reactor)
        device = options.device or socket.gethostname()
        paired = await pair(reactor, addresses, code, device=device, announced=announced)
        reached = [cast("Address", paired.address), *addresses]
        name = await deferToThread(_keep, remotes, paired, reached, options.name)
        if options.json:
            fields = {"paired": name, "address": str(reached[0]), "fingerprint": paired.fingerprint}
            print_json({**fields, "device": paired.device, "account": paired.account})
        else:
            short = paired.fingerprint[: len("SHA256:") + 8]
            print(f"paired with {name} ({short}...); this device is {shown(paired.device)}; try: homeftp ls {name}:")
        return Exit.DONE

    return run_reactor(main)


def place_and_code(words: Sequence[str]) -> tuple[str | None, str]:
    """The server's address, None where there is none among the words, and the code, "" where it is to be asked for."""
    from homeftp.crypto.pake import resembles_code

    if not words or resembles_code(" ".join(words)):
        return None, " ".join(words)
    return words[0], " ".join(words[1:])


async def _the_only_one(reactor: Any) -> tuple[Sequence[Address], str]:
    """Where the server is that announces itself in this network, and how its fingerprint begins.

    Where there are several, which one is meant is for a person to say: the
    code would be tried in vain at the others, and each try counts.
    """
    from homeftp.client import ConnectionFailed
    from homeftp.client.known.discover import browse

    if sys.stderr.isatty():
        print("looking for the server in this network...", file=sys.stderr, flush=True)
    servers: dict[str, list[AnnouncedServer]] = {}
    for each in await browse(reactor):
        servers.setdefault(each.fingerprint, []).append(each)
    if not servers:
        raise ConnectionFailed(
            "no server announces itself in this network: give its address, as the server shows it when it starts: "
            "homeftp pair HOST CODE"
        )
    if len(servers) > 1:
        named = "; ".join(f"{shown(same[0].name)} at {same[0].addresses[0]}" for same in [*servers.values()][:_NAMED])
        named += "" if len(servers) <= _NAMED else "; and others (homeftp discover lists them)"
        raise OperatorError(f"several servers announce themselves: {named}. Say which: homeftp pair HOST CODE")
    ((fingerprint, same),) = servers.items()
    return list(dict.fromkeys(address for each in same for address in each.addresses)), fingerprint


def _asked() -> str:
    """The code, from standard input: there it is in no list of processes."""
    if sys.stdin.isatty():
        print("code: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline(256)


def _keep(remotes: Remotes, paired: PairingResult, reached: Sequence[Address], given: str | None) -> str:
    """Keep what the pairing gave; gives the server's name here. It was reached at the first of the addresses.

    A server that is known already, to the same account, keeps its name: it is
    the same one at one more address, with a newer certificate.
    """
    import attrs

    from homeftp.client.known.remotes import Remote

    known = remotes.all() if given is None else []
    same = [remote for remote in known if (remote.ca, remote.user) == (paired.ca, paired.account)]
    own: dict[str, Any] = {"device": paired.device, "certificate": paired.certificate, "key": paired.key}
    for remote in sorted(same, key=lambda each: reached[0] not in each.addresses):
        if remotes.update(remote, lambda found: attrs.evolve(found.reached_at(*reached), password="", **own)):
            return remote.name
    name = given or _free(paired.host, remotes.names())
    remotes.save(Remote(name, reached[:1], paired.account, "", paired.ca, **own).reached_at(*reached))
    return name


def _free(host: str, taken: list[str]) -> str:
    """What to call the server: as it calls itself, if that can be a name, and with a number where it is taken."""
    plain = re.sub(r"[^a-z0-9-]+", "-", host.lower())[:60].strip("-")
    if len(plain) < 2:
        plain = "nas"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name
