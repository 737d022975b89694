"""`homeftp invite`: make a code with which one device can pair with this machine's server, once.

It works on the state folder, so the server need not run yet.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from typing import TYPE_CHECKING

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import print_json
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.accounts.invitations import Invitation, Invitations

_UNITS = {"s": (1, "second"), "m": (60, "minute"), "h": (60 * 60, "hour"), "d": (24 * 60 * 60, "day")}
_MAX_SECONDS = 7 * 24 * 60 * 60

_POLL_SECONDS = 0.5
"""Seconds between two checks whether the invitation was used."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add account, rights and time."""
    parser.add_argument(
        "--account",
        metavar="NAME",
        help="the account of the device; created if it does not exist (default: the only one)",
    )
    parser.add_argument(
        "--rights", metavar="RIGHTS", help="the rights of an account that is created: some of read,add,replace,delete"
    )
    parser.add_argument(
        "--for", dest="time", metavar="TIME", default="10m", help="how long the code is valid (default: 10m)"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until the code is used")
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts; does not wait")


def run(options: argparse.Namespace) -> int:
    """Make a code, print it and, at a terminal, wait until it is used; returns the exit code."""
    from homeftp.accounts.database import AccountDatabase
    from homeftp.accounts.invitations import Invitations, default_account
    from homeftp.accounts.passwords import account_name
    from homeftp.store.policy.rights import parse_rights

    number, unit = parse_time(options.time)
    seconds = number * _UNITS[unit][0]
    rights = None if options.rights is None else parse_rights(options.rights)
    folder = state_dir(options)
    state = AccountDatabase(folder)
    account = account_name(options.account) if options.account else default_account(state.account_names())
    invitations = Invitations(state)
    log = CommandAudit(folder, "invite")
    made = invitations.make(account, seconds, rights)
    log.note("invitation", account, invitation=made.code.number)
    if options.json:
        print_json({"code": str(made.code), "account": account, "seconds": seconds})
        return Exit.DONE
    command = f"homeftp pair {_server_address(folder)}"
    within = f"{number} {_UNITS[unit][1]}{'' if number == 1 else 's'}"
    print(f"Run this on the other machine within {within}:   {command}")
    print(f"It asks for this code, which works once:   {made.code}", flush=True)
    if not sys.stdout.isatty():
        return Exit.DONE
    print_qr_code(f"{command} {made.code}")
    return Exit.DONE if options.no_wait else wait_until_used(invitations, made)


def print_qr_code(text: str) -> None:
    """Print the text as a QR code, for the camera of a phone."""
    import segno

    segno.make(text).terminal(compact=True)
    sys.stdout.flush()


def wait_until_used(invitations: Invitations, made: Invitation) -> int:
    """Wait until the code is used; returns the exit code. Raises `OperatorError` when it can no longer be used."""
    from homeftp.accounts.invitations import InvitationState

    while True:
        found = invitations.find(made.code.number)
        if found is None or found.code != made.code:
            raise OperatorError("The invitation was removed. To make a new code, run: homeftp invite")
        if found.state is InvitationState.USED:
            print(f"Paired with {found.device}, a device of {found.account}.")
            return Exit.DONE
        if found.state is InvitationState.CANCELLED:
            raise OperatorError(
                "Code cancelled after three wrong tries. If that wasn't you, someone may be guessing. To make a new "
                "code, run: homeftp invite"
            )
        if found.state is InvitationState.EXPIRED:
            raise OperatorError("The code expired unused. To make a new one, run: homeftp invite")
        time.sleep(_POLL_SECONDS)


def parse_time(text: str) -> tuple[int, str]:
    """The number and the unit of a time such as 10m; raises `OperatorError`."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip().lower())
    if match is None or not 0 < int(match[1]) * _UNITS[match[2]][0] <= _MAX_SECONDS:
        raise OperatorError(f"--for {text}: give a time such as 90s, 10m or 2h, at most 7d.")
    return int(match[1]), match[2]


def _server_address(folder: str) -> str:
    """The address that the server published when it last started."""
    from homeftp.accounts.database import REACHABLE
    from homeftp.crypto.secretfiles import read_private
    from homeftp.host import own_name

    published = read_private(os.path.join(folder, REACHABLE)) or b""
    return published.decode("utf-8", "replace") or f"{own_name()}.local"
