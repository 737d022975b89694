"""`homeftp sync`: keep a local folder and a directory of a server the same."""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import attrs

from homeftp.cli.connect.operands import parse_operand, parse_remote_operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.asking import MAX_ANSWER, can_ask, is_yes, print_question
from homeftp.cli.terminal.completers import ANY_PATHS, set_completer
from homeftp.cli.terminal.daemonthread import DaemonThread
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.stdstreams import read_line
from homeftp.cli.terminal.text import print_json
from homeftp.cli.transfer.planreport import MOST_SHOWN, describe_plan
from homeftp.cli.transfer.rates import parse_rate
from homeftp.cli.transfer.report import add_output_arguments, exit_code
from homeftp.cli.transfer.screen import Screen
from homeftp.cli.transfer.selecting import add_pattern_arguments, read_selection
from homeftp.errors import OperatorError, counted

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, PlanFile, SyncOptions, SyncPlan, SyncRequest, TransferContext

_EPILOG = """\
homeftp remembers what both sides agreed on last. What was changed on one side goes to the other; deleted files are kept
as versions, on the server and here in DIR/.homeftp/versions. A file that was changed on both sides is a conflict: the
server's keeps its name, and the one here becomes "NAME (conflict from MACHINE DATE)" on both sides, unless --prefer
says which one is right. An empty file never replaces one that is not, unless --prefer here or --prefer there is given.
Nothing is changed before you have seen the plan and agreed. If a sync is interrupted, run it again.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a folder, its other side, and how they are synced."""
    add_epilog(parser, _EPILOG)
    folder = parser.add_argument("folder", metavar="DIR", nargs="?", help="the folder on this machine")
    remote = parser.add_argument("remote", metavar="NAME:PATH", nargs="?", help="the folder on the server")
    set_completer(folder, ANY_PATHS)
    set_completer(remote, ANY_PATHS)
    directions = parser.add_mutually_exclusive_group()
    for option, words in (
        ("--both", "change both sides (the default)"),
        ("--push", "make the server's folder like the one here"),
        ("--pull", "make the folder here like the server's"),
    ):
        directions.add_argument(
            option, action="store_const", const=option[2:], default="both", dest="direction", help=words
        )
    parser.add_argument("-n", "--dry-run", action="store_true", help="print the plan, and change nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask whether the plan is right")
    parser.add_argument(
        "--prefer",
        choices=("here", "there", "newer"),
        help="which copy is right where both sides were changed, instead of keeping both",
    )
    parser.add_argument(
        "--max-delete", metavar="N", type=int, help="delete up to N files (default: at most half of a side's files)"
    )
    parser.add_argument(
        "--start-over",
        action="store_true",
        help="forget what was agreed: whatever either side has is kept",
    )
    parser.add_argument(
        "--plan", metavar="FILE", help="carry out the plan that `sync --json -n` printed, if nothing has changed since"
    )
    parser.add_argument(
        "--conflicts", action="store_true", help="list the copies that conflicts have left in DIR, and change nothing"
    )
    parser.add_argument("--resolve", metavar="COPY", help="decide about one of them; see --keep")
    parser.add_argument(
        "--keep",
        choices=("original", "copy"),
        help="with --resolve: which of the two files stays, under the original's name",
    )
    add_pattern_arguments(parser)
    parser.add_argument(
        "--bwlimit",
        metavar="RATE",
        type=parse_rate,
        help="limit the rate, in KiB per second, or with a unit such as 1.5M or 500KB; 0 is no limit",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print the outcome of every file")
    add_output_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Sync; returns the exit code."""
    if options.conflicts or options.resolve is not None:
        from homeftp.cli.commands.conflicts import list_conflicts, resolve

        return list_conflicts(options) if options.conflicts else resolve(options)
    read = None if options.plan is None else _read_plan(options)
    if read is not None:
        folder, name, path = read.head.local, read.head.remote, read.head.endpoint
    elif options.folder is None or options.remote is None:
        raise OperatorError("Name a folder and its other side, as in: homeftp sync Documents nas:Documents")
    else:
        folder = options.folder
        if parse_operand(folder).remote is not None:
            raise OperatorError(f"{folder} is on a server. The folder on this machine comes first.")
        name, path = parse_remote_operand(options.remote)
    if not (options.yes or options.dry_run or read) and (options.json or not can_ask()):
        raise OperatorError(
            "sync asks at a terminal whether its plan is right. Without a terminal, and with --json, use -y to carry "
            "the plan out without a question, or -n to print it."
        )
    return with_remote(name, partial(_sync, options, folder, name, path, read), options.bwlimit)


def _read_plan(options: argparse.Namespace) -> PlanFile:
    """The plan to be carried out. Raises `OperatorError`."""
    from homeftp.client import read_plan

    if options.folder is not None or options.prefer is not None or options.direction != "both":
        raise OperatorError("A plan says what it is for. Leave out the folders, --push, --pull and --prefer.")
    try:
        with open(options.plan, encoding="utf-8") as file:
            return read_plan(file, options.plan)
    except OSError as error:
        raise OperatorError(f"{options.plan} cannot be read: {error.strerror}") from None


async def _sync(
    options: argparse.Namespace,
    folder: str,
    name: str,
    path: str,
    read: PlanFile | None,
    reactor: IClientReactor,
    client: Client,
    context: TransferContext,
) -> int:
    from homeftp.cli.transfer.output import TransferOutput
    from homeftp.client import SyncArchive, SyncDeclined, SyncRequest, SyncResult, run_sync, sync_path

    output = TransferOutput(reactor, options, folder)
    if context.reconnector is not None:
        context.reconnector.notify = output.report.notice
    request = SyncRequest(
        folder,
        path,
        server=name,
        options=_sync_options(options) if read is None else read.options,
        selection=read_selection(options) if read is None else read.selection,
        dry_run=options.dry_run,
        max_delete=options.max_delete,
        start_over=options.start_over,
        expected=None if read is None else read.plan,
    )
    shown = PlanScreen(reactor, options, request, output.screen)
    request = attrs.evolve(request, confirm=shown.confirm)
    results: list[SyncResult] = []

    async def work() -> None:
        archive = await context.workers.run(SyncArchive, sync_path(os.environ))
        try:
            results.append(await run_sync(client, context, archive, request, output.observer))
        finally:
            await context.workers.run_unbounded(archive.close)

    try:
        await output.run(work())
    except SyncDeclined as declined:
        print(declined, file=sys.stderr)
        return Exit.DIFFERS
    (result,) = results
    if options.dry_run:
        shown.print_plan(result.plan)
    if not result.plan.actions and not options.json:
        if not options.quiet:
            files = counted(result.files, "file")
            print(f"Nothing to do ({files} compared in {result.seconds:.1f} s).", file=sys.stderr)
        return exit_code(output.observer)
    if options.dry_run:
        return Exit.DIFFERS if result.plan.actions else Exit.DONE
    return output.report.finish(output.observer)


def _sync_options(options: argparse.Namespace) -> SyncOptions:
    from homeftp.client import Direction, Preference, SyncOptions
    from homeftp.host import own_name

    prefer = None if options.prefer is None else Preference(options.prefer)
    return SyncOptions(Direction(options.direction), prefer, own_name(), time.strftime("%Y-%m-%d"))


class PlanScreen:
    """Prints the plan of a sync, and asks whether it is right."""

    def __init__(
        self, reactor: IClientReactor, options: argparse.Namespace, request: SyncRequest, screen: Screen
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._request = request
        self._screen = screen

    def print_plan(self, plan: SyncPlan) -> None:
        """Print the whole plan on standard output."""
        from homeftp.client import plan_lines

        request = self._request
        if self._options.json:
            local = os.path.realpath(request.local)
            for line in plan_lines(
                plan, request.options, request.selection, local=local, remote=request.server, endpoint=request.remote
            ):
                print_json(line)
        elif plan.actions:
            for text in describe_plan(plan):
                print(text)

    async def confirm(self, plan: SyncPlan) -> bool:
        """Print what is needed of the plan; whether the person, who may have said so before, wants it."""
        if self._options.json:
            self.print_plan(plan)
        if self._options.yes or self._request.expected is not None:
            return True
        self._screen.begin_question()
        answered = False
        try:
            for text in describe_plan(plan, MOST_SHOWN):
                print(text, file=sys.stderr)
            print_question("Do this?")
            typed = await DaemonThread(self._reactor).call(read_line, MAX_ANSWER)
            answered = bool(typed)
        finally:
            self._screen.end_question(answered=answered)
        return is_yes(typed)
