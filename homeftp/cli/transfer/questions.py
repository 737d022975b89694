"""Asking at the terminal, during a transfer, whether to replace a file that is newer or suspicious at the target."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

from homeftp.cli.terminal.text import printable

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorFromThreads

    from homeftp.client import FileResult

_CONCERNS = {
    "newer": "is newer at the target.",
    "suspicious": "differs at the target, although size and time are the same (one copy may be damaged).",
}


class TransferDeclined(Exception):
    """The person chose to end the transfer."""


class Prompter:
    """Asks one question at a time. `hide` removes the progress bar for the question, `show` brings it back."""

    def __init__(self, reactor: IReactorFromThreads, hide: Callable[[], None], show: Callable[[], None]) -> None:
        from twisted.internet.defer import DeferredLock

        self._reactor = reactor
        self._hide = hide
        self._show = show
        self._declined = False
        self._lock = DeferredLock()
        self._replace_all = False

    async def confirm_replace(self, name: str, item: FileResult) -> bool:
        """Ask whether to replace the target; raises `TransferDeclined` when the person quits."""
        await self._lock.acquire()
        try:
            while not self._replace_all:
                if self._declined:
                    raise TransferDeclined
                self._hide()
                concern = _CONCERNS[item.outcome.value]
                typed: str = await self._ask(
                    f"{printable(name or 'The file')} {concern} Replace it? [y]es [n]o [a]ll [q]uit "
                )
                self._show()
                answer = typed.strip().lower()[:1]
                if answer == "q" or answer == "":
                    self._declined = True
                    raise TransferDeclined
                if answer in ("y", "n"):
                    return answer == "y"
                self._replace_all = answer == "a"
            return True
        finally:
            self._lock.release()

    def _ask(self, question: str) -> Any:
        """Fires with a line from the terminal. A daemon thread reads it, so that the process can end meanwhile."""
        from twisted.internet.defer import Deferred

        answer: Deferred[str] = Deferred()

        def read() -> None:
            line = sys.stdin.readline()
            self._reactor.callFromThread(answer.callback, line)

        print(question, end="", file=sys.stderr, flush=True)
        threading.Thread(target=read, daemon=True).start()
        return answer


def can_ask() -> bool:
    """Whether standard input and standard error are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()
