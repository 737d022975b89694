"""`homeftp versions --prune`: remove previous versions for good, to free their space."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, AsyncIterator, Callable

from homeftp.cli.commands.files.sizes import sized
from homeftp.cli.terminal.asking import can_ask, confirm_in_thread
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.text import format_size, print_json, printable, printable_endpoint
from homeftp.cli.terminal.times import format_moment, parse_moment_us
from homeftp.errors import OperatorError, counted
from homeftp.wire.history import pruned_body

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor
    from homeftp.history.changes import Pruned, PruneStep


def add_prune_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of --prune."""
    parser.add_argument("--prune", action="store_true", help="remove the versions for good, to free their space")
    parser.add_argument(
        "--older-than",
        metavar="TIME",
        help="with --prune: remove only versions from before TIME, such as 30d (30 days ago), or a date",
    )
    parser.add_argument(
        "--keep", metavar="N", type=int, default=0, help="with --prune: keep the N newest versions of each file"
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="with --prune: print what would be removed, and remove nothing"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="with --prune: do not ask")


def check_prune_arguments(options: argparse.Namespace) -> None:
    """Check the options before anything is done; raises `OperatorError`."""
    if not options.prune:
        if options.yes or options.dry_run or options.keep or options.older_than is not None:
            raise OperatorError("--older-than, --keep, -n and -y need --prune: add it, or leave them out.")
        return
    if options.keep < 0:
        raise OperatorError("--keep takes a number of versions, 0 or more.")
    if not (options.yes or options.dry_run) and (options.json or not can_ask()):
        raise OperatorError(
            "--prune asks at a terminal before it removes anything for good. Without a terminal, and with --json, use "
            "-y to remove without a question, or -n to print what would be removed."
        )


class _PruneCounts:
    """Counts of removed versions; with a dry run, of those to be removed."""

    def __init__(self) -> None:
        self.count = self.size = self.refused = 0
        self.newest_us = 0
        """The time of the newest of them (`Version.at_us`)."""

    def add(self, pruned: Pruned) -> None:
        """Count a version."""
        self.newest_us = max(self.newest_us, pruned.at_us)
        if pruned.refusal is not None:
            self.refused += 1
        else:
            self.count += 1
            self.size += pruned.size

    def __str__(self) -> str:
        return f"{counted(self.count, 'version')} ({format_size(self.size)})"


async def prune_versions(reactor: IClientReactor, client: Client, path: str, options: argparse.Namespace) -> Exit:
    """Remove the versions that the options choose, and print the result."""
    from homeftp.client import parse_remote_path

    client.require_rights("removing versions", "read")
    endpoint = str(parse_remote_path(path).endpoint)
    before = None if options.older_than is None else parse_moment_us(options.older_than, "--older-than")
    shown = printable_endpoint(endpoint)
    prune = partial(client.prune, endpoint, keep=options.keep)
    if not (options.yes or options.dry_run):
        plan = await _count(prune(before=before, dry_run=True))
        question = f"Remove {plan} of {shown} for good? This cannot be undone."
        if plan.count and not await confirm_in_thread(reactor, question):
            print("Nothing was removed.", file=sys.stderr)
            return Exit.DIFFERS
        before = plan.newest_us + 1  # what becomes a version after the question was not confirmed

    def report(pruned: Pruned) -> None:
        _print_pruned(pruned, endpoint, options)

    totals = await _count(prune(before=before, dry_run=options.dry_run), report)
    if options.json:
        fields = {"outcome": "total", "name": endpoint, "pruned": totals.count}
        print_json({**fields, "size": totals.size, "refused": totals.refused})
    else:
        print(f"{'Would remove' if options.dry_run else 'Removed'} {totals} of {shown}.")
    return Exit.REFUSED if totals.refused else Exit.DONE


async def _count(steps: AsyncIterator[PruneStep], report: Callable[[Pruned], None] | None = None) -> _PruneCounts:
    totals = _PruneCounts()
    async for step in steps:
        for pruned in step.pruned:
            totals.add(pruned)
            if report is not None:
                report(pruned)
    return totals


def _print_pruned(pruned: Pruned, endpoint: str, options: argparse.Namespace) -> None:
    name = pruned.name or endpoint.rpartition("/")[2]
    if options.json:
        outcome = "refused" if pruned.refusal is not None else "pruned"
        print_json({"outcome": outcome, **pruned_body(pruned), "name": name})
    elif pruned.refusal is not None:
        print_error(f"{name}, version of {format_moment(pruned.at_us)}: {pruned.refusal.message}")
    elif options.dry_run:
        print(f"would remove {format_moment(pruned.at_us)}  {sized(pruned.size)}  {printable(name)}")
