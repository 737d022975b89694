"""`homeftp state`: back up the server's identity, accounts and devices to a file, and restore them from it.

A backup can be made while the server runs.
"""

from __future__ import annotations

import argparse

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per action."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("backup", "Write the server's identity, accounts and devices to a file. The server may be running."),
        ("restore", "Create a state folder from a backup. The folder must not hold a state already."),
    ):
        action = actions.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        action.add_argument("file", metavar="FILE", help="the backup; it holds the server's private keys")
        add_state_argument(action)
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry out the action; returns the exit code."""
    from homeftp.accounts.backup import backup_state, restore_state

    folder = state_dir(options)
    if options.action == "backup":
        log = CommandAudit(folder, "state backup")
        backup_state(folder, options.file)
        log.note("backup", None)
        line = f"Wrote the state in {folder} to {options.file}. Keep this file where no other user can read it."
        fields = {"backup": options.file, "state": folder}
    else:
        restore_state(options.file, folder)
        CommandAudit(folder, "state restore").note("restore", None)
        line = f"Restored the state to {folder}. Start the server; paired devices will recognise it."
        fields = {"restored": options.file, "state": folder}
    print_result(options, line, fields)
    return Exit.DONE
