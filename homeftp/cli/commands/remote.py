"""`homeftp remote`: the servers that this machine knows, and the first contact with one that has a password.

The first connection sends nothing secret: it only learns the server's fingerprint. A person compares the fingerprint,
or gives it as an option. Only a second connection, which verifies the server against it, logs in.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from homeftp.cli.terminal.asking import can_ask, confirm
from homeftp.cli.terminal.completers import SERVER_NAMES, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_result, printable
from homeftp.errors import OperatorError, UntrustedServer

if TYPE_CHECKING:
    from homeftp.client import Address, IClientReactor, Remote, Remotes, ServerIdentity

_ADD_DESCRIPTION = """\
Add a server that you log in to with a password. homeftp prints the server's fingerprint for you to compare with the one
that the server itself printed, unless you give that with --fingerprint. Then it asks for the password and tries it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per action."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, summary: str, description: str = "") -> argparse.ArgumentParser:
        return actions.add_parser(name, help=summary, description=description or summary, allow_abbrev=False)

    add = action("add", "Add a server that you log in to with a password.", _ADD_DESCRIPTION)
    add.add_argument("name", metavar="NAME", help="the server's name on this machine, as in NAME:PATH")
    add.add_argument("address", metavar="HOST[:PORT]", help="the server's address; also [IPV6]:PORT or unix:/path")
    add.add_argument("--user", metavar="USER", required=True, help="the account to log in to")
    add.add_argument("--fingerprint", metavar="F", help="the fingerprint that the server prints when it starts")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input, for scripts")
    addresses = [
        action("add-address", "Add an address to a known server."),
        action("remove-address", "Remove an address from a known server."),
    ]
    for parser in addresses:
        set_completer(parser.add_argument("name", metavar="NAME", help="the server's name"), SERVER_NAMES)
        parser.add_argument("address", metavar="HOST[:PORT]", help="the address; also [IPV6]:PORT or unix:/path")
    list_servers = action("list", "List the known servers.")
    remove = action("remove", "Forget a server.")
    set_completer(remove.add_argument("name", metavar="NAME", help="the server's name"), SERVER_NAMES)
    for parser in (add, *addresses, list_servers, remove):
        parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry out the action; returns the exit code."""
    from homeftp.client import Remotes, client_folder

    remotes = Remotes(client_folder(os.environ))
    if options.action == "add":
        return _add(remotes, options)
    if options.action == "remove":
        _remove(remotes, options.name)
        print_result(options, f"Removed {options.name} from this machine's servers.", {"removed": options.name})
    elif options.action == "list":
        for name in remotes.names():
            _print_remote(remotes.load(name), options)
    else:
        _change_addresses(remotes, options)
    return Exit.DONE


def _remove(remotes: Remotes, name: str) -> None:
    """Remove a server, and what this machine has seen on it unless it is known under another name too."""
    from homeftp.client import SeenStore, seen_path

    known = {remote.name: remote.fingerprint for remote in remotes.all()}
    remotes.remove(name)
    fingerprint = known.pop(name, "")
    path = seen_path(os.environ)
    if fingerprint and fingerprint not in known.values() and os.path.exists(path):
        store = SeenStore(path)
        store.forget(fingerprint)
        store.close()


def _print_remote(remote: Remote, options: argparse.Namespace) -> None:
    addresses = [str(address) for address in remote.addresses]
    fields: dict[str, Any] = {"name": remote.name, "addresses": addresses, "user": remote.user}
    line = f"{remote.name:20} {', '.join(addresses)} as {printable(remote.user)}"
    if remote.device:
        fields["device"] = remote.device
        line += f", device {printable(remote.device)}"
    print_result(options, line, fields)


def _change_addresses(remotes: Remotes, options: argparse.Namespace) -> None:
    import attrs

    from homeftp.client import parse_address

    address = parse_address(options.address)
    change = with_address if options.action == "add-address" else without_address
    changed = remotes.update(
        remotes.load(options.name), lambda remote: attrs.evolve(remote, addresses=change(remote, address))
    )
    if changed is None:
        raise OperatorError(f"{options.name} has been removed by another command. Nothing was changed.")
    addresses = [str(each) for each in changed.addresses]
    print_result(
        options,
        f"The addresses of {options.name} are now: {', '.join(addresses)}",
        {"name": options.name, "addresses": addresses},
    )


def with_address(remote: Remote, address: Address) -> tuple[Address, ...]:
    """The server's addresses and one more; raises `OperatorError` when there are too many."""
    from homeftp.config import MAX_ADDRESSES

    if address not in remote.addresses and len(remote.addresses) >= MAX_ADDRESSES:
        raise OperatorError(
            f"{remote.name} already has {MAX_ADDRESSES} addresses. Remove one first: homeftp remote remove-address"
        )
    return tuple(dict.fromkeys((*remote.addresses, address)))


def without_address(remote: Remote, address: Address) -> tuple[Address, ...]:
    """The server's addresses except one; raises `OperatorError` when it is unknown, or the only one."""
    if address not in remote.addresses:
        known = ", ".join(map(str, remote.addresses))
        raise OperatorError(f"{remote.name} has no address {address}. Its addresses are: {known}")
    if len(remote.addresses) == 1:
        raise OperatorError(
            f"{address} is the only address of {remote.name}. Add another one first, or remove the server: "
            f"homeftp remote remove {remote.name}"
        )
    return tuple(each for each in remote.addresses if each != address)


def _add(remotes: Remotes, options: argparse.Namespace) -> int:
    from homeftp.cli.connect.reactor import run_reactor
    from homeftp.cli.terminal.daemonthread import DaemonThread
    from homeftp.cli.terminal.prompt import read_password, terminal_restored
    from homeftp.client import Remote, connect, fetch_server_identity, parse_address
    from homeftp.crypto.ca import normalise_fingerprint

    remotes.check_name(options.name)
    if options.name in remotes.names():
        raise OperatorError(
            f"there is already a server named {options.name}. To add an address to it, run `homeftp remote add-address "
            f"{options.name} {options.address}`. To replace it, run `homeftp remote remove {options.name}` first."
        )
    address = parse_address(options.address)
    expected = None if options.fingerprint is None else normalise_fingerprint(options.fingerprint)

    async def main(reactor: IClientReactor) -> int:
        presented = await fetch_server_identity(reactor, address)
        thread = DaemonThread(reactor)
        await thread.call(confirm_identity, presented, expected, str(address))
        with terminal_restored():
            prompt = f"Password of {printable(options.user)}: "
            password = await thread.call(read_password, options.password_stdin, prompt)
        client = await connect(reactor, address, ca=presented.ca, username=options.user, password=password)
        server = client.server_info.server
        await client.close()
        remotes.save(Remote(options.name, [address], options.user, password, presented.ca))
        fields = {"added": options.name, "address": str(address), "fingerprint": presented.fingerprint}
        print_result(
            options, f"Added {options.name}. Next, try: homeftp ls {options.name}:", {**fields, "server": server}
        )
        return Exit.DONE

    return run_reactor(main)


def confirm_identity(presented: ServerIdentity, expected: str | None, address: str) -> None:
    """Check the server's fingerprint against the expected one, or ask; raises `UntrustedServer` if it is not right."""
    if expected is not None:
        if presented.fingerprint != expected:
            raise UntrustedServer(
                f"the server at {address} has the fingerprint {presented.fingerprint}, not {expected}. Nothing was "
                "sent to it."
            )
        return
    if not can_ask():
        raise UntrustedServer(
            f"cannot ask without a terminal. Compare {presented.fingerprint} with the fingerprint that the server "
            "prints, then pass it with --fingerprint."
        )
    print(f"The server at {address} has the fingerprint\n  {presented.fingerprint}", file=sys.stderr)
    if not confirm("Does the server itself print the same fingerprint?"):
        raise UntrustedServer("the server was not added. Nothing was sent to it.")
