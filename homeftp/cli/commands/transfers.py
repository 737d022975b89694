"""What `push`, `get` and `cmp` have in common: options, and a transfer with its report, its bar and its questions."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Callable, Coroutine

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import TransferReport, add_output_arguments, resumed

if TYPE_CHECKING:
    from homeftp.client.transfer.model import IReconnector, TransferOptions
    from homeftp.client.transfer.observer import TransferObserver


def add_transfer_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `push` and `get`."""
    parser.add_argument("-r", "--recursive", action="store_true", help="take folders, with all that is in them")
    parser.add_argument(
        "-f", "--force", action="store_true", help="replace what differs at the target, newer or not, without asking"
    )
    parser.add_argument("-n", "--new-only", action="store_true", help="replace nothing: only put what is not there")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what becomes of each file")
    add_output_arguments(parser)


async def transfer(
    reactor: Any,
    options: argparse.Namespace,
    work: Callable[[TransferOptions, TransferObserver], Coroutine[Any, Any, None]],
    top: str,
    line: IReconnector | None,
) -> Exit:
    """Do `work`, tell of it, and give the exit status; `top` is what to call the whole of it.

    What `line` waits for is told as well. It ends early when what it tells cannot be written.
    """
    from twisted.internet.defer import CancelledError, Deferred

    from homeftp.cli.terminal.progress import ProgressBar
    from homeftp.cli.terminal.questions import Cancelled, Prompter, can_ask
    from homeftp.client.transfer.model import TransferOptions
    from homeftp.client.transfer.observer import TransferObserver

    working: list[Deferred[None]] = []
    report = TransferReport(options, stop=lambda: reactor.callLater(0, lambda: working[0].cancel()), top=top)
    bar = ProgressBar(reactor, silent=options.quiet or options.json)
    watch = TransferObserver(on_result=report.item, on_plan=bar.plan, on_bytes=bar.advance, on_reconnected=bar.again)

    def note(words: str) -> None:
        bar.hide()
        report.note(words)
        bar.show()

    watch.on_resumed = lambda name, size: None if options.quiet else note(resumed(name or top, size))
    if line is not None:
        line.notify = note
    questions = Prompter(reactor, bar.hide, bar.show)
    choices = TransferOptions(
        recursive=getattr(options, "recursive", False),
        force=getattr(options, "force", False),
        ignore_existing=getattr(options, "new_only", False),
        ask=questions.replace if can_ask() and not options.json else None,
    )
    try:
        working.append(Deferred.fromCoroutine(work(choices, watch)))
        await working[0]
    except CancelledError:
        if report.failure is None:
            raise
    except Cancelled:
        bar.stop()
        report.finish(watch)
        return Exit.DIFFERS
    finally:
        bar.stop()
        sys.stdout.flush()
    if report.failure is not None:
        raise report.failure
    return report.finish(watch)
