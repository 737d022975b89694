"""A progress bar for a long transfer: bytes, rate and remaining time, files and name, on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from homeftp.cli.terminal.text import printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import Progress, TaskID
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

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
        self._compared: int | None = None
        """Files that the server has compared; None unless it compares a folder now."""
        self._live: Live | None = None
        """The lines on the screen; None while there are none."""
        self._columns: tuple[Progress, TaskID] | None = None
        """The bar and its numbers, which keep the rate while the bar is hidden."""
        self._call: IDelayedCall | None = None
        self._hidden = False
        if not silent and sys.stderr.isatty():
            self._call = reactor.callLater(_DELAY, self._tick)

    def compare(self, files: int, size: int) -> None:
        """Show, until files are planned, that the server compares a folder: it knows so many hashes of files."""
        self._compared = files

    def plan(self, files: int, size: int) -> None:
        """Add files, and their bytes, to the total."""
        self._compared = None
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

    def finish_files(self, count: int) -> None:
        """Count more files as finished."""
        self._finished_files += count

    def restart(self) -> None:
        """Plan again, over a new connection. Bytes are counted from zero, and what is finished is reported once."""
        self._compared = None
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

        if self._columns is None:
            self._columns = _make_columns(self._total)
        if self._live is None:
            self._live = _start_live()
        if self._compared is not None:
            self._live.update(Text(f"server compares: {self._compared:,} files", no_wrap=True), refresh=True)
            return
        progress, task = self._columns
        progress.update(task, completed=self._done, total=self._total or None)
        files = f"{self._finished_files:,}/{max(self._planned_files, self._finished_files):,} files"
        name = printable(self._name or self._top)
        line = Text(f"{files}  {name}", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(progress.get_renderable(), line), refresh=True)


def _make_columns(total: int) -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn
    from rich.table import Column

    whole = Column(no_wrap=True)  # in a narrow terminal the bar becomes shorter
    texts = DownloadColumn(table_column=whole), TransferSpeedColumn(table_column=whole.copy())
    left = TimeRemainingColumn(compact=True, table_column=whole.copy())
    progress = Progress(BarColumn(), *texts, left, console=Console(stderr=True))
    return progress, progress.add_task("", total=total or None)


def _start_live() -> Live:
    from rich.console import Console
    from rich.live import Live

    live = Live(console=Console(stderr=True), transient=True, auto_refresh=False)
    live.start()
    return live
