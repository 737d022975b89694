"""`homeftp invite`: make a code with which one device can pair with this machine's server, once; or a browser's link.

It works on the state folder, so the server need not run. Ctrl-C while it waits cancels the code.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import signal
import sys
import time
from typing import TYPE_CHECKING, Iterator, Sequence

from homeftp.cli.owner.auditlog import CommandAudit
from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.text import print_json, print_result
from homeftp.cli.terminal.times import format_minute
from homeftp.errors import OperatorError
from homeftp.model import SECOND_US

if TYPE_CHECKING:
    from homeftp.accounts.invitations import Invitation, Invitations

_UNITS = {"s": (1, "second"), "m": (60, "minute"), "h": (60 * 60, "hour"), "d": (24 * 60 * 60, "day")}
_MAX_SECONDS = 7 * 24 * 60 * 60

_SECRET_BYTES = 16
"""Random bytes in the link of an invitation for the web: 128 bits cannot be guessed."""

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
    parser.add_argument(
        "--web", action="store_true", help="for a browser: print a link that signs it in, instead of a code"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until the code is used")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--list", action="store_true", help="list the codes by their numbers, and what became of them")
    other.add_argument("--cancel", metavar="NUMBER", help="cancel the code that begins with this number, or `all`")
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object, for scripts; does not wait")


def run(options: argparse.Namespace) -> int:
    """Make a code, print it and, at a terminal, wait until it is used; returns the exit code."""
    from homeftp.accounts.credentials.tokens import token_hash
    from homeftp.accounts.database import AccountDatabase
    from homeftp.accounts.invitations import Invitations, default_account
    from homeftp.accounts.passwords import account_name
    from homeftp.store.policy.rights import ALL, parse_rights

    number, unit = parse_time(options.time)
    seconds = number * _UNITS[unit][0]
    rights = None if options.rights is None else parse_rights(options.rights)
    folder = state_dir(options)
    state = AccountDatabase(folder)
    invitations = Invitations(state)
    if options.list:
        return _list(invitations.all(), options)
    if options.cancel is not None:
        return _cancel(invitations, folder, options)
    account = account_name(options.account) if options.account else default_account(state.account_names())
    web = _web_address(folder) if options.web else None
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    log = CommandAudit(folder, "invite")
    is_new = account not in state.account_names()
    with ended_like_ctrl_c():
        made = invitations.make(account, seconds, rights, None if web is None else token_hash(secret))
        if is_new and options.account and not options.json:
            print_error(_made(account, ALL if rights is None else rights))
        url = f"{web}/#secret={secret}"
        try:
            log.note("invitation", account, invitation=made.code.number)
            if options.json:
                shown = {"code": str(made.code)} if web is None else {"url": url, "invitation": made.code.number}
                print_json({**shown, "account": account, "seconds": seconds, "state": folder})
                return Exit.DONE
            within = f"{number} {_UNITS[unit][1]}{'' if number == 1 else 's'}"
            command = f"homeftp pair {_server_address(folder)}"
            if web is None:
                print(f"Run this on the other machine within {within}:   {command}")
                print(f"It asks for this code, which works once:   {made.code}", flush=True)
            else:
                print(f"Open this in the other machine's browser within {within}; it works once:   {url}", flush=True)
            if not sys.stdout.isatty():
                return Exit.DONE
            print_qr_code(f"{command} {made.code}" if web is None else url)
            return Exit.DONE if options.no_wait else wait_until_used(invitations, made)
        except KeyboardInterrupt:
            _withdraw(invitations, folder, made)
            raise


@contextlib.contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """A closed terminal (SIGHUP) and SIGTERM end what is in here as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    numbers = [number for number in (signal.SIGHUP, signal.SIGTERM) if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _withdraw(invitations: Invitations, folder: str, made: Invitation) -> None:
    """The command does not wait any more: cancel the code, unless a device has used it just now."""
    try:
        _note_cancelled(invitations, folder, made.code.number)
    except OperatorError as error:
        print_error(str(error))
    else:
        print("\nThe code was cancelled: it can no longer be used.", file=sys.stderr)


def _note_cancelled(invitations: Invitations, folder: str, number: int) -> Invitation:
    log = CommandAudit(folder, "invite --cancel")
    cancelled = invitations.cancel(number)
    log.note("cancellation", cancelled.account, invitation=number)
    return cancelled


def _cancel(invitations: Invitations, folder: str, options: argparse.Namespace) -> int:
    """Cancel the code of one number, or all that are open."""
    from homeftp.accounts.invitations import InvitationState

    if options.cancel.strip().lower() == "all":
        numbers = [each.code.number for each in invitations.all() if each.state is InvitationState.OPEN]
    else:
        first = re.match(r"\s*([0-9]{1,4})\b", options.cancel)
        if first is None:
            raise OperatorError(f"--cancel {options.cancel}: give a code's number, such as 4821, or all.")
        numbers = [int(first[1])]
    for number in numbers:
        _note_cancelled(invitations, folder, number)
    shown = ", ".join(map(str, numbers))
    line = f"Cancelled: {shown}. No device can use them now." if numbers else "No code is open."
    print_result(options, line, {"cancelled": numbers})
    return Exit.DONE


def _list(found: Sequence[Invitation], options: argparse.Namespace) -> int:
    """Print every code by its number: the words are for the one who made it."""
    if not found and not options.json:
        print("There is no code. To make one, run: homeftp invite")
    for each in found:
        ends_us = int(each.ends * SECOND_US)
        fields = {
            "invitation": each.code.number,
            "account": each.account,
            "state": each.state.value,
            "ends_us": ends_us,
            "tries_left": each.tries_left,
            "device": each.device or None,
            "web": each.web,
        }
        web = "link for a browser, " if each.web else ""
        print_result(options, f"{each.code.number:<6}{each.account:20} {web}{_described(each, ends_us)}", fields)
    return Exit.DONE


def _described(each: Invitation, ends_us: int) -> str:
    """The state of a code, in words."""
    from homeftp.accounts.invitations import TRIES, InvitationState

    if each.state is InvitationState.OPEN:
        wrong = TRIES - each.tries_left
        tries = "" if not wrong else f", {wrong} wrong {'try' if wrong == 1 else 'tries'}"
        return f"open until {format_minute(ends_us)}{tries}"
    if each.state is InvitationState.CANCELLED and not each.withdrawn:
        return "cancelled after three wrong tries"
    return f"used by {each.device}" if each.device else each.state.value


def _made(account: str, rights: frozenset[str]) -> str:
    """The notice that an invitation has made an account; the name may have been a typing error."""
    from homeftp.store.policy.rights import rights_shown

    may = f"with the rights {rights_shown(rights)} in the whole shared folder"
    change = f"homeftp account change {account}"
    return f"the account {account} did not exist: it was made, {may}. To change that: {change}"


def print_qr_code(text: str) -> None:
    """Print the text as a QR code, for the camera of a phone."""
    import segno

    segno.make(text).terminal(compact=True)
    sys.stdout.flush()


def wait_until_used(invitations: Invitations, made: Invitation) -> int:
    """Wait until the code is used; returns the exit code. Raises `OperatorError` when it can no longer be used.

    Says how many tries are left when a wrong one was made.
    """
    from homeftp.accounts.invitations import InvitationState

    reported = before = made.tries_left
    while True:
        found = invitations.find(made.code.number)
        if found is None or found.code != made.code:
            raise OperatorError("the invitation was removed. To make a new code, run: homeftp invite")
        if found.state is InvitationState.USED:
            print(f"Paired with {found.device}, a device of {found.account}.")
            return Exit.DONE
        if found.state is InvitationState.CANCELLED:
            if found.withdrawn:
                raise OperatorError("the code was cancelled. To make a new one, run: homeftp invite")
            raise OperatorError(
                "code cancelled after three wrong tries. If that wasn't you, someone may be guessing. To make a new "
                "code, run: homeftp invite"
            )
        if found.state is InvitationState.EXPIRED:
            raise OperatorError("the code expired unused. To make a new one, run: homeftp invite")
        # A right try counts as a wrong one for an instant: only what stays is reported.
        if found.tries_left == before < reported:
            reported = before
            left = "One try is left" if before == 1 else "Two tries are left"
            print(f"Someone typed a wrong code. {left}; then this code is cancelled.", flush=True)
        before = found.tries_left
        time.sleep(_POLL_SECONDS)


def parse_time(text: str) -> tuple[int, str]:
    """The number and the unit of a time such as 10m; raises `OperatorError`."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip().lower())
    if match is None or not 0 < int(match[1]) * _UNITS[match[2]][0] <= _MAX_SECONDS:
        raise OperatorError(f"--for {text}: give a time such as 90s, 10m or 2h, at most 7d.")
    return int(match[1]), match[2]


def _web_address(folder: str) -> str:
    """The address of the web front end that the server published when it last started. Raises `OperatorError`."""
    from homeftp.accounts.database import WEB_ORIGIN
    from homeftp.crypto.secretfiles import read_private

    published = (read_private(os.path.join(folder, WEB_ORIGIN)) or b"").decode("utf-8", "replace")
    if not published:
        raise OperatorError("the server has no web page. Start it with: homeftp serve --https")
    return published


def _server_address(folder: str) -> str:
    """The address that the server published when it last started."""
    from homeftp.accounts.database import REACHABLE
    from homeftp.crypto.secretfiles import read_private
    from homeftp.host import own_name

    published = read_private(os.path.join(folder, REACHABLE)) or b""
    return published.decode("utf-8", "replace") or f"{own_name()}.local"
