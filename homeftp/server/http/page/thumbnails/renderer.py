"""Processes that draw thumbnails: a few at once, in turn for each account, ended when they hang or have nothing to do.

What they do with a picture is in `drawing`. Here are its way there and back, and its turn.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost, ProcessDone
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.errors import Busy, ShuttingDown
from homeftp.interfaces import IPayload
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.http.page.thumbnails import drawing
from homeftp.workers.fairqueue import FairQueue, Lane

MOST_PROCESSES = 2
"""Thumbnails that are drawn at once, at most: one for each account, and one processor is left for transfers."""

MOST_WAITING = 64
"""Thumbnails of one account that wait, at most: each holds a connection, and an account has fewer."""

IDLE_SECONDS = 60.0
"""How long a process is kept that has nothing to do; it holds 40 MiB."""

HUNG_SECONDS = 3.0 * drawing.SECONDS
"""When a process is killed that has not answered: it gives each picture `drawing.SECONDS`, from when it has arrived."""


def is_available() -> bool:
    """Whether the extra is installed: `homeftp[thumbnails]`."""
    return find_spec("PIL") is not None


class DrawingProcess(ProcessProtocol):
    """One process, which draws one picture at a time. `ended` is called when no more can be asked of it."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, ended: Callable[[DrawingProcess], None]) -> None:
        self._clock = clock
        self._ended = ended
        self._received = bytearray()
        self._answer: Deferred[bytes] | None = None
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The process was started; nothing is known of it but its pipes."""
        self._output = OutputBuffer(
            self.transport,  # type: ignore[arg-type]
            paused=lambda: None,
            resumed=lambda: None,
            failed=lambda failure: self.kill(),
        )
        self._output.attach()
        self._wait(IDLE_SECONDS, self.close)

    @property
    def _process(self) -> IProcessTransport:
        transport: IProcessTransport = self.transport  # type: ignore[assignment]
        return transport

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        if not self._output.lost:
            self._timer = self._clock.callLater(seconds, then)

    def _stop_waiting(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    async def draw(self, picture: IPayload | bytes) -> bytes:
        """The thumbnail of a picture; b"" where it has none, also where the process did not survive it.

        Raises what reading the picture raises; the process, which has half of it, is killed then.
        """
        answer = self._answer = Deferred()
        self._wait(HUNG_SECONDS, self.kill)
        try:
            if isinstance(picture, bytes):
                await self._output.send(drawing.SIZE.pack(len(picture)) + picture)
            else:
                await self._output.send(drawing.SIZE.pack(picture.size))
                while piece := await picture.read():
                    await self._output.send(piece)
                    self._wait(HUNG_SECONDS, self.kill)
        except ConnectionLost:
            return b""
        except BaseException:
            self.kill()
            raise
        thumbnail = await answer
        self._answer = None
        self._wait(IDLE_SECONDS, self.close)
        return thumbnail

    def outReceived(self, data: bytes) -> None:
        """A part of an answer. A process that says more than it was asked is killed."""
        self._received += data
        end = drawing.SIZE.size
        if len(self._received) < end:
            return
        end += drawing.SIZE.unpack(self._received[: drawing.SIZE.size])[0]
        if self._answer is None or self._answer.called or not len(self._received) <= end <= _MOST_ANSWER:
            self.kill()
        elif len(self._received) == end:
            thumbnail = bytes(self._received[drawing.SIZE.size :])
            self._received.clear()
            self._answer.callback(thumbnail)

    def errReceived(self, data: bytes) -> None:
        """Log the output of Python when it ends, such as why it could not begin."""
        self._log.warn("the process that draws thumbnails says: {said}", said=data.decode("utf-8", "replace"))

    def close(self) -> None:
        """End it: nothing is asked of it, and nothing will be."""
        self._ended(self)
        self._output.detach()
        self._wait(HUNG_SECONDS, self.kill)
        self._process.closeStdin()

    def kill(self) -> None:
        """Kill the process at once."""
        self._ended(self)
        if self._process.pid is not None:
            self._process.signalProcess("KILL")

    def processEnded(self, reason: Failure) -> None:
        """Answer what the process was asked, now that it has ended, with nothing."""
        self._stop_waiting()
        if not reason.check(ProcessDone):
            self._log.info("a process that draws thumbnails has ended: {why}", why=reason.getErrorMessage())
        self._output.stopProducing()
        self._ended(self)
        if self._answer is not None and not self._answer.called:
            self._answer.callback(b"")


_MOST_ANSWER = drawing.SIZE.size + drawing.MAX_THUMBNAIL


class ThumbnailRenderer:
    """Draws thumbnails of the pictures of all accounts."""

    def __init__(self, clock: IReactorTime, processes: Callable[[], IReactorProcess]) -> None:
        """`processes` gives the reactor that starts them, when the first is needed."""
        self._clock = clock
        self._processes = processes
        self._turns: FairQueue[Deferred[None]] = FairQueue(threads=MOST_PROCESSES, hashing=0)
        self._idle: list[DrawingProcess] = []
        self._all: set[DrawingProcess] = set()
        self._closed = False

    async def draw(self, account: str, picture: IPayload | bytes) -> bytes:
        """The thumbnail of a picture, when it is the account's turn; b"" where it has none.

        Raises `Busy` (51) where too many wait already, `ShuttingDown` (54), and what reading the picture raises.
        """
        if self._turns.waiting(account) >= MOST_WAITING:
            raise Busy("too many thumbnails are asked for at once")
        turn: Deferred[None] = Deferred()
        self._turns.put(account, Lane.SHORT, turn)
        self._go_on()
        await turn
        try:
            return await self._draw_now(picture)
        finally:
            self._turns.done(account, Lane.SHORT)
            self._go_on()

    async def _draw_now(self, picture: IPayload | bytes) -> bytes:
        if not self._closed:
            process = self._idle.pop() if self._idle else self._start()
            thumbnail = await process.draw(picture)
            if process in self._all:
                self._idle.append(process)
        if self._closed:
            raise ShuttingDown("the server is shutting down")
        return thumbnail

    def _go_on(self) -> None:
        while (taken := self._turns.take()) is not None:
            taken[2].callback(None)

    def _start(self) -> DrawingProcess:
        process = DrawingProcess(self._clock, self._forget)
        self._all.add(process)
        # -I: neither the folder of the server, nor its environment, nor its user's packages are looked at.
        command = [sys.executable, "-I", drawing.__file__]
        self._processes().spawnProcess(process, sys.executable, command, env={}, path="/")
        return process

    def _forget(self, process: DrawingProcess) -> None:
        self._all.discard(process)
        if process in self._idle:
            self._idle.remove(process)

    def close(self) -> None:
        """End all processes at once; nothing is drawn any more."""
        self._closed = True
        for process in list(self._all):
            process.kill()
