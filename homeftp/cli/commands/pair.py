"""`homeftp pair`: pair this machine with a server, using a code from `homeftp invite`.

The code proves both sides to each other: there is no password to choose and no fingerprint to compare.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
from typing import TYPE_CHECKING, Any, Sequence, cast

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_result, printable
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Address, AnnouncedServer, IClientReactor, PairingResult, Remotes

_MAX_LISTED = 4
"""The most servers that an error message lists."""

_FINGERPRINT_START = len("SHA256:") + 8
"""Characters of the fingerprint that are printed."""

_MAX_CODE_LINE = 256
"""The most characters that are read of a code on standard input."""

_NAME_LENGTH = 60
"""Characters of a name made from a host name: with a number behind it, a remote may still have it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the server's address, the code, and the names."""
    parser.add_argument(
        "address",
        metavar="HOST[:PORT]",
        nargs="?",
        help="the server's address; also [IPV6]:PORT or unix:/path (default: the server that announces itself)",
    )
    parser.add_argument(
        "code", metavar="CODE", nargs="*", help="the code that `homeftp invite` prints (default: ask for it)"
    )
    parser.add_argument("--name", metavar="NAME", help="the server's name on this machine (default: its host name)")
    parser.add_argument("--device", metavar="NAME", help="this machine's name on the server (default: its host name)")
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts")


def run(options: argparse.Namespace) -> int:
    """Pair; returns the exit code."""
    from homeftp.cli.connect.reactor import run_reactor
    from homeftp.client import Machine, Remotes, client_folder, pair, parse_address
    from homeftp.crypto.pake import parse_code

    remotes = Remotes(client_folder(os.environ))
    host, words = split_address_and_code([*filter(None, [options.address]), *options.code])
    address = None if host is None else parse_address(host)
    if options.name is not None:
        remotes.check_name(options.name)
        if options.name in remotes.names():
            raise OperatorError(
                f"there is already a server named {options.name}. If it is the same server, leave out --name: it keeps "
                f"its name. Otherwise run `homeftp remote remove {options.name}` first."
            )
    code = parse_code(words or _ask_code())
    remotes.check_writable()

    async def main(reactor: IClientReactor) -> int:
        from twisted.internet.threads import deferToThread

        addresses, announced = ([address], "") if address is not None else await _find_announced(reactor)
        device = options.device or socket.gethostname()
        machine = Machine(client_folder(os.environ)).id_for
        paired = await pair(reactor, addresses, code, device=device, machine=machine, announced=announced)
        reached = [cast("Address", paired.address), *addresses]
        name = await deferToThread(store_pairing, remotes, paired, reached, options.name)
        fields = {"paired": name, "address": str(reached[0]), "fingerprint": paired.fingerprint}
        print_result(
            options,
            f"Paired with {name} ({paired.fingerprint[:_FINGERPRINT_START]}...) as {printable(paired.device)}. "
            f"Next, try: homeftp ls {name}:",
            {**fields, "device": paired.device, "account": paired.account},
        )
        return Exit.DONE

    return run_reactor(main)


def split_address_and_code(words: Sequence[str]) -> tuple[str | None, str]:
    """The server's address, or None when the words are only a code; and the code, "" when there is none."""
    from homeftp.crypto.pake import resembles_code

    if not words or resembles_code(" ".join(words)):
        return None, " ".join(words)
    return words[0], " ".join(words[1:])


async def _find_announced(reactor: IClientReactor) -> tuple[Sequence[Address], str]:
    """The addresses of the only server that announces itself, and the beginning of its fingerprint."""
    from homeftp.client import browse

    if sys.stderr.isatty():
        print("Looking for a server on this network...", file=sys.stderr, flush=True)
    return choose_server(await browse(reactor))


def choose_server(announced: Sequence[AnnouncedServer]) -> tuple[Sequence[Address], str]:
    """The addresses and the short fingerprint of the one announced server.

    Raises `OperatorError` when there are several: trying the code at the wrong one would use up one of its three tries.
    """
    from homeftp.client import ConnectionFailed

    servers: dict[str, list[AnnouncedServer]] = {}
    for each in announced:
        servers.setdefault(each.fingerprint, []).append(each)
    if not servers:
        raise ConnectionFailed(
            "no server announces itself on this network. Give the address that the server prints when it starts: "
            "homeftp pair HOST"
        )
    if len(servers) > 1:
        first = [*servers.values()][:_MAX_LISTED]
        names = "; ".join(f"{printable(same[0].name)} at {same[0].addresses[0]}" for same in first)
        names += "" if len(servers) <= _MAX_LISTED else "; and others (`homeftp discover` lists them)"
        raise OperatorError(f"several servers announce themselves: {names}. Choose one: homeftp pair HOST")
    ((fingerprint, same),) = servers.items()
    return list(dict.fromkeys(address for each in same for address in each.addresses)), fingerprint


def _ask_code() -> str:
    """The code from standard input, where it does not appear in the process list."""
    if sys.stdin.isatty():
        print("Code: ", end="", file=sys.stderr, flush=True)
    code = sys.stdin.readline(_MAX_CODE_LINE)
    if not code and sys.stdin.isatty():
        print(file=sys.stderr)  # Ctrl-D ends no line
    return code


def store_pairing(remotes: Remotes, paired: PairingResult, reached: Sequence[Address], wanted: str | None) -> str:
    """Store the new pairing; returns the server's name on this machine. `reached` starts with the address that worked.

    A known server with the same account keeps its name: it gets the new addresses and the newer certificate.
    """
    import attrs

    from homeftp.client import Remote

    known = remotes.all() if wanted is None else []
    same = [remote for remote in known if (remote.ca, remote.user) == (paired.ca, paired.account)]
    own: dict[str, Any] = {"device": paired.device, "certificate": paired.certificate, "key": paired.key}
    for remote in sorted(same, key=lambda each: reached[0] not in each.addresses):
        if remotes.update(remote, lambda found: attrs.evolve(found.reached_at(*reached), password="", **own)):
            return remote.name
    name = wanted or free_name(paired.host, remotes.names())
    remotes.save(Remote(name, reached[:1], paired.account, "", paired.ca, **own).reached_at(*reached))
    return name


def free_name(host: str, taken: Sequence[str]) -> str:
    """A name for a server: its host name as far as that is valid, with a number when it is taken."""
    plain = re.sub(r"[^a-z0-9-]+", "-", host.lower())[:_NAME_LENGTH].strip("-")
    if len(plain) < 2:
        plain = "nas"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name
