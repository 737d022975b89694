"""`homeftp grant`: narrower rights for an account in one folder of what it sees."""

from __future__ import annotations

import argparse
import os

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json
from homeftp.errors import OperatorError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom, where and what."""
    parser.add_argument("name", metavar="NAME", help="the account")
    parser.add_argument("path", metavar="PATH", help="the folder, as the account sees it")
    parser.add_argument(
        "rights", metavar="RIGHTS", nargs="?", help="what it may do there at most: read,add,...; or none"
    )
    parser.add_argument("--remove", action="store_true", help="as much as elsewhere again")
    parser.add_argument("--state", metavar="DIR", help="the server's state folder (default: as the server's)")
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry it out on the state folder."""
    from homeftp.accounts.access import Access, AccessTable, folder
    from homeftp.accounts.database import AccountDatabase, default_state_dir
    from homeftp.store.policy.rights import parse_rights, rights_shown

    if options.remove == (options.rights is not None):
        raise OperatorError("say either what may be done there, such as read, or --remove")
    rights = None if options.remove else parse_rights(options.rights)
    path = folder(options.path)
    state = os.path.abspath(options.state or default_state_dir(os.environ))
    accesses = AccessTable(AccountDatabase(state))
    log = CommandAudit(state, "grant")
    accesses.grant(options.name, path, rights)
    shown = None if rights is None else rights_shown(rights)
    access = accesses.find(options.name) or Access()
    whole = "/".join((*access.home.parts, *path.parts))
    log.note("account", options.name, endpoint=whole, rights=shown or "as elsewhere")
    if options.json:
        print_json({"account": options.name, "path": path.whole, "rights": shown})
    elif shown is None:
        print(f"{options.name} may do in {path} what it may do elsewhere")
    else:
        print(f"{options.name} may do in {path} at most: {shown}")
    return Exit.DONE
