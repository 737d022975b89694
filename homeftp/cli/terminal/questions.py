"""Asking at the terminal while a transfer goes on: about what is newer at the target, or may be the better copy."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

from homeftp.cli.terminal.output import shown

if TYPE_CHECKING:
    from homeftp.client.transfer.model import FileResult


_DOUBTS = {
    "newer": "is newer at the target",
    "suspicious": "has another content at the target, but the same size and time (one copy may be damaged)",
}


class Cancelled(Exception):
    """The person wants no more of it."""


class Prompter:
    """One question at a time; `hide` clears the line for it until `show` is called."""

    def __init__(self, reactor: Any, hide: Callable[[], None], show: Callable[[], None]) -> None:
        from twisted.internet.defer import DeferredLock

        self._reactor = reactor
        self._hide = hide
        self._show = show
        self._stopped = False
        self._turn = DeferredLock()
        self._always = False

    async def replace(self, name: str, item: FileResult) -> bool:
        """Whether to replace it; raises `Cancelled`."""
        await self._turn.acquire()
        try:
            while not self._always:
                if self._stopped:
                    raise Cancelled
                self._hide()
                doubt = _DOUBTS[item.outcome.value]
                typed: str = await self._typed(f"{shown(name or 'it')} {doubt}: replace it? [y]es [n]o [a]ll [q]uit ")
                self._show()
                answer = typed.strip().lower()[:1]
                if answer == "q" or answer == "":
                    self._stopped = True
                    raise Cancelled
                if answer in ("y", "n"):
                    return answer == "y"
                self._always = answer == "a"
            return True
        finally:
            self._turn.release()

    def _typed(self, question: str) -> Any:
        """A line from the terminal, read in a thread that nobody has to wait for."""
        from twisted.internet.defer import Deferred

        answer: Deferred[str] = Deferred()

        def read() -> None:
            line = sys.stdin.readline()
            self._reactor.callFromThread(answer.callback, line)

        print(question, end="", file=sys.stderr, flush=True)
        threading.Thread(target=read, daemon=True).start()
        return answer


def can_ask() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()
