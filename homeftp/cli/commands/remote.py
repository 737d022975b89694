"""`homeftp remote`: the servers that this machine knows, and how it came to trust them.

The first contact sends nothing secret: it learns who the server says it is. A
person compares the fingerprint, or gives it; only a second connection, which
verifies the server against what was agreed to, logs in.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from homeftp.cli.completion import SERVERS, completes
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json, shown
from homeftp.errors import OperatorError, UntrustedServer

if TYPE_CHECKING:
    from homeftp.client import ServerIdentity
    from homeftp.client.known.remotes import Remotes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand for each thing to do."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="Get to know a server.", description=__doc__, allow_abbrev=False)
    add.add_argument("name", metavar="NAME", help="what to call it here, as in NAME:path")
    add.add_argument("address", metavar="HOST[:PORT]", help="where it is; also [IPV6]:PORT or unix:/path")
    add.add_argument("--user", metavar="USER", required=True, help="whom to log in as")
    add.add_argument("--fingerprint", metavar="F", help="the fingerprint that the server prints at its start")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input, for scripts")
    addresses = [
        actions.add_parser("add-address", help="Say where else a known server may be.", allow_abbrev=False),
        actions.add_parser("remove-address", help="Look for a known server there no more.", allow_abbrev=False),
    ]
    for action in addresses:
        completes(action.add_argument("name", metavar="NAME", help="what it is called here"), SERVERS)
        action.add_argument("address", metavar="HOST[:PORT]", help="the address; also [IPV6]:PORT or unix:/path")
    shown_list = actions.add_parser("list", help="List the known servers.", allow_abbrev=False)
    remove = actions.add_parser("remove", help="Forget a server.", allow_abbrev=False)
    completes(remove.add_argument("name", metavar="NAME", help="what it is called here"), SERVERS)
    for action in (add, *addresses, shown_list, remove):
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry it out."""
    from homeftp.client.known.remotes import Remotes, client_folder

    remotes = Remotes(client_folder(os.environ))
    if options.action == "add":
        return _add(remotes, options)
    if options.action == "remove":
        remotes.remove(options.name)
        _say(options, f"{options.name} is forgotten here", {"removed": options.name})
        return Exit.DONE
    if options.action in ("add-address", "remove-address"):
        return _change_addresses(remotes, options)
    for name in remotes.names():
        remote = remotes.load(name)
        addresses = [str(address) for address in remote.addresses]
        fields = {"name": name, "addresses": addresses, "user": remote.user}
        device = f", by the name of {shown(remote.device)}" if remote.device else ""
        fields |= {"device": remote.device} if remote.device else {}
        _say(options, f"{name:20} {', '.join(addresses)} as {shown(remote.user)}{device}", fields)
    return Exit.DONE


def _change_addresses(remotes: Remotes, options: argparse.Namespace) -> int:
    import attrs

    from homeftp.client import parse_address
    from homeftp.client.known.remotes import Remote
    from homeftp.config import MAX_ADDRESSES

    address = parse_address(options.address)

    def change(remote: Remote) -> Remote:
        if options.action == "add-address":
            if address not in remote.addresses and len(remote.addresses) >= MAX_ADDRESSES:
                raise OperatorError(
                    f"{remote.name} has {MAX_ADDRESSES} addresses already: homeftp remote remove-address takes one away"
                )
            changed = dict.fromkeys((*remote.addresses, address))
        else:
            if address not in remote.addresses:
                known = ", ".join(map(str, remote.addresses))
                raise OperatorError(f"{address} is no address of {remote.name}: those are {known}")
            if len(remote.addresses) == 1:
                raise OperatorError(
                    f"{address} is the only address of {remote.name}: add another one first, or forget the server, "
                    f"homeftp remote remove {remote.name}"
                )
            changed = dict.fromkeys(each for each in remote.addresses if each != address)
        return attrs.evolve(remote, addresses=changed)

    changed = remotes.update(remotes.load(options.name), change)
    if changed is None:
        raise OperatorError(f"there is no remote called {options.name} any more")
    addresses = [str(each) for each in changed.addresses]
    _say(
        options,
        f"{options.name} is looked for at {', '.join(addresses)}",
        {"name": options.name, "addresses": addresses},
    )
    return Exit.DONE


def _add(remotes: Remotes, options: argparse.Namespace) -> int:
    from homeftp.cli.connect.reactor import run_reactor
    from homeftp.cli.terminal.prompt import read_password
    from homeftp.client import connect, fetch_server_identity, parse_address
    from homeftp.client.known.remotes import Remote, check_name
    from homeftp.crypto.ca import normalise_fingerprint

    check_name(options.name)
    if options.name in remotes.names():
        raise OperatorError(
            f"there is a remote called {options.name} already. If that is the same server at one more address: homeftp "
            f"remote add-address {options.name} {options.address}; if not: homeftp remote remove {options.name}"
        )
    address = parse_address(options.address)
    expected = None if options.fingerprint is None else normalise_fingerprint(options.fingerprint)

    async def main(reactor: Any) -> int:
        from twisted.internet.threads import deferToThread

        presented = await fetch_server_identity(reactor, address)
        await deferToThread(_agree, presented, expected, str(address))
        password = await deferToThread(read_password, options.password_stdin, f"password of {shown(options.user)}: ")
        client = await connect(reactor, address, ca=presented.ca, username=options.user, password=password)
        server = client.server_info.server
        await client.close()
        remotes.save(Remote(options.name, [address], options.user, password, presented.ca))
        fields = {"added": options.name, "address": str(address), "fingerprint": presented.fingerprint}
        _say(options, f"{options.name} is ready: homeftp ls {options.name}:", {**fields, "server": server})
        return Exit.DONE

    return run_reactor(main)


def _agree(presented: ServerIdentity, expected: str | None, address: str) -> None:
    """Whether this is the right server: by the fingerprint that was given, or by a person's word."""
    if expected is not None:
        if presented.fingerprint != expected:
            raise UntrustedServer(
                f"the server at {address} has another fingerprint: {presented.fingerprint}, not {expected}. "
                "Nothing was sent to it"
            )
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UntrustedServer(
            f"there is no terminal to ask at: compare {presented.fingerprint} with what the server prints, and give it "
            "with --fingerprint"
        )
    print(f"The server at {address} has the fingerprint\n  {presented.fingerprint}", file=sys.stderr)
    print("Is that what the server itself shows? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UntrustedServer("not added: nothing was sent to the server")


def _say(options: argparse.Namespace, line: str, fields: dict[str, Any]) -> None:
    if options.json:
        print_json(fields)
    else:
        print(line)
