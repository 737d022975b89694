"""`homeftp state`: what the server knows of people and of itself, as one file, and back.

A backup may be made while the server runs.
"""

from __future__ import annotations

import argparse
import os

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand for each thing to do."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("backup", "Write the server's identity, accounts and devices to a file; the server may run."),
        ("restore", "Make a state folder of such a file, where there is none."),
    ):
        action = actions.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        action.add_argument("file", metavar="FILE", help="the file: as secret as a key")
        action.add_argument("--state", metavar="DIR", help="the server's state folder (default: as the server's)")
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry it out."""
    from homeftp.accounts.backup import back_up, bring_back
    from homeftp.accounts.database import default_state_dir

    folder = os.path.abspath(options.state or default_state_dir(os.environ))
    if options.action == "backup":
        log = CommandAudit(folder, "state backup")
        back_up(folder, options.file)
        log.note("backup", None)
        line = f"{options.file} holds the state of {folder}: keep it where nobody else can read it"
        fields = {"backup": options.file, "state": folder}
    else:
        bring_back(options.file, folder)
        CommandAudit(folder, "state restore").note("restore", None)
        line = f"{folder} is as it was: devices and clients know the server again when it is started"
        fields = {"restored": options.file, "state": folder}
    if options.json:
        print_json(fields)
    else:
        print(line)
    return Exit.DONE
