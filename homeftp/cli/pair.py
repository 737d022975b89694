"""`homeftp pair`: get to know a server by a code that was made there. There is no password, and nothing to compare."""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
from typing import TYPE_CHECKING, Any

from homeftp.cli import Exit
from homeftp.cli.output import print_json, shown
from homeftp.errors import SetupError

if TYPE_CHECKING:
    from homeftp.client import Address, Paired
    from homeftp.client.remotes import Remotes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and the code."""
    parser.add_argument("address", metavar="HOST[:PORT]", help="where the server is; also [IPV6]:PORT or unix:/path")
    parser.add_argument(
        "code", metavar="CODE", nargs="*", help="the code that homeftp invite shows there; else asked for"
    )
    parser.add_argument("--name", metavar="NAME", help="what to call the server here (default: as it calls itself)")
    parser.add_argument("--device", metavar="NAME", help="what to call this machine there (default: its own name)")
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts")


def run(options: argparse.Namespace) -> int:
    """Pair."""
    from homeftp.cli.running import run_reactor
    from homeftp.client import parse_address
    from homeftp.client.pairing import pair
    from homeftp.client.remotes import Remotes, check_name, client_home
    from homeftp.pairing import parse_code

    remotes = Remotes(client_home(os.environ))
    address = parse_address(options.address)
    if options.name is not None:
        check_name(options.name)
        if options.name in remotes.names():
            raise SetupError(f"there is a remote called {options.name} already: homeftp remote remove {options.name}")
    code = parse_code(" ".join(options.code) or _asked())
    remotes.prepare()

    async def main(reactor: Any) -> int:
        from twisted.internet.threads import deferToThread

        paired = await pair(reactor, address, code, device=options.device or socket.gethostname())
        name = await deferToThread(_keep, remotes, paired, address, options.name)
        if options.json:
            fields = {"paired": name, "address": str(address), "fingerprint": paired.fingerprint}
            print_json({**fields, "device": paired.device, "account": paired.account})
        else:
            short = paired.fingerprint[: len("SHA256:") + 8]
            print(f"paired with {name} ({short}...); this device is {shown(paired.device)}; try: homeftp ls {name}:")
        return Exit.DONE

    return run_reactor(main)


def _asked() -> str:
    """The code, from standard input: there it is in no list of processes."""
    if sys.stdin.isatty():
        print("code: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline(256)


def _keep(remotes: Remotes, paired: Paired, address: Address, given: str | None) -> str:
    """Keep what the pairing gave; gives the server's name here.

    A server that is known already, to the same account, keeps its name: it is
    the same one at one more address, with a newer certificate.
    """
    import attrs

    from homeftp.client.remotes import Remote

    known = remotes.all() if given is None else []
    same = [remote for remote in known if (remote.ca, remote.user) == (paired.ca, paired.account)]
    own: dict[str, Any] = {"device": paired.device, "certificate": paired.certificate, "key": paired.key}
    for remote in sorted(same, key=lambda each: address not in each.addresses):
        if remotes.update(remote, lambda found: attrs.evolve(found.reached_at(address), password="", **own)):
            return remote.name
    name = given or _free(paired.host, remotes.names())
    remotes.save(Remote(name, [address], paired.account, "", paired.ca, **own))
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
