"""A transfer's output to the terminal, in order: its lines, the progress bar, and one question at a time."""

from __future__ import annotations

import sys
from typing import Callable

from homeftp.cli.transfer.progress import ProgressBar


class Screen:
    """Nothing is written over a question: what is written meanwhile follows after the answer."""

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar
        self._asking = False
        self._held: list[Callable[[], None]] = []

    def write(self, output: Callable[[], None]) -> None:
        """Call `output`, which writes lines, without the bar in the way; later, while a question is open."""
        if self._asking:
            self._held.append(output)
            return
        self._bar.hide()
        output()
        self._bar.show()

    def begin_question(self) -> None:
        """A question is written next."""
        self._asking = True
        self._bar.hide()

    def end_question(self, *, answered: bool) -> None:
        """The question was answered, which ended its line; or it is given up."""
        self._asking = False
        held, self._held = self._held, []
        if not answered:
            print(file=sys.stderr)
        for output in held:
            self.write(output)
        self._bar.show()
