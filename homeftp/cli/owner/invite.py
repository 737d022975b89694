"""`homeftp invite`: a code with which one device may pair with this machine's server, within a while, once.

Works on the state folder itself: the server may run or not.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from typing import TYPE_CHECKING

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import print_json
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.accounts.invitations import Invitation, Invitations

_UNITS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
_LONGEST = 7 * 24 * 60 * 60

_LOOK_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """For whom, and for how long."""
    parser.add_argument("--account", metavar="NAME", help="whose device it will be; made if there is none of that name")
    parser.add_argument(
        "--rights", metavar="RIGHTS", help="what an account that is made may do: some of read,add,replace,delete"
    )
    parser.add_argument(
        "--for", dest="time", metavar="TIME", default="10m", help="how long it is good for (default 10m)"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait to see what becomes of it")
    parser.add_argument("--state", metavar="DIR", help="the server's state folder (default: as the server's)")
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts; does not wait")


def run(options: argparse.Namespace) -> int:
    """Make it, show it, and wait for what becomes of it where a person looks on."""
    from homeftp.accounts.database import AccountDatabase, default_state_dir
    from homeftp.accounts.invitations import Invitations, default_account
    from homeftp.accounts.passwords import account_name
    from homeftp.store.policy.rights import parse_rights

    seconds = _seconds(options.time)
    rights = None if options.rights is None else parse_rights(options.rights)
    folder = os.path.abspath(options.state or default_state_dir(os.environ))
    state = AccountDatabase(folder)
    account = account_name(options.account) if options.account else default_account(state.account_names())
    invitations = Invitations(state)
    log = CommandAudit(folder, "invite")
    made = invitations.make(account, seconds, rights)
    log.note("invitation", account, invitation=made.code.number)
    if options.json:
        print_json({"code": str(made.code), "account": account, "seconds": seconds})
        return Exit.DONE
    command = f"homeftp pair {_address(folder)} {made.code}"
    print(f"on the other machine, within {options.time}, once:   {command}", flush=True)
    if not sys.stdout.isatty():
        return Exit.DONE
    _show(command)
    return Exit.DONE if options.no_wait else _wait(invitations, made)


def _show(text: str) -> None:
    """The text as a QR code, for a camera in front of the terminal."""
    import segno

    segno.make(text).terminal(compact=True)
    sys.stdout.flush()


def _wait(invitations: Invitations, made: Invitation) -> int:
    from homeftp.accounts.invitations import InvitationState

    while True:
        found = invitations.find(made.code.number)
        if found is None or found.code != made.code:
            raise OperatorError("the invitation is gone")
        if found.state is InvitationState.USED:
            print(f"paired with {found.device}, a device of {found.account}")
            return Exit.DONE
        if found.state is InvitationState.CANCELLED:
            raise OperatorError(
                "the code is burnt: it was tried three times and was wrong. If that was not you, somebody guesses. "
                "homeftp invite makes a new one"
            )
        if found.state is InvitationState.EXPIRED:
            raise OperatorError("the time of the code is over, and nobody used it: homeftp invite makes a new one")
        time.sleep(_LOOK_SECONDS)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip().lower())
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise OperatorError("--for takes a time such as 90s, 10m or 2h: 7d at most")
    return seconds


def _address(folder: str) -> str:
    """Where the server said that it is when it started last."""
    from homeftp.accounts.database import REACHABLE
    from homeftp.crypto.secretfiles import read_private
    from homeftp.host import own_name

    said = read_private(os.path.join(folder, REACHABLE)) or b""
    return said.decode("utf-8", "replace") or f"{own_name()}.local"
