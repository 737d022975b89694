"""`homeftp device`: add, list, narrow, rename and revoke the devices of this machine's server.

It works on the state folder. A running server disconnects a changed or revoked device within seconds.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.arguments import add_actions
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.stdstreams import read_line
from homeftp.cli.terminal.text import print_json, print_result, printable
from homeftp.cli.terminal.times import format_minute
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.accounts.database import AccountDatabase
    from homeftp.accounts.devices import Device, Devices, Narrowing
    from homeftp.endpoint import Endpoint

_DAY_WIDTH = len("2026-01-31")

_GENERAL_LINES = (
    "The server does not run, or has no front end for other programs. With --https, WebDAV programs use",
    "    https://{host}.local:8443/dav/    or the machine's address in place of its name",
    "and with --sftp, SFTP programs use",
    "    sftp -P 8022 {account}@{host}.local",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per action."""
    summaries = {
        "list": "List the devices.",
        "add-app": "Make a password for one program that speaks WebDAV or SFTP, and print it once.",
        "add-key": "Add an SSH key for SFTP; the public key is read from standard input.",
        "narrow": "Narrow what a device may do, or where. It is disconnected, and connects again.",
        "rename": "Rename a device.",
        "revoke": "Revoke a device: it is disconnected and cannot log in again. Its files stay.",
    }
    actions = add_actions(parser, summaries)
    for name in ("add-app", "add-key", "narrow", "rename", "revoke"):
        actions[name].add_argument("name", metavar="NAME", help="the device's name")
    actions["rename"].add_argument("new", metavar="NEW", help="the new name")
    for name in ("add-app", "add-key"):
        actions[name].add_argument("--account", metavar="NAME", help="the device's account (default: the only one)")
    for name in ("add-app", "add-key", "narrow"):
        actions[name].add_argument(
            "--rights",
            metavar="RIGHTS",
            help="at most these: some of read,add,replace,delete; or all. The device never has more than its account",
        )
        actions[name].add_argument(
            "--home",
            metavar="FOLDER",
            help="a folder of the account, which the device sees as everything; or / for all",
        )
    for action in actions.values():
        add_state_argument(action)
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry out the action on the state folder; returns the exit code."""
    from homeftp.accounts.database import AccountDatabase
    from homeftp.accounts.devices import Devices

    folder = state_dir(options)
    devices = Devices(AccountDatabase(folder))
    if options.action == "list":
        return _list(devices.all(), options.json)
    log = CommandAudit(folder, f"device {options.action}")
    if options.action == "add-app":
        _add_app(devices, log, options, folder)
    elif options.action == "add-key":
        _add_key(devices, log, options)
    elif options.action == "narrow":
        _narrow(devices, log, options)
    elif options.action == "rename":
        device = devices.rename(options.name, options.new)
        log.note("rename", device.account, device.name, old_device=options.name)
        fields = {"renamed": options.name, "name": options.new}
        print_result(options, f"Renamed {options.name} to {options.new}.", fields)
    else:
        device = devices.revoke(options.name)
        log.note("revocation", device.account, device.name)
        line = f"Revoked {device.name}: it can no longer log in. The files it uploaded stay."
        print_result(options, line, {"revoked": device.name, "account": device.account})
    return Exit.DONE


def _add_app(devices: Devices, log: CommandAudit, options: argparse.Namespace, folder: str) -> None:
    import time

    from homeftp.accounts.credentials.apppasswords import app_password_hash, new_app_password
    from homeftp.accounts.devices import DeviceKind

    account, narrowing = _wanted(devices.state, options)
    password = new_app_password()
    credential = app_password_hash(password)
    assert credential is not None
    device = devices.add(options.name, account, DeviceKind.APP_PASSWORD, credential, time.time(), narrowing)
    _note(log, devices.state, device)
    lines = reach(folder, account)
    if options.json:
        print_json({**_fields(device), "password": password, "reach": lines})
        return
    print(f"App password of {device.name}, a device of {account}{_limits(device)}. It is shown only now:\n")
    print(f"    {password}\n\nType it into the program, with the account's name:   {account}")
    print(*map(printable, lines), sep="\n")


def _add_key(devices: Devices, log: CommandAudit, options: argparse.Namespace) -> None:
    import time

    from homeftp.accounts.credentials.tokens import token_hash
    from homeftp.accounts.devices import DeviceKind
    from homeftp.crypto.sshkeys import LONGEST_LINE, parse_public_key

    account, narrowing = _wanted(devices.state, options)
    if sys.stdin.isatty():
        print("Paste the public key, one line, such as the content of ~/.ssh/id_ed25519.pub:", file=sys.stderr)
        key = parse_public_key(read_line(LONGEST_LINE))
    else:
        key = parse_public_key(sys.stdin.buffer.read(LONGEST_LINE + 1))
    device = devices.add(options.name, account, DeviceKind.SSH_KEY, token_hash(key.blob), time.time(), narrowing)
    _note(log, devices.state, device, fingerprint=key.fingerprint)
    fields = {**_fields(device), "algorithm": key.algorithm, "fingerprint": key.fingerprint, "comment": key.comment}
    shown = f"{key.algorithm} {key.fingerprint}" + (f" ({key.comment})" if key.comment else "")
    print_result(options, f"Added {device.name}, a device of {account}{_limits(device)}, with the key {shown}.", fields)


def _narrow(devices: Devices, log: CommandAudit, options: argparse.Namespace) -> None:
    rights, home = _rights(options), _home(options)
    if rights is None and home is None:
        raise OperatorError("give what to change: --rights RIGHTS or --home FOLDER.")
    device = next((each for each in devices.all() if each.name == options.name), None)
    if device is not None:
        _check(devices.state, device.account, rights, home, device.narrowing)
    device = devices.narrow(options.name, rights, home)
    _note(log, devices.state, device)
    limits = _limits(device) or " has all that its account has"
    line = f"{device.name}{limits.replace(' with', ' has', 1)}. The server closes its connections; it connects again."
    print_result(options, line, _fields(device))


def _wanted(state: AccountDatabase, options: argparse.Namespace) -> tuple[str, Narrowing]:
    """The account and the limits of a new device. Raises `OperatorError`."""
    from homeftp.accounts.devices import device_name

    device_name(options.name)
    accounts = state.account_names()
    account = options.account or (accounts[0] if len(accounts) == 1 else None)
    if account is None:
        names = f": --account {' or --account '.join(accounts)}" if accounts else ": homeftp account add NAME makes one"
        raise OperatorError(f"name the account of the device{names}.")
    return account, _check(state, account, _rights(options), _home(options), None)


def _check(
    state: AccountDatabase,
    account: str,
    rights: frozenset[str] | None,
    home: Endpoint | None,
    before: Narrowing | None,
) -> Narrowing:
    """The limits of a device. Raises `OperatorError` where it could do nothing at all: that is a mistake."""
    from homeftp.accounts.access import AccessTable
    from homeftp.accounts.devices import WHOLE_ACCOUNT, Narrowing
    from homeftp.store.policy.rights import rights_shown

    before = before or WHOLE_ACCOUNT
    wanted = Narrowing(before.rights if rights is None else rights, before.home if home is None else home)
    access = AccessTable(state).find(account)
    if access is None:
        raise OperatorError(f"there is no account named {account}: `homeftp account list` shows all.")
    if not access.rights.narrowed(wanted.home.parts, wanted.rights).at_most:
        where = wanted.home.whole or "its home"
        raise OperatorError(
            f"the device could do nothing: {account} has none of the rights {rights_shown(wanted.rights)} in {where}."
        )
    return wanted


def _rights(options: argparse.Namespace) -> frozenset[str] | None:
    from homeftp.store.policy.rights import parse_rights

    return None if options.rights is None else parse_rights(options.rights)


def _home(options: argparse.Namespace) -> Endpoint | None:
    from homeftp.accounts.access import parse_folder

    return None if options.home is None else parse_folder(options.home)


def _note(log: CommandAudit, state: AccountDatabase, device: Device, **fields: Any) -> None:
    """Record a new or changed device in the audit log, and never what it proves."""
    from homeftp.accounts.access import AccessTable
    from homeftp.endpoint import ROOT

    access, narrowing = AccessTable(state).find(device.account), device.narrowing
    home = (ROOT if access is None else access.home).beneath(*(() if narrowing is None else narrowing.home.parts))
    fields = {"kind": device.kind, "endpoint": home.whole, "rights": device.rights, **fields}
    log.note("device", device.account, device.name, **fields)


def _fields(device: Device) -> dict[str, Any]:
    """A device that was added or changed, for scripts."""
    return {
        "device": device.name,
        "account": device.account,
        "kind": device.kind,
        "rights": device.rights,
        "home": device.home,
    }


def _limits(device: Device) -> str:
    """The limits of a device, as the end of a phrase; "" where it has none."""
    from homeftp.accounts.devices import WHOLE_ACCOUNT

    narrowing = device.narrowing
    if narrowing is None:
        return " with nothing: its record is damaged"
    if narrowing == WHOLE_ACCOUNT:
        return ""
    rights = "" if narrowing.rights == WHOLE_ACCOUNT.rights else f" with the rights {device.rights} at most"
    return rights + (f"{' and' if rights else ' with'} the home {narrowing.home.whole}" if narrowing.home.parts else "")


def reach(folder: str, account: str) -> list[str]:
    """How other programs reach the server of a state folder; in general where it does not run."""
    from homeftp.control.ask import server_of
    from homeftp.host import own_name

    server = server_of(os.environ, folder)
    try:
        lines = [] if server is None else [str(line) for line in server.ask("reach").get("lines", [])]
        lines = [line.replace("ACCOUNT@", f"{account}@") for line in lines]  # of the command for SFTP
    except OperatorError:
        lines = []  # it has just stopped, or is an older one
    return lines or [line.format(host=own_name(), account=account) for line in _GENERAL_LINES]


def _list(devices: list[Device], as_json: bool) -> int:
    from homeftp.accounts.devices import device_fields

    if not devices and not as_json:
        print("No device is paired yet. Run `homeftp invite` to make a code for one.")
    for device in devices:
        if as_json:
            print_json(device_fields(device))
        else:
            print(f"{device.name:30} {device.account:20} {printable(device.kind):12} {described(device)}")
    return Exit.DONE


def described(device: Device) -> str:
    """The description of a device, for a person."""
    from homeftp.accounts.devices import DeviceKind, device_fields

    fields, is_paired = device_fields(device), device.kind == DeviceKind.CERTIFICATE.value
    parts = [f"{'paired' if is_paired else 'added'} {format_minute(fields['paired_us'])}"]
    if device.seen is None:
        parts.append("not seen since")
    else:
        through = f" through {printable(device.front_end)}" if device.front_end is not None else ""
        address = printable(device.address or "a local socket")
        parts.append(f"seen {format_minute(fields['seen_us'])} at {address}{through}")
    if device.client is not None:
        parts.append(f"with {printable(device.client)}")
    if device.expires is not None:
        what = "certificate until" if is_paired else "until"
        parts.append(f"{what} {format_minute(fields['expires_us'])[:_DAY_WIDTH]}")
    if limits := _limits(device):
        parts.append(printable(limits.strip()))
    return ", ".join(parts)
