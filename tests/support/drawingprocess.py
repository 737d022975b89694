"""Processes that draw thumbnails, as a test plays them: what they are sent, and what they are made to answer."""

from __future__ import annotations

from typing import Any, Sequence

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IReactorProcess
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.server.http.page.thumbnails import drawing


class PlayedProcess:
    """The transport of one process."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.pid: int | None = 1
        self.sent = b""
        self.signals: list[str] = []
        self.producer: Any = None

    def write(self, data: bytes) -> None:
        self.sent += data

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def closeStdin(self) -> None:
        self.end()

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)
        self.end()

    def answer(self, thumbnail: bytes) -> None:
        """The process answers."""
        self.protocol.outReceived(drawing.SIZE.pack(len(thumbnail)) + thumbnail)

    def end(self) -> None:
        """The process ends."""
        if self.pid is not None:
            self.pid = None
            self.protocol.processEnded(Failure(ProcessTerminated(signal=9) if self.signals else ProcessDone(0)))


@implementer(IReactorProcess)
class PlayedProcesses:
    """Starts them."""

    def __init__(self) -> None:
        self.started: list[PlayedProcess] = []
        self.commands: list[Sequence[str]] = []

    def spawnProcess(  # type: ignore[override]
        self, processProtocol: Any, executable: Any, args: Any = (), **given: Any
    ) -> Any:
        """Start one."""
        self.commands.append(args)
        process = PlayedProcess(processProtocol)
        self.started.append(process)
        processProtocol.makeConnection(process)
        return process
