"""`homeftp device`: list, rename and revoke the devices that are paired with this machine's server.

It works on the state folder. A running server disconnects a revoked device within seconds.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.actions import add_actions
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_json, print_result, printable
from homeftp.cli.terminal.times import format_minute

if TYPE_CHECKING:
    from homeftp.accounts.devices import Device

_DAY_WIDTH = len("2026-01-31")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per action."""
    summaries = {
        "list": "List the devices.",
        "rename": "Rename a device.",
        "revoke": "Revoke a device: it is disconnected and cannot log in again. Its files stay.",
    }
    actions = add_actions(parser, summaries)
    for name in ("rename", "revoke"):
        actions[name].add_argument("name", metavar="NAME", help="the device's name")
    actions["rename"].add_argument("new", metavar="NEW", help="the new name")
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
    if options.action == "rename":
        log = CommandAudit(folder, "device rename")
        device = devices.rename(options.name, options.new)
        log.note("rename", device.account, device.name, old_device=options.name)
        line, fields = f"Renamed {options.name} to {options.new}.", {"renamed": options.name, "name": options.new}
    else:
        log = CommandAudit(folder, "device revoke")
        device = devices.revoke(options.name)
        log.note("revocation", device.account, device.name)
        line = f"Revoked {device.name}: it cannot log in any more. The files it uploaded stay."
        fields = {"revoked": device.name, "account": device.account}
    print_result(options, line, fields)
    return Exit.DONE


def _list(devices: list[Device], as_json: bool) -> int:
    from homeftp.accounts.devices import device_fields

    if not devices and not as_json:
        print("No device is paired yet. Run `homeftp invite` to make a code for one.")
    for device in devices:
        if as_json:
            print_json(device_fields(device))
        else:
            print(f"{device.name:30} {device.account:20} {described(device)}")
    return Exit.DONE


def described(device: Device) -> str:
    """What is known of a device, for a person."""
    from homeftp.accounts.devices import device_fields

    fields = device_fields(device)
    parts = [f"paired {format_minute(fields['paired_us'])}"]
    if device.seen is None:
        parts.append("not seen since")
    else:
        parts.append(f"seen {format_minute(fields['seen_us'])} at {printable(device.address or 'a local socket')}")
    if device.client is not None:
        parts.append(f"with {printable(device.client)}")
    if device.expires is not None:
        parts.append(f"certificate until {format_minute(fields['expires_us'])[:_DAY_WIDTH]}")
    return ", ".join(parts)
