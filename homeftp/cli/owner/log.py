"""`homeftp log`: shows the audit log of this machine's server, filtered, and as it happens.

The format of the log itself is in homeftp/audit/log.py; --json prints its own lines.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from typing import Any, Callable, Iterator

import attrs

from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.suggestions import did_you_mean
from homeftp.cli.terminal.text import format_size, print_json, printable
from homeftp.cli.terminal.times import format_second, parse_moment
from homeftp.errors import OperatorError

_FOLLOWED = 10
"""Records that --follow begins with, like tail(1)."""

_POLL_SECONDS = 0.5
"""Seconds between two looks for new records."""

_CHANGES = {
    "add": "added",
    "replace": "replaced",
    "delete": "removed",
    "move": "moved",
    "metadata": "changed time or mode of",
    "evict": "made space by removing",
    "prune": "removed for good",
    "damage": "found damage in",
    "mend": "mended",
}

_KINDS = {"directory": "folder ", "version": "a version of ", "upload": "an unfinished upload of "}

EVENTS = (
    *("account", "backup", "cancellation", "change", "device", "disconnect", "invitation", "link", "login"),
    *("pairing", "password", "read", "refused", "rename", "renewal", "restore", "revocation", "share", "unrecorded"),
    "unshare",
)
"""The kinds of records; docs/owner/audit.rst describes each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the filters."""
    parser.add_argument("--device", metavar="NAME", help="only what this device did")
    parser.add_argument("--account", metavar="NAME", help="only what this account did")
    parser.add_argument("--path", metavar="PATH", help="only what happened at this path of the shared folder or below")
    parser.add_argument("--event", metavar="EVENT", help="only this kind of record, such as change, login or refused")
    parser.add_argument(
        "--since",
        metavar="TIME",
        help="only from then on: 2026-11-28, '2026-11-28 10:30', or how long ago: 30m, 2h, 7d",
    )
    parser.add_argument("--until", metavar="TIME", help="only until then")
    parser.add_argument("-n", "--lines", metavar="N", type=int, help="only the last N records")
    parser.add_argument("-f", "--follow", action="store_true", help="wait for new records; Ctrl-C ends it")
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the records themselves, for scripts")


@attrs.frozen(kw_only=True)
class Filter:
    """Which records are shown: those that fit everything that is not None."""

    device: str | None = None
    account: str | None = None
    event: str | None = None
    path: str | None = None
    since: str | None = None
    """A time as the log has it, in UTC: such times are sorted as texts."""
    until: str | None = None

    def fits(self, record: dict[str, Any]) -> bool:
        """Whether to show a record."""
        for name in ("device", "account", "event"):
            wanted = getattr(self, name)
            if wanted is not None and record.get(name) != wanted:
                return False
        at = str(record.get("time", ""))
        if (self.since is not None and at < self.since) or (self.until is not None and at >= self.until):
            return False
        return self.path is None or any(_is_at(record.get(name), self.path) for name in ("endpoint", "to"))


def run(options: argparse.Namespace) -> int:
    """Print the records; returns the exit code."""
    if options.event not in (None, *EVENTS):
        raise OperatorError(
            f"--event {options.event}: there are no such records.{did_you_mean(options.event, EVENTS)} "
            f"The kinds are {', '.join(EVENTS)}."
        )
    wanted = Filter(
        device=options.device,
        account=options.account,
        event=options.event,
        path=None if options.path is None else options.path.strip("/"),
        since=None if options.since is None else parse_moment(options.since, "--since"),
        until=None if options.until is None else parse_moment(options.until, "--until"),
    )
    log = AuditRecords(state_dir(options))
    show = print_json if options.json else _show
    most = _FOLLOWED if options.follow and options.lines is None and wanted == Filter() else options.lines
    fitting = filter(wanted.fits, log.records())
    for record in fitting if most is None else deque(fitting, maxlen=max(0, most)):
        show(record)
    if options.follow:
        _follow(log, wanted, show)
    return Exit.DONE


def _follow(log: AuditRecords, wanted: Filter, show: Callable[[dict[str, Any]], None]) -> None:
    """Show new records until Ctrl-C."""
    while True:
        sys.stdout.flush()
        time.sleep(_POLL_SECONDS)
        for record in filter(wanted.fits, log.records()):
            show(record)


class AuditRecords:
    """Reads the log of the server with that state folder: all of it at first, and after that what is new."""

    def __init__(self, folder: str) -> None:
        from homeftp.audit.choice import reader_of

        self._reader = reader_of(folder)

    def records(self) -> Iterator[dict[str, Any]]:
        """The records that were not read yet, the oldest first. What is no record is left out."""
        return filter(None, map(_record, self._reader.lines()))


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:  # a power cut left part of a line
        return None
    return record if isinstance(record, dict) else None


def _is_at(endpoint: object, path: str) -> bool:
    return isinstance(endpoint, str) and (not path or endpoint == path or endpoint.startswith(f"{path}/"))


def _show(record: dict[str, Any]) -> None:
    print(printable(describe(record)))


def describe(record: dict[str, Any]) -> str:
    """A record in one line, for a person."""
    who = str(record.get("device") or record.get("account") or record.get("user") or "-")
    if record.get("device") and record.get("account"):
        who += f" ({record['account']})"
    where = record.get("address")
    if where is None and str(record.get("request")).startswith("homeftp "):
        where = "this machine"
    return f"{format_second(str(record.get('time', '')))}  {who:28} {where or '-':15} {_what(record)}"


def _what(record: dict[str, Any]) -> str:
    """The event of a record, in words."""
    event, status = record.get("event"), record.get("status")
    path = record.get("endpoint")
    at = "the shared folder" if path == "" else str(path)
    if event == "change":
        done = _CHANGES.get(str(record.get("change")), str(record.get("change")))
        kind = _KINDS.get(str(record.get("kind")), "")
        to = f" to {record['to']}" if record.get("to") is not None else ""
        size = record.get("size")
        if record.get("kind") == "directory" or not isinstance(size, int):
            return f"{done} {kind}{at}{to}"
        return f"{done} {kind}{at}{to} ({format_size(size)})"
    if event == "read":
        return {"directory": f"listed {at}", "versions": f"listed the versions of {at}"}.get(
            str(record.get("kind")), f"read {at}"
        )
    if event == "refused":
        asked = f"{record.get('request') or 'a request'}{'' if path is None else f' {at}'}"
        return f"was refused (status {status}): {asked}"
    if event == "login":
        return "logged in" if status == 0 else f"could not log in (status {status})"
    if event == "pairing":
        return _paired(record)
    if event == "revocation":
        return _revoked(record)
    if event == "link":
        link = record.get("link")
        tried = "a share link that does not exist" if link is None else f"a wrong password of {link}"
        return f"opened {at}" if status == 0 else f"tried {tried}"
    if event == "account":
        folders = record.get("folders") or {at: record.get("rights")}
        shares = ", and may make share links" if record.get("links") else ""
        return "got the rights " + "; ".join(f"{rights} in {folder}" for folder, rights in folders.items()) + shares
    known = {
        "device": f"was given the rights {record.get('rights')} in {at} at most ({record.get('kind')})",
        "disconnect": "was disconnected by the server",
        "invitation": f"code {record.get('invitation')} was made",
        "cancellation": f"code {record.get('invitation')} was cancelled",
        "rename": f"was renamed from {record.get('old_device')}",
        "renewal": "renewed its certificate",
        "password": "got a new password",
        "share": f"made a share link, {record.get('link')}, to {at}",
        "unshare": f"revoked a share link, {record.get('link')}, to {at}",
        "unrecorded": "has many more refusals, which are not recorded",
        "backup": "the state was backed up",
        "restore": "the state was restored",
    }
    fields = " ".join(f"{name}={value}" for name, value in record.items() if name not in ("time", "event"))
    return known.get(str(event), f"{event} {fields}")


def _revoked(record: dict[str, Any]) -> str:
    """Whether an account was removed, a device revoked, or a browser signed out."""
    if not record.get("device"):
        return "the account was removed"
    return "was revoked" if str(record.get("request")).startswith("homeftp ") else "signed out"


def _paired(record: dict[str, Any]) -> str:
    """How a device was paired, or a browser signed in."""
    invitation = record.get("invitation")
    code = "a password" if invitation is None else f"code {invitation}"
    if record.get("status") == 0:
        return f"{'signed in' if record.get('request') == 'SIGNIN' else 'was paired'} with {code}"
    return "tried a wrong invitation" if invitation is None else f"tried a wrong {code}"
