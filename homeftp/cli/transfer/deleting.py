"""The options of --delete, and the question before anything is deleted."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Awaitable, Callable

from homeftp.cli.terminal.asking import can_ask, is_yes, print_question
from homeftp.cli.terminal.text import format_count, format_size, printable
from homeftp.cli.transfer.questions import THERE, TransferDeclined
from homeftp.cli.transfer.screen import Screen
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import DeletionPlan

_SHOWN = 10
"""Names of a plan that are printed; --dry-run prints all of them."""


def add_deletion_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of push and get for what only the target has."""
    parser.add_argument(
        "--delete", action="store_true", help="delete what is only in the target folder, after a question"
    )
    parser.add_argument(
        "--max-delete", metavar="N", type=int, help="delete up to N files (default: at most half of the target's files)"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="with --delete: do not ask")


def check_deletion(options: argparse.Namespace) -> None:
    """Check the options before anything is done; raises `OperatorError`."""
    if not options.delete:
        if options.yes or options.max_delete is not None:
            raise OperatorError("--yes and --max-delete need --delete: add it, or leave them out.")
        return
    if options.files_from is not None:
        raise OperatorError("with --files-from, --delete would delete what is not listed. Leave out one of them.")
    if not (options.yes or options.dry_run) and (options.json or not can_ask()):
        raise OperatorError(
            "--delete asks at a terminal before it deletes anything. Without a terminal, and with --json, use -y to "
            "delete without a question, or -n to print what would be deleted."
        )


class DeletionQuestion:
    """Asks on `screen` whether a plan is right; `read_line` returns what the person types.

    `place` is where it is deleted.
    """

    def __init__(self, screen: Screen, read_line: Callable[[], Awaitable[bytes]], place: str) -> None:
        self._screen = screen
        self._read_line = read_line
        self._place = place

    async def confirm(self, plan: DeletionPlan) -> bool:
        """Print the plan, and ask; raises `TransferDeclined` for anything but a yes."""
        self._screen.begin_question()
        answered = False
        try:
            print(self._describe(plan), file=sys.stderr)
            print_question("Transfer, and then delete these?")
            typed = await self._read_line()
            answered = bool(typed)
        finally:
            self._screen.end_question(answered=answered)
        if not is_yes(typed):
            raise TransferDeclined
        return True

    def _describe(self, plan: DeletionPlan) -> str:
        names = [*plan.files, *(f"{name}/" for name in reversed(plan.directories))]
        more = len(names) - _SHOWN
        lines = [f"  {printable(name)}" for name in (names if more <= 1 else names[:_SHOWN])]
        if more > 1:
            lines.append(f"  and {more:,} more: -n lists them all")
        count = format_count(len(plan.files), len(plan.directories))
        fate = (
            "The server keeps the files as versions, if its owner chose so and it has space."
            if self._place == THERE
            else "Nothing keeps them."
        )
        return "\n".join([f"Only {self._place}: {count}, {format_size(plan.size)}. {fate}", *lines])
