"""The server's end of the control socket: answers its owner's commands, each in one line. control/ask.py is the other.

What it can answer is up to who makes the service: a table of commands. Nothing here changes accounts or devices: the
commands do that in the database, which works without a running server too.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any, Awaitable, Callable, Mapping

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IReactorSocket, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.internet.unix import Server as UNIXServer
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from homeftp.control import runtime
from homeftp.errors import OperatorError, Refusal
from homeftp.server.gate.timeouts import Deadline

MOST = 8
"""Connections at once: an owner has one or two."""

SECONDS = 120.0
"""How long one connection may last: longer than a client waits for the longest answer."""

Command = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Gets the request, and gives what the answer has beside `ok`. May raise `OperatorError` and refusals."""


class ControlProtocol(LineOnlyReceiver):
    """One connection: one request, one answer."""

    transport: UNIXServer
    delimiter = b"\n"
    MAX_LENGTH = runtime.MAX_REQUEST
    _log = Logger()

    def __init__(self, control: ControlService, clock: IReactorTime) -> None:
        self._control = control
        self._asked = False
        self._deadline = Deadline(clock, SECONDS, lambda: self.transport.abortConnection())

    def connectionMade(self) -> None:
        """Ask the kernel who is there: only the server's own user and root may ask anything."""
        if not runtime.may_control(runtime.peer_uid(self.transport.getHandle())) or not self._control.may_connect(self):
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The owner's command has ended."""
        self._deadline.cancel()
        self._control.connections.discard(self)

    def lineReceived(self, line: bytes) -> None:
        """The request. Whatever comes behind it is ignored."""
        if not self._asked and self in self._control.connections:
            self._asked = True
            Deferred.fromCoroutine(self._control.answer(line)).addCallback(self._send)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse the line, which is longer than a request may be."""
        self._send({"ok": False, "error": f"a request has at most {runtime.MAX_REQUEST} bytes"})

    def _send(self, answer: Mapping[str, Any]) -> None:
        if self in self._control.connections:
            self.transport.write(json.dumps(answer).encode("ascii") + b"\n")
            self.transport.loseConnection()


class _ControlFactory(ServerFactory):
    """Makes the protocol of each connection."""

    noisy = False

    def __init__(self, control: ControlService, clock: IReactorTime) -> None:
        self._control = control
        self._clock = clock

    def buildProtocol(self, addr: object) -> ControlProtocol:
        """A new connection."""
        return ControlProtocol(self._control, self._clock)


class ControlService(Service):
    """Listens in the runtime folder and answers `commands`. A server that cannot listen there runs without."""

    _log = Logger()

    def __init__(
        self, reactor: IReactorTime, commands: Mapping[str, Command], environ: Mapping[str, str] = os.environ
    ) -> None:
        self._reactor = reactor
        self._commands = commands
        self._environ = environ
        self._port: IListeningPort | None = None
        self.path: str | None = None
        """The socket, while the service runs."""
        self.connections: set[ControlProtocol] = set()

    def startService(self) -> None:
        """Listen. A failure is logged: everything else works without."""
        super().startService()
        try:
            listening, self.path = runtime.listen(self._environ)
        except OperatorError as error:
            self._log.warn("owner's commands will not find this server: {error}", error=error)
            return
        factory = _ControlFactory(self, self._reactor)
        listening.setblocking(False)
        self._port = IReactorSocket(self._reactor).adoptStreamPort(listening.fileno(), socket.AF_UNIX, factory)
        listening.close()
        runtime.make_private(self.path)

    def stopService(self) -> Deferred[None]:
        """Stop listening, and end the connections."""
        super().stopService()
        port, self._port = self._port, None
        self.path = None
        for connection in list(self.connections):
            connection.transport.abortConnection()
        stopping = None if port is None else port.stopListening()
        # the port removes its socket, unless somebody else has done so
        return succeed(None) if stopping is None else stopping.addErrback(lambda failed: failed.trap(OSError) and None)

    def may_connect(self, connection: ControlProtocol) -> bool:
        """Whether one more connection may ask; it counts from now on."""
        if len(self.connections) >= MOST:
            return False
        self.connections.add(connection)
        return True

    async def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one request; never raises."""
        try:
            request = json.loads(line)
            command = self._commands.get(request["command"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"ok": False, "error": 'a request is a line of JSON with a "command"'}
        if command is None:
            return {"ok": False, "error": "this server does not know the command: it may be older than homeftp here"}
        try:
            return {**await command(request), "ok": True}
        except OperatorError as error:
            return {"ok": False, "error": str(error)}
        except Refusal as refusal:
            return {"ok": False, "error": refusal.message}
        except Exception:  # noqa: BLE001 (a fault of one command must not end the server)
            self._log.failure("a command of the owner failed")
            return {"ok": False, "error": "internal error; see the server log"}
