"""A progress bar at the terminal, for transfers that last: rate, total and the time that is left."""

from __future__ import annotations

import sys
from typing import Any

_SOON = 0.5
"""Seconds before there is one: most commands are done by then."""

_EVERY = 0.1


class ProgressBar:
    """Shows how far a transfer is, on standard error, when that is a terminal."""

    def __init__(self, reactor: Any, *, silent: bool) -> None:
        self._reactor = reactor
        self._total = 0
        self._done = 0
        self._progress: Any = None
        self._task: Any = None
        self._call: Any = None
        self._hidden = False
        if not silent and sys.stderr.isatty():
            self._call = reactor.callLater(_SOON, self._tick)

    def plan(self, files: int, size: int) -> None:
        """So much more is to be done."""
        self._total += size

    def advance(self, size: int) -> None:
        """So much more is done."""
        self._done += size

    def again(self) -> None:
        """It is begun anew: all of it is planned once more."""
        self._total = self._done = 0

    def hide(self) -> None:
        """Make room for a question, until `show`."""
        self._hidden = True
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.stop()

    def show(self) -> None:
        """Come back."""
        self._hidden = False

    def stop(self) -> None:
        """It is over."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self.hide()

    def _tick(self) -> None:
        if not self._hidden:
            self._draw()
        self._call = self._reactor.callLater(_EVERY, self._tick)

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
