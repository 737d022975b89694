"""A progress bar for a long transfer: rate, total and remaining time, on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_DELAY = 0.5
"""Seconds before the bar appears; most commands end earlier."""

_INTERVAL = 0.1
"""Seconds between two updates."""


class ProgressBar:
    """Displays the progress of a transfer when standard error is a terminal."""

    def __init__(self, reactor: IReactorTime, *, silent: bool) -> None:
        self._reactor = reactor
        self._total = 0
        self._done = 0
        self._progress: Any = None
        self._task: Any = None
        self._call: Any = None
        self._hidden = False
        if not silent and sys.stderr.isatty():
            self._call = reactor.callLater(_DELAY, self._tick)

    def plan(self, files: int, size: int) -> None:
        """Add bytes to the total."""
        self._total += size

    def advance(self, size: int) -> None:
        """Add bytes that are transferred."""
        self._done += size

    def restart(self) -> None:
        """Count from zero: after a new connection the transfer is planned again."""
        self._total = self._done = 0

    def hide(self) -> None:
        """Remove the bar from the screen until `show` is called."""
        self._hidden = True
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.stop()

    def show(self) -> None:
        """Display the bar again after `hide`."""
        self._hidden = False

    def stop(self) -> None:
        """Remove the bar for good."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self.hide()

    def _tick(self) -> None:
        if not self._hidden:
            self._draw()
        self._call = self._reactor.callLater(_INTERVAL, self._tick)

    def _draw(self) -> None:
        if self._progress is None:
            self._start()
        self._progress.update(self._task, completed=self._done, total=self._total or None)
        self._progress.refresh()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
        self._task = self._progress.add_task("", total=self._total or None)
        self._progress.start()
