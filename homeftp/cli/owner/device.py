"""`homeftp device`: the devices that are paired with this machine's server.

Works on the state folder itself. A server that runs cuts a revoked device
off within seconds.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json
from homeftp.cli.terminal.times import time_shown

if TYPE_CHECKING:
    from homeftp.accounts.devices import Device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand for each thing to do."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("list", "List the devices."),
        ("rename", "Call a device something else."),
        ("revoke", "Let a device in no more; its files stay."),
    ):
        action = actions.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name != "list":
            action.add_argument("name", metavar="NAME", help="what the device is called")
        if name == "rename":
            action.add_argument("new", metavar="NEW", help="what it is to be called")
        action.add_argument("--state", metavar="DIR", help="the server's state folder (default: as the server's)")
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry it out on the state folder."""
    from homeftp.accounts.database import AccountDatabase, default_state_dir
    from homeftp.accounts.devices import Devices

    folder = os.path.abspath(options.state or default_state_dir(os.environ))
    devices = Devices(AccountDatabase(folder))
    if options.action == "rename":
        log = CommandAudit(folder, "device rename")
        device = devices.rename(options.name, options.new)
        log.note("rename", device.account, device.name, old_device=options.name)
        line, fields = f"{options.name} is {options.new} from now on", {"renamed": options.name, "name": options.new}
    elif options.action == "revoke":
        log = CommandAudit(folder, "device revoke")
        device = devices.revoke(options.name)
        log.note("revocation", device.account, device.name)
        line = f"{device.name} may not come in any more; what it stored stays"
        fields = {"revoked": device.name, "account": device.account}
    else:
        return _list(devices.all(), options.json)
    if options.json:
        print_json(fields)
    else:
        print(line)
    return Exit.DONE


def _list(devices: list[Device], as_json: bool) -> int:
    if not devices and not as_json:
        print("no device is paired yet: homeftp invite makes a code for one")
    for device in devices:
        if as_json:
            paired = int(device.paired * 1_000_000)
            print_json({"name": device.name, "account": device.account, "paired_us": paired})
        else:
            print(f"{device.name:30} {device.account:20} paired {time_shown(int(device.paired * 1_000_000))}")
    return Exit.DONE
