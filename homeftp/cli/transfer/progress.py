"""A progress bar for a long transfer: bytes, rate and remaining time, files and name, on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from homeftp.cli.terminal.text import printable

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_DELAY = 0.5
"""Seconds before the bar appears; most commands end earlier."""

_INTERVAL = 0.1
"""Seconds between two updates."""


class ProgressBar:
    """Displays the progress of a transfer when standard error is a terminal. `top` names the whole transfer."""

    def __init__(self, reactor: IReactorTime, *, silent: bool, top: str = "") -> None:
        self._reactor = reactor
        self._total = 0
        self._done = 0
        self._planned_files = 0
        self._finished_files = 0
        self._top = top
        self._name = ""
        self._live: Any = None
        self._progress: Any = None
        self._task: Any = None
        self._call: Any = None
        self._hidden = False
        if not silent and sys.stderr.isatty():
            self._call = reactor.callLater(_DELAY, self._tick)

    def plan(self, files: int, size: int) -> None:
        """Add files, and their bytes, to the total."""
        self._planned_files += files
        self._total += size

    def advance(self, size: int) -> None:
        """Add bytes that are transferred."""
        self._done += size

    def start_file(self, name: str) -> None:
        """Show this name: the file is large enough to be waited for."""
        self._name = name

    def finish_file(self, name: str) -> None:
        """Count one more file as finished."""
        self._finished_files += 1
        self._name = name

    def restart(self) -> None:
        """Plan again, over a new connection. Bytes are counted from zero, and what is finished is reported once."""
        self._total = self._done = self._planned_files = 0

    def hide(self) -> None:
        """Remove the bar from the screen until `show` is called."""
        self._hidden = True
        live, self._live = self._live, None
        if live is not None:
            live.stop()

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
        from rich.console import Group
        from rich.text import Text

        if self._live is None:
            self._start()
        self._progress.update(self._task, completed=self._done, total=self._total or None)
        files = f"{self._finished_files:,}/{max(self._planned_files, self._finished_files):,} files"
        name = printable(self._name or self._top)
        line = Text(f"{files}  {name}", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(self._progress.get_renderable(), line), refresh=True)

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
        from rich.table import Column

        console = Console(stderr=True)
        if self._progress is None:
            whole = Column(no_wrap=True)  # in a narrow terminal the bar becomes shorter
            texts = DownloadColumn(table_column=whole), TransferSpeedColumn(table_column=whole.copy())
            left = TimeRemainingColumn(compact=True, table_column=whole.copy())
            self._progress = Progress(BarColumn(), *texts, left, console=console)
            self._task = self._progress.add_task("", total=self._total or None)
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._live.start()
