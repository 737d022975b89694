"""`homeftp account`: the accounts that can log in to this machine's server.

It works on the state folder, so the server need not run. A running server applies a change at the next login.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.arguments import add_actions
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_json, print_result
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.accounts.access import Access, AccessChange
    from homeftp.accounts.database import AccountDatabase
    from homeftp.accounts.passwords import Cost


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per action."""
    summaries = {
        "add": "Add an account, and ask for its password.",
        "list": "List the accounts.",
        "remove": "Remove an account, its devices and its invitations. Its files stay.",
        "password": "Change an account's password.",
        "change": "Change what an account may see and do. The server closes its connections; they connect again.",
    }
    actions = add_actions(parser, summaries)
    for name in ("add", "remove", "password", "change"):
        actions[name].add_argument("name", metavar="NAME", help="the account's name")
    for name in ("add", "password"):
        actions[name].add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input, for scripts"
        )
    for name in ("add", "change"):
        _add_access_arguments(actions[name])
    actions["add"].add_argument(
        "--no-password", action="store_true", help="only paired devices can log in; see `homeftp invite`"
    )
    for action in actions.values():
        add_state_argument(action)
        action.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _add_access_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what an account may see, do and keep."""
    parser.add_argument(
        "--home", metavar="FOLDER", help="the part of the shared folder that the account sees (default: all)"
    )
    parser.add_argument("--rights", metavar="RIGHTS", help="some of read,add,replace,delete; none; or all (default)")
    parser.add_argument(
        "--quota",
        metavar="SIZE",
        help="how much may be in its home, with versions and unfinished uploads, such as 50G; or none (default: none)",
    )
    parser.add_argument(
        "--folder",
        action="append",
        metavar="FOLDER:RIGHTS",
        help="a folder that the account sees, with its rights there, such as photos:read or ann:all; "
        "repeatable, in place of --home and --rights; none removes all",
    )
    parser.add_argument(
        "--links",
        choices=("on", "off"),
        help="whether the account may make share links, see `homeftp share`; off ends all it has (default: off)",
    )


def run(options: argparse.Namespace, cost: Cost | None = None) -> int:
    """Carry out the action on the state folder; returns the exit code.

    A new password has that cost, by default `passwords.COST`.
    """
    from homeftp.accounts.access import AccessChange, AccessTable
    from homeftp.accounts.database import AccountDatabase

    folder = state_dir(options, make=options.action == "add")
    state = AccountDatabase(folder)
    if options.action == "list":
        _list(state, options, folder)
        return Exit.DONE
    log = CommandAudit(folder, f"account {options.action}")
    if options.action == "change":
        change = _change(options)
        if change == AccessChange():
            raise OperatorError(
                "give what to change: --home FOLDER, --rights RIGHTS, --quota SIZE, --folder FOLDER:RIGHTS or "
                "--links on|off."
            )
        access = AccessTable(state).change(options.name, change)
        _note(log, options.name, access)
        line = f"{describe(options.name, access)}. The server closes the account's connections; they connect again."
        print_result(options, line, {"changed": options.name})
    elif options.action == "remove":
        if not state.remove_account(options.name):
            raise _absent(options, folder)
        log.note("revocation", options.name)
        line = f"Removed the account {options.name} from {folder}. Its files stay."
        print_result(options, line, {"removed": options.name})
    elif options.action == "add":
        _add(state, log, options, folder, cost)
    else:
        _set_password(state, log, options, folder, cost)
    return Exit.DONE


def _change(options: argparse.Namespace) -> AccessChange:
    """The home, the rights and the quota that were given."""
    from homeftp.accounts.access import AccessChange, parse_folder, parse_folders
    from homeftp.store.policy.rights import parse_rights

    home = None if options.home is None else parse_folder(options.home)
    rights = None if options.rights is None else parse_rights(options.rights)
    folders = None if options.folder is None else parse_folders(options.folder)
    quota = None if options.quota is None else _parse_quota(options.quota)
    return AccessChange(home, rights, quota, folders, None if options.links is None else options.links == "on")


def _parse_quota(text: str) -> int:
    from homeftp import optionvalues
    from homeftp.accounts.access import MOST_QUOTA, NO_QUOTA

    if text.strip().lower() == "none":
        return NO_QUOTA
    try:
        quota = optionvalues.size(text.strip())
    except ValueError:
        quota = 0
    if not 0 < quota <= MOST_QUOTA:
        raise OperatorError(f"--quota {text}: give a size such as 500M or 50G, or none.")
    return quota


def _note(log: CommandAudit, name: str, access: Access) -> None:
    """Record an account's home, rights, quota and folders in the audit log; no quota and no folders are left out."""
    from homeftp.accounts.access import access_fields

    fields = access_fields(access)
    home, rights = fields.pop("home"), fields.pop("rights")
    log.note("account", name, endpoint=home, rights=rights, **{key: value for key, value in fields.items() if value})


def describe(name: str, access: Access) -> str:
    """An account's home, rights, quota and grants, in one line."""
    from homeftp.optionvalues import size_shown
    from homeftp.store.policy.rights import rights_shown

    if access.rights.folders:
        line = f"{name}: folders " + ", ".join(
            f"{'/'.join(parts)} ({rights_shown(rights)})" for parts, rights in access.rights.folders
        )
    else:
        line = f"{name}: home {access.home.whole or '/'}, rights {rights_shown(access.rights.everywhere)}"
    if access.quota is not None:
        line += f", quota {size_shown(access.quota)}"
    if access.links:
        line += ", share links"
    for parts, rights in access.rights.grants:
        line += f"; in {'/'.join(parts)} at most {rights_shown(rights)}"
    return line


def _list(state: AccountDatabase, options: argparse.Namespace, folder: str) -> None:
    from homeftp.accounts.access import AccessTable

    accesses = dict(AccessTable(state).all())
    if options.json:
        print_json({"accounts": list(accesses), "access": {name: _fields(each) for name, each in accesses.items()}})
    elif accesses:
        print("\n".join(describe(name, access) for name, access in accesses.items()))
    else:
        print(f"There is no account in {folder} yet. Add one: homeftp account add NAME")


def _fields(access: Access) -> dict[str, Any]:
    """An account's access, for scripts."""
    from homeftp.accounts.access import access_fields, folder_fields

    return {**access_fields(access), "grants": folder_fields(access.rights.grants)}


def _add(
    state: AccountDatabase, log: CommandAudit, options: argparse.Namespace, folder: str, cost: Cost | None
) -> None:
    """Add an account. Everything that can be refused is refused before the password is asked for."""
    from homeftp.accounts.access import WHOLE_STORE, AccessTable
    from homeftp.accounts.passwords import account_name

    name = account_name(options.name)
    change = _change(options)
    change.applied(name, WHOLE_STORE)  # a quota without a home is refused
    if state.has_account(name):
        raise OperatorError(
            f"there is already an account named {name}. To change its password: homeftp account password {name}"
        )
    password = None if options.no_password else _read_password_hash(options, cost)
    access = AccessTable(state).add(name, password, change)
    _note(log, name, access)
    if options.no_password:
        next_step = f"For each of its devices, run: homeftp invite --account {name}"
    else:
        next_step = f"On another machine, run: homeftp remote add NAME HOST --user {name}"
    print_result(
        options, f"Added the account {name} in {folder} ({describe(name, access)}). {next_step}", {"added": name}
    )


def _set_password(
    state: AccountDatabase, log: CommandAudit, options: argparse.Namespace, folder: str, cost: Cost | None
) -> None:
    """Set an account's password; the account may have had none."""
    if not state.has_account(options.name) or not state.set_password(options.name, _read_password_hash(options, cost)):
        raise _absent(options, folder)
    log.note("password", options.name)
    print_result(options, f"Changed the password of {options.name} in {folder}.", {"changed": options.name})


def _read_password_hash(options: argparse.Namespace, cost: Cost | None) -> str:
    """The hash of a new password that is asked for."""
    from homeftp.accounts.credentials.apppasswords import app_password_hash
    from homeftp.accounts.passwords import COST, hash_password, new_password
    from homeftp.cli.terminal.prompt import read_password

    def check(text: str) -> str:
        if app_password_hash(text) is not None:  # it would be looked up among the devices
            raise OperatorError("this is an app password, which belongs to one device: choose another for the account")
        return new_password(text)

    prompt = f"New password for {options.name}: "
    return hash_password(read_password(options.password_stdin, prompt, check=check), cost or COST)


def _absent(options: argparse.Namespace, folder: str) -> OperatorError:
    return OperatorError(f"there is no account named {options.name} in {folder}: `homeftp account list` shows all")
