"""A progress bar at the terminal, for transfers that last: rate, total and the time that is left."""

from __future__ import annotations

import sys
from typing import Any

_SOON = 0.5
"""Seconds before there is one: most commands are done by then."""

_EVERY = 0.1


class Bar:
    """Shows how far a transfer is, on standard error, when that is a terminal."""

    def __init__(self, reactor: Any, *, silent: bool) -> None:
        self._reactor = reactor
        self._total = 0
        self._done = 0
        self._progress: Any = None
        self._task: Any = None
        self._call: Any = None
        if not silent and sys.stderr.isatty():
            self._call = reactor.callLater(_SOON, self._show)

    def plan(self, files: int, size: int) -> None:
        """So much more is to be done."""
        self._total += size

    def advance(self, size: int) -> None:
        """So much more is done."""
        self._done += size

    def hide(self) -> None:
        """Make room for a question; the bar comes back by itself."""
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.stop()

    def stop(self) -> None:
        """It is over."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self.hide()

    def _show(self) -> None:
        if self._progress is None:
            self._start()
        self._progress.update(self._task, completed=self._done, total=self._total or None)
        self._progress.refresh()
        self._call = self._reactor.callLater(_EVERY, self._show)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
        self._task = self._progress.add_task("", total=self._total or None)
        self._progress.start()
