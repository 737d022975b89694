"""`homeftp state`: back up the server's identity, accounts and devices to a file, and restore them from it.

A backup can be made while the server runs.
"""

from __future__ import annotations

import argparse
import sys

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.owner.statedir import add_state_argument, new_state_dir, state_dir
from homeftp.cli.terminal.arguments import add_actions
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.stdstreams import STANDARD
from homeftp.cli.terminal.text import print_result
from homeftp.errors import OperatorError, counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per action."""
    summaries = {
        "backup": "Write the server's identity, accounts and devices to a file. The server may be running.",
        "restore": "Create a state folder from a backup. The folder must not hold a state already.",
    }
    actions = add_actions(parser, summaries)
    actions["backup"].add_argument(
        "file", metavar="FILE", help="the backup; it holds the server's private keys. - is standard output"
    )
    actions["backup"].add_argument(
        "--keep",
        metavar="N",
        type=int,
        help="add the date to the file's name (FILE may be a folder), and keep the N newest such files",
    )
    actions["restore"].add_argument("file", metavar="FILE", help="the backup. - is standard input")
    for action in actions.values():
        add_state_argument(action)
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry out the action; returns the exit code."""
    from homeftp.accounts.backup import holds_accounts, restore_state

    if options.action == "backup":
        return _backup(options)
    folder = new_state_dir(options)
    if options.file == STANDARD and sys.stdin.isatty():
        raise OperatorError("- reads the backup from standard input: send it there from a file or a program.")
    if options.file == STANDARD:
        restore_state("standard input", folder, sys.stdin.buffer)
    else:
        restore_state(options.file, folder)
    if holds_accounts(folder):  # nothing is written to a cluster, which may be lost
        CommandAudit(folder, "state restore").note("restore", None)
    print_result(
        options,
        f"Restored the state to {folder}. Start the server; paired devices will recognise it.",
        {"restored": options.file, "state": folder},
    )
    return Exit.DONE


def _backup(options: argparse.Namespace) -> int:
    from homeftp.accounts.backup import backup, backup_dated, backup_state

    if options.keep is not None and (options.keep < 1 or options.file == STANDARD):
        raise OperatorError("--keep N: give a number of files of at least 1, and a file or a folder to write to.")
    if options.file == STANDARD and (options.json or sys.stdout.isatty()):
        raise OperatorError("- writes the backup to standard output: send that to a file or a program, without --json.")
    folder = state_dir(options)
    log = CommandAudit(folder, "state backup")
    if options.file == STANDARD:
        sys.stdout.buffer.write(backup(folder))
        sys.stdout.buffer.flush()
        log.note("backup", None)
        return Exit.DONE
    removed: list[str] = []
    if options.keep is None:
        written = options.file
        backup_state(folder, written)
    else:
        written, removed = backup_dated(folder, options.file, options.keep)
    log.note("backup", None)
    line = f"Wrote the state in {folder} to {written}. Keep this file where no other user can read it."
    if removed:
        line += f" Removed {counted(len(removed), 'older backup')}."
    fields = {"backup": written, "state": folder}
    print_result(options, line, fields if options.keep is None else {**fields, "removed": removed})
    return Exit.DONE
