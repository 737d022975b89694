"""Running a transfer with its report, progress bar and questions; and the options that push and get share."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Coroutine

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.transfer.deleting import DeletionQuestion, add_deletion_arguments
from homeftp.cli.transfer.rates import parse_rate
from homeftp.cli.transfer.report import TransferReport, add_output_arguments, resume_message, suspended_message
from homeftp.cli.transfer.selecting import add_selection_arguments

if TYPE_CHECKING:
    from homeftp.client import FileResult, IClientReactor, IReconnector, Selection, TransferObserver, TransferOptions


def add_transfer_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that push and get share."""
    parser.add_argument("-r", "--recursive", action="store_true", help="include folders and their contents")
    parser.add_argument(
        "-f", "--force", action="store_true", help="replace whatever differs at the target, without asking"
    )
    parser.add_argument(
        "--reread", action="store_true", help="have both sides read all files again instead of using remembered hashes"
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="print what would be transferred, and transfer and change nothing"
    )
    parser.add_argument("--ignore-existing", action="store_true", help="replace nothing; only add what is missing")
    parser.add_argument(
        "-p", "--perms", action="store_true", help="also set the mode of folders that exist at the target"
    )
    add_selection_arguments(parser)
    add_deletion_arguments(parser)
    parser.add_argument(
        "--bwlimit",
        metavar="RATE",
        type=parse_rate,
        help="limit the rate, in KiB per second, or with a unit such as 1.5M or 500KB; 0 is no limit",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print the outcome of every file")
    add_output_arguments(parser)


async def run_transfer(
    reactor: IClientReactor,
    options: argparse.Namespace,
    selection: Selection,
    work: Callable[[TransferOptions, TransferObserver], Coroutine[Any, Any, None]],
    top: str,
    reconnector: IReconnector | None,
    as_of: int | None = None,
) -> Exit:
    """Do `work`, print its results, and return the exit code; `top` names the whole transfer in messages.

    `as_of` is the time whose files are fetched. The notices of `reconnector` are printed too. The transfer ends early
    when output cannot be written.
    """
    from twisted.internet.defer import CancelledError, Deferred

    from homeftp.cli.terminal.asking import MAX_ANSWER, can_ask
    from homeftp.cli.terminal.daemonthread import DaemonThread
    from homeftp.cli.terminal.stdstreams import read_line
    from homeftp.cli.transfer.progress import ProgressBar
    from homeftp.cli.transfer.questions import HERE, THERE, Prompter, TransferDeclined
    from homeftp.cli.transfer.screen import Screen
    from homeftp.client import TransferObserver, TransferOptions

    running: list[Deferred[None]] = []
    bar = ProgressBar(reactor, silent=options.quiet or options.json, top=top)
    screen = Screen(bar)
    report = TransferReport(
        options, screen.write, stop=lambda: reactor.callLater(0, lambda: running[0].cancel()), top=top
    )
    suspended: dict[str, int] = {}

    def finished(item: FileResult) -> None:
        suspended.pop(item.name, None)
        if item.kind == "file":
            bar.finish_file(item.name)
        report.result(item)

    def resumed(name: str, size: int) -> None:
        suspended.pop(name, None)
        if not options.quiet:
            report.notice(resume_message(name or top, size))

    observer = TransferObserver(
        on_result=finished,
        on_plan=bar.plan,
        on_start=bar.start_file,
        on_bytes=bar.advance,
        on_reconnected=bar.restart,
        on_resumed=resumed,
        on_suspended=suspended.__setitem__,
        on_notice=lambda message: None if options.quiet else report.notice(message),
    )
    if reconnector is not None:
        reconnector.notify = report.notice
    thread = DaemonThread(reactor)
    target = HERE if options.command == "get" else THERE
    answer = partial(thread.call, read_line, MAX_ANSWER)
    prompter = Prompter(screen, answer, target)
    delete = getattr(options, "delete", False)
    transfer_options = TransferOptions(
        recursive=options.recursive or options.files_from is not None,
        force=getattr(options, "force", False),
        reread=options.reread,
        perms=options.perms,
        ignore_existing=getattr(options, "ignore_existing", False),
        dry_run=options.dry_run,
        as_of=as_of,
        selection=selection,
        delete=delete,
        max_delete=getattr(options, "max_delete", None),
        confirm_deletion=DeletionQuestion(screen, answer, target).confirm if delete and not options.yes else None,
        ask=prompter.confirm_replace if can_ask() and not (options.json or options.dry_run) else None,
    )
    try:
        running.append(Deferred.fromCoroutine(work(transfer_options, observer)))
        await running[0]
    except CancelledError:
        if report.failure is None:
            raise
    except TransferDeclined:
        bar.stop()
        report.finish(observer)
        return Exit.DIFFERS
    finally:
        bar.stop()
        for name, size in suspended.items() if not options.quiet else ():
            report.notice(suspended_message(name or top, size))
        sys.stdout.flush()
    if report.failure is not None:
        raise report.failure
    return report.finish(observer)
