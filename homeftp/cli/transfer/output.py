"""The display of a running transfer: a progress bar, lines about files, and messages between them."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Collection, Coroutine

from twisted.internet.defer import CancelledError, Deferred

from homeftp.cli.transfer.progress import ProgressBar
from homeftp.cli.transfer.report import Complaint, TransferReport, resume_message, suspended_message
from homeftp.cli.transfer.screen import Screen
from homeftp.client import TransferObserver

if TYPE_CHECKING:
    from homeftp.client import FileResult, IClientReactor


class TransferOutput:
    """Shows what `observer` receives; `top` names the whole transfer in messages, the rest is that of the report.

    A `label` also says that other transfers may print at the same time: then there is no progress bar.
    """

    def __init__(
        self,
        reactor: IClientReactor,
        options: argparse.Namespace,
        top: str,
        said: Collection[Complaint] | None = None,
        label: str = "",
    ) -> None:
        self._reactor = reactor
        self._top = top
        self._quiet = options.quiet
        self._running: Deferred[None] | None = None
        self._suspended: dict[str, int] = {}
        self._bar = ProgressBar(reactor, silent=options.quiet or options.json or bool(label), top=top)
        self.screen = Screen(self._bar)
        self.report = TransferReport(options, self.screen.write, stop=self._stop, top=top, said=said, label=label)
        self.observer = TransferObserver(
            on_result=self._on_result,
            on_same=None if self.report.prints_same else self._bar.finish_files,
            on_plan=self._bar.plan,
            on_compared=self._bar.compare,
            on_start=self._bar.start_file,
            on_bytes=self._bar.advance,
            on_reconnected=self._bar.restart,
            on_resumed=self._on_resumed,
            on_suspended=self._suspended.__setitem__,
            on_notice=self._on_notice,
        )

    def _stop(self) -> None:
        """End the transfer, because output cannot be written."""
        self._reactor.callLater(0, self._cancel)

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def _on_result(self, item: FileResult) -> None:
        self._suspended.pop(item.name, None)
        if item.kind == "file":
            self._bar.finish_file(item.name)
        self.report.result(item)

    def _on_resumed(self, name: str, size: int) -> None:
        self._suspended.pop(name, None)
        self._on_notice(resume_message(name or self._top, size))

    def _on_notice(self, message: str) -> None:
        if not self._quiet:
            self.report.notice(message)

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`; it ends early when output cannot be written, and raises why."""
        try:
            self._running = Deferred.fromCoroutine(work)
            await self._running
        except CancelledError:
            if self.report.failure is None:
                raise
        finally:
            self._bar.stop()
            for name, size in self._suspended.items() if not self._quiet else ():
                self.report.notice(suspended_message(name or self._top, size))
            sys.stdout.flush()
        if self.report.failure is not None:
            raise self.report.failure
