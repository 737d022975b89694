"""Asking at the terminal while a transfer goes on: about what is newer at the target."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

from homeftp.cli.output import shown

if TYPE_CHECKING:
    from homeftp.client.cases import Item


class Stopped(Exception):
    """The person wants no more of it."""


class Questions:
    """One question at a time; `hide` clears the line for it."""

    def __init__(self, reactor: Any, hide: Callable[[], None]) -> None:
        from twisted.internet.defer import DeferredLock

        self._reactor = reactor
        self._hide = hide
        self._turn = DeferredLock()
        self._always = False

    async def replace(self, name: str, item: Item) -> bool:
        """Whether to replace it; raises `Stopped`."""
        await self._turn.acquire()
        try:
            while not self._always:
                self._hide()
                question = f"{shown(name or 'it')} is newer at the target: replace it? [y]es [n]o [a]ll [q]uit "
                typed: str = await self._typed(question)
                answer = typed.strip().lower()[:1]
                if answer == "q" or answer == "":
                    raise Stopped
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
