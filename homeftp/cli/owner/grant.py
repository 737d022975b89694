"""`homeftp grant`: restrict an account's rights in one folder."""

from __future__ import annotations

import argparse

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.text import print_result
from homeftp.errors import OperatorError

_EPILOG = """\
Inside PATH the account has at most RIGHTS: a grant can take rights away, and never adds one that the account does not
have elsewhere.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add account, folder and rights."""
    add_epilog(parser, _EPILOG)
    parser.add_argument("name", metavar="NAME", help="the account")
    parser.add_argument("path", metavar="PATH", help="the folder, as the account sees it")
    parser.add_argument(
        "rights",
        metavar="RIGHTS",
        nargs="?",
        help="some of read,add,replace,delete, separated by commas; none; or all",
    )
    parser.add_argument("--remove", action="store_true", help="remove the restriction for PATH")
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Change the grant in the state folder; returns the exit code."""
    from homeftp.accounts.access import AccessTable, parse_folder
    from homeftp.accounts.database import AccountDatabase
    from homeftp.store.policy.rights import parse_rights, rights_shown

    if options.remove == (options.rights is not None):
        raise OperatorError("give either RIGHTS, such as read, or --remove.")
    rights = None if options.remove else parse_rights(options.rights)
    path = parse_folder(options.path)
    state = state_dir(options)
    accesses = AccessTable(AccountDatabase(state))
    log = CommandAudit(state, "grant")
    access = accesses.grant(options.name, path, rights)
    granted = None if rights is None else rights_shown(rights)
    whole = "/".join((*access.home.parts, *path.parts))
    log.note("account", options.name, endpoint=whole, rights=granted or "as elsewhere")
    if granted is None:
        line = f"Removed the restriction: {options.name} has the same rights in {path} as elsewhere."
    else:
        line = f"{options.name} has at most these rights in {path}: {granted}"
    print_result(options, line, {"account": options.name, "path": path.whole, "rights": granted})
    return Exit.DONE
