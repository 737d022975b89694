"""Messages on the desktop of the user, where notify-send(1) is installed. Nothing here waits for it."""

from __future__ import annotations

import html
import os
import shutil
from collections import deque
from typing import Any, cast

from twisted.internet.interfaces import IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from homeftp.cli.terminal.text import printable

MOST_WAITING = 10
"""Messages that wait until the one before them is shown; what exceeds that is not shown."""

MOST_CHARACTERS = 300
"""Characters of a title or a text."""

END_SECONDS = 10.0
"""After so long the program is killed: it waits for a desktop that does not answer."""


class DesktopNotifier:
    """Shows messages one after the other; none where `program`, the path of notify-send, is None."""

    def __init__(self, reactor: object, program: str | None) -> None:
        self._reactor = reactor
        self._program = program
        self._waiting: deque[tuple[str, str]] = deque()
        self._is_running = False

    @classmethod
    def installed(cls, reactor: object) -> DesktopNotifier:
        """One that uses the program that is installed."""
        return cls(reactor, shutil.which("notify-send"))

    def show(self, title: str, text: str) -> None:
        """Show a message. Title and text are shown as they are, whatever characters they have."""
        if self._program is not None and len(self._waiting) < MOST_WAITING:
            self._waiting.append((_shown(title), html.escape(_shown(text), quote=False)))
            self._next()

    def _next(self) -> None:
        if self._is_running or not self._waiting:
            return
        self._is_running = True
        program = cast(str, self._program)
        # behind -- nothing is an option; the text may have markup, so that its own characters are escaped
        arguments = [program, "--app-name=homeftp", "--", *self._waiting.popleft()]
        protocol: Any = _Notification(IReactorTime(self._reactor), self._ended)
        try:
            IReactorProcess(self._reactor).spawnProcess(
                protocol, program, [os.fsencode(each) for each in arguments], env=None
            )
        except OSError:
            self._ended()

    def _ended(self) -> None:
        self._is_running = False
        IReactorTime(self._reactor).callLater(0, self._next)


class _Notification(ProcessProtocol):
    """The program that shows one message."""

    transport: IProcessTransport

    def __init__(self, clock: IReactorTime, ended: Any) -> None:
        self._clock = clock
        self._on_end = ended

    def connectionMade(self) -> None:
        self._killing = self._clock.callLater(END_SECONDS, self.transport.signalProcess, "KILL")
        self.transport.closeStdin()

    def processEnded(self, reason: Failure) -> None:
        if self._killing.active():
            self._killing.cancel()
        self._on_end()


def _shown(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= MOST_CHARACTERS else f"{shown[: MOST_CHARACTERS - 1]}…"
