"""`homeftp restore -r`: put a folder on a server back as it was at a time."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, AsyncIterator, Callable

from homeftp.cli.terminal.asking import can_ask, confirm_in_thread
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.text import format_count, format_size, print_json, printable, printable_endpoint
from homeftp.cli.terminal.times import format_moment, parse_moment_us
from homeftp.errors import OperatorError, counted
from homeftp.wire.history import reverted_body

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, TransferContext
    from homeftp.history.changes import RestoreStep, Reverted, RevertedTo


class _Totals:
    """Counts of restored and removed files; with a dry run, of those to be."""

    def __init__(self) -> None:
        self.as_of = 0
        self.unchanged = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """By outcome and kind."""
        self.removed_bytes = 0

    def add(self, reverted: Reverted) -> None:
        """Count what became of one name."""
        self.outcomes[reverted.outcome, reverted.kind] += 1
        if reverted.outcome == "removed":
            self.removed_bytes += reverted.size

    @property
    def restored(self) -> int:
        """Files that got a version back."""
        return self.outcomes["restored", "file"]

    @property
    def removed(self) -> str:
        """The files that did not exist then, in words; empty where there are none."""
        return format_count(self.outcomes["removed", "file"], self.outcomes["removed", "directory"])

    def count(self, outcome: RevertedTo) -> int:
        """Files and folders with this outcome."""
        return self.outcomes[outcome, "file"] + self.outcomes[outcome, "directory"]


async def restore_tree(
    reactor: IClientReactor, client: Client, context: TransferContext, path: str, options: argparse.Namespace
) -> Exit:
    """Put the folder back as the options say, and print the result."""
    from homeftp.client import LastSeen, parse_remote_path

    client.require_rights("restoring", "read")
    endpoint = str(parse_remote_path(path).endpoint)
    as_of = None if options.at is None else parse_moment_us(options.at, "--at")
    restore = partial(client.restore_tree, endpoint)
    if not (options.yes or options.dry_run):
        plan = await _count(restore(as_of=as_of, dry_run=True))
        if plan.removed and not await _is_confirmed(reactor, plan, endpoint, options):
            print("Nothing was changed.", file=sys.stderr)
            return Exit.DIFFERS
        as_of = plan.as_of  # what was confirmed
    seen = LastSeen(context.seen, context.workers, client)

    def report(reverted: Reverted) -> None:
        if reverted.outcome == "restored" and not options.dry_run:
            seen.record(f"{endpoint}/{reverted.name}".strip("/"), reverted.hash)
        _print_reverted(reverted, endpoint, options)

    try:
        totals = await _count(restore(as_of=as_of, dry_run=options.dry_run), report)
    finally:
        await seen.close(print_error)
    _print_totals(totals, endpoint, options)
    return Exit.REFUSED if totals.count("refused") else Exit.DONE


async def _is_confirmed(reactor: IClientReactor, plan: _Totals, endpoint: str, options: argparse.Namespace) -> bool:
    """Whether what was not there then may become versions. Raises `OperatorError` without a terminal."""
    extra = f"{plan.removed} ({format_size(plan.removed_bytes)}) in {printable_endpoint(endpoint)}"
    if options.json or not can_ask():
        raise OperatorError(
            f"{extra} did not exist at {format_moment(plan.as_of)}. Nothing was changed: use -y to move such files to "
            "the versions, or -n to list them."
        )
    return await confirm_in_thread(
        reactor,
        f"{extra} did not exist at {format_moment(plan.as_of)}, and would be moved to the versions. "
        f"{counted(plan.restored, 'file')} would be restored. Go on?",
    )


async def _count(steps: AsyncIterator[RestoreStep], report: Callable[[Reverted], None] | None = None) -> _Totals:
    totals = _Totals()
    async for step in steps:
        totals.as_of = step.as_of_us or totals.as_of
        totals.unchanged += step.unchanged
        for reverted in step.reverted:
            totals.add(reverted)
            if report is not None:
                report(reverted)
    return totals


def _print_reverted(reverted: Reverted, endpoint: str, options: argparse.Namespace) -> None:
    name = reverted.name or endpoint.rpartition("/")[2]
    if options.json:
        print_json({**reverted_body(reverted), "name": name})
    elif reverted.refusal is not None:
        print_error(f"{name}: {reverted.refusal.message}")
    elif options.dry_run and reverted.at_us is not None:
        version = f"the version of {format_moment(reverted.at_us)}, {format_size(reverted.size)}"
        print(f"would restore {printable(name)} ({version})")
    elif options.dry_run:
        print(f"would remove {printable(name)}{'/' if reverted.kind == 'directory' else ''}, which did not exist then")


def _print_totals(totals: _Totals, endpoint: str, options: argparse.Namespace) -> None:
    if options.json:
        fields = {"outcome": "total", "name": endpoint, "as_of": totals.as_of, "restored": totals.restored}
        removed, refused = totals.count("removed"), totals.count("refused")
        print_json({**fields, "removed": removed, "refused": refused, "unchanged": totals.unchanged})
        return
    parts = [f"{counted(totals.restored, 'file')} restored", f"{totals.unchanged:,} unchanged"]
    if totals.removed:
        parts.insert(1, f"{totals.removed} moved to the versions")
    if totals.count("refused"):
        parts.append(f"{totals.count('refused'):,} refused")
    act = "Would restore" if options.dry_run else "Restored"
    print(f"{act} {printable_endpoint(endpoint)} as of {format_moment(totals.as_of)}: {', '.join(parts)}.")
