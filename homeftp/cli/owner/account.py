"""`homeftp account`: who may log in to this machine's server.

Works on the state folder itself, so that no server need run; one that runs
goes by it from the next login on.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.accounts.database import AccountDatabase
    from homeftp.endpoint import Endpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand for each thing to do."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("add", "Add an account; its password is asked for."),
        ("list", "List the accounts."),
        ("remove", "Remove an account; its files stay."),
        ("password", "Change an account's password."),
        ("change", "Change what an account sees and may do."),
    ):
        action = actions.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name != "list":
            action.add_argument("name", metavar="NAME", help="the account's name")
        if name in ("add", "password"):
            action.add_argument(
                "--password-stdin", action="store_true", help="read the password from standard input, for scripts"
            )
        if name in ("add", "change"):
            action.add_argument(
                "--home", metavar="FOLDER", help="the part of the share that it sees, as if that were all"
            )
            action.add_argument(
                "--rights", metavar="RIGHTS", help="some of read,add,replace,delete; or none (default: all)"
            )
        if name == "add":
            action.add_argument(
                "--no-password", action="store_true", help="for devices alone: homeftp invite lets them in"
            )
        action.add_argument("--state", metavar="DIR", help="the server's state folder (default: as the server's)")
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Carry it out on the state folder."""
    from homeftp.accounts.database import AccountDatabase, default_state_dir

    folder = os.path.abspath(options.state or default_state_dir(os.environ))
    state = AccountDatabase(folder)
    if options.action == "list":
        _list(state, options, folder)
        return Exit.DONE
    log = CommandAudit(folder, f"account {options.action}")
    if options.action == "change":
        home, rights = _asked(options)
        if home is None and rights is None:
            raise OperatorError("say what is to change: --home FOLDER, --rights RIGHTS")
        _change(state, options.name, home, rights)
        _note(state, log, options)
        _report(options, "changed", f"{_summary(state, options.name)}; who is connected connects anew by that")
    elif options.action == "remove":
        if not state.remove_account(options.name):
            raise _absent(options, folder)
        log.note("revocation", options.name)
        _report(options, "removed", f"removed the account {options.name} from {folder}; its files stay")
    elif options.action == "add":
        _add(state, log, options, folder)
    else:
        _set_password(state, log, options, folder)
    return Exit.DONE


def _asked(options: argparse.Namespace) -> tuple[Endpoint | None, frozenset[str] | None]:
    """Home and rights, as far as they are said."""
    from homeftp.accounts.access import folder
    from homeftp.store.policy.rights import parse_rights

    home = None if options.home is None else folder(options.home)
    return home, None if options.rights is None else parse_rights(options.rights)


def _change(state: AccountDatabase, name: str, home: Endpoint | None, rights: frozenset[str] | None) -> None:
    from homeftp.accounts.access import AccessTable

    if home is not None:
        AccessTable(state).set_home(name, home)
    if rights is not None:
        AccessTable(state).set_rights(name, rights)


def _note(state: AccountDatabase, log: CommandAudit, options: argparse.Namespace) -> None:
    """Tell the audit log what an account sees and may do from now on."""
    from homeftp.accounts.access import Access, AccessTable
    from homeftp.store.policy.rights import rights_shown

    access = AccessTable(state).find(options.name) or Access()
    rights = rights_shown(access.rights.everywhere)
    log.note("account", options.name, endpoint=access.home.whole, rights=rights)


def _summary(state: AccountDatabase, name: str) -> str:
    """What an account sees and may do, in one line."""
    from homeftp.accounts.access import Access, AccessTable
    from homeftp.store.policy.rights import rights_shown

    access = AccessTable(state).find(name) or Access()
    line = f"{name} sees {access.home.whole or 'all'}, and may {rights_shown(access.rights.everywhere)}"
    for parts, rights in access.rights.grants:
        line += f"; in {'/'.join(parts)} at most {rights_shown(rights)}"
    return line


def _list(state: AccountDatabase, options: argparse.Namespace, folder: str) -> None:
    names = state.account_names()
    if options.json:
        print(json.dumps({"accounts": names}))
    elif names:
        print("\n".join(_summary(state, name) for name in names))
    else:
        print(f"no account yet in {folder}: homeftp account add NAME")


def _add(state: AccountDatabase, log: CommandAudit, options: argparse.Namespace, folder: str) -> None:
    """Add an account; what cannot be done is said before a password is asked for."""
    from homeftp.accounts.passwords import account_name

    name = account_name(options.name)
    home, rights = _asked(options)
    if state.has_account(name):
        raise OperatorError(f"there is an account {name} already: homeftp account password {name}")
    state.add_account(name, None if options.no_password else _password(options))
    _change(state, name, home, rights)
    _note(state, log, options)
    if options.no_password:
        line = f"{_summary(state, name)}; for each of its devices: homeftp invite --account {name}"
    else:
        line = (
            f"added the account {name} in {folder}; now, on another machine: homeftp remote add NAME HOST --user {name}"
        )
    _report(options, "added", line)


def _set_password(state: AccountDatabase, log: CommandAudit, options: argparse.Namespace, folder: str) -> None:
    """Change an account's password, or give it its first."""
    if not state.has_account(options.name) or not state.set_password(options.name, _password(options)):
        raise _absent(options, folder)
    log.note("password", options.name)
    _report(options, "changed", f"changed the password of {options.name} in {folder}")


def _password(options: argparse.Namespace) -> str:
    """A password that is asked for, hashed."""
    from homeftp.accounts.passwords import hash_password, new_password
    from homeftp.cli.terminal.prompt import read_password

    return hash_password(
        read_password(options.password_stdin, f"new password for {options.name}: ", check=new_password)
    )


def _absent(options: argparse.Namespace, folder: str) -> OperatorError:
    return OperatorError(f"there is no account {options.name} in {folder}: homeftp account list shows them")


def _report(options: argparse.Namespace, what: str, sentence: str) -> None:
    print(json.dumps({what: options.name}) if options.json else sentence)
