"""A line that says how far long work is: on standard error, where that is a terminal, and replaced in place."""

from __future__ import annotations

import sys
import time
from typing import Callable

_INTERVAL = 0.5
"""Seconds between two of these lines."""


class ProgressLine:
    """The line of one command; `hidden` where nothing but results is wanted. It knows when the work began, too."""

    def __init__(self, *, hidden: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._hidden = hidden
        self._clock = clock
        self._begun = self._shown = clock()
        self._line = ""

    @property
    def seconds(self) -> float:
        """Seconds since the work began."""
        return self._clock() - self._begun

    def show(self, text: str) -> None:
        """Show `text` in place of the line before, unless that is too new."""
        now = self._clock()
        if self._hidden or now - self._shown < _INTERVAL or not sys.stderr.isatty():
            return
        self.clear()
        self._shown, self._line = now, text
        sys.stderr.write(text)
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line, before anything else is printed."""
        if self._line:
            sys.stderr.write("\r" + " " * len(self._line) + "\r")
            self._line = ""
