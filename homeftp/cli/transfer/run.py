"""Running a transfer with its report, progress bar and questions; and the options that push and get share."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Coroutine

from homeftp.cli.terminal.arguments import accept_options
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.transfer.deleting import DeletionQuestion, add_deletion_arguments
from homeftp.cli.transfer.rates import parse_rate
from homeftp.cli.transfer.report import add_output_arguments
from homeftp.cli.transfer.selecting import add_selection_arguments

if TYPE_CHECKING:
    from homeftp.client import IClientReactor, IReconnector, Selection, TransferObserver, TransferOptions


class _Archive(argparse.Action):
    """Sets the options that rsync's --archive consists of, as far as they exist here."""

    def __call__(self, parser: object, namespace: argparse.Namespace, values: object, name: str | None = None) -> None:
        namespace.recursive = namespace.perms = True


def add_archive_argument(parser: argparse.ArgumentParser, help: str = "the same as -r -p, as in rsync") -> None:
    """Add an option that means -r and -p."""
    parser.add_argument("-a", "--archive", nargs=0, action=_Archive, default=argparse.SUPPRESS, help=help)


def add_transfer_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that push and get share."""
    parser.add_argument("-r", "--recursive", action="store_true", help="include folders and their contents")
    add_archive_argument(parser)
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
    add_progress_arguments(parser)


def add_progress_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options about the rate and the output of all commands that transfer folders."""
    accept_options(parser, "-z", "--compress", "-P", "--progress", "--partial")
    parser.add_argument(
        "--bwlimit",
        metavar="RATE",
        type=parse_rate,
        help="limit the rate, in KiB per second, or with a unit such as 1.5M or 500KB; 0 means no limit",
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
    from homeftp.cli.terminal.asking import MAX_ANSWER, can_ask
    from homeftp.cli.terminal.daemonthread import DaemonThread
    from homeftp.cli.terminal.stdstreams import read_line
    from homeftp.cli.transfer.output import TransferOutput
    from homeftp.cli.transfer.questions import HERE, THERE, Prompter, TransferDeclined
    from homeftp.client import TransferOptions

    output = TransferOutput(reactor, options, top)
    if reconnector is not None:
        reconnector.notify = output.report.notice
    thread = DaemonThread(reactor)
    target = HERE if options.command == "get" else THERE
    answer = partial(thread.call, read_line, MAX_ANSWER)
    prompter = Prompter(output.screen, answer, target)
    question = DeletionQuestion(output.screen, answer, target)
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
        confirm_deletion=question.confirm if delete and not options.yes else None,
        ask=prompter.confirm_replace if can_ask() and not (options.json or options.dry_run) else None,
    )
    try:
        await output.run(work(transfer_options, output.observer))
    except TransferDeclined:
        output.report.print_summary(output.observer)
        return Exit.DIFFERS
    return output.report.print_summary(output.observer)
