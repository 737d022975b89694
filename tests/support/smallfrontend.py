"""The smallest front end: read-only, one command a line, in plaintext, on loopback. It proves the seam, for tests only.

docs/plugins/examples/frontend/frontend_line.py is one to build on: it also answers what goes wrong.

LOGIN ann secret / LIST folder / GET folder/file
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import LoginRequired, Refusal
from homeftp.interfaces import IConnection, IFiles, IFrontEnd, ILogin, IServerContext
from homeftp.server.gate.listen import listening


@implementer(IConnection)
class SmallProtocol(LineReceiver):
    """One connection."""

    transport: Any
    delimiter = b"\n"
    login: ILogin | None = None

    def __init__(self, context: IServerContext, address: str) -> None:
        self.context, self.address = context, address
        context.connections.add(self, address)

    def lineReceived(self, line: bytes) -> None:
        Deferred.fromCoroutine(self.answer(*line.split(b" ")))

    async def answer(self, command: bytes, *words: bytes) -> None:
        try:
            if command == b"LOGIN":
                self.login = await self.context.logins.login(UsernamePassword(*words), self.address, "small")
                self.login.add_connection(self)
                self.context.connections.authenticated(self, self.login.account)
                self.sendLine(b"hello " + self.login.account.encode())
            elif self.login is None:
                raise LoginRequired("log in first")
            else:
                work = {b"LIST": self.list, b"GET": self.get}[command]
                self.sendLine(await work(self.login.files(command.decode()), parse(words[0].decode())))
        except Refusal as refusal:
            self.sendLine(f"{refusal.status:d} {refusal.message}".encode())

    async def list(self, files: IFiles, endpoint: Endpoint) -> bytes:
        return b" ".join([each.name.encode() async for page in files.list(endpoint) for each in page.entries])

    async def get(self, files: IFiles, endpoint: Endpoint) -> bytes:
        return await files.read(endpoint, 1000)

    def connectionLost(self, reason: Any = None) -> None:
        self.context.connections.remove(self)
        if self.login is not None:
            self.login.close()

    def stop(self) -> None:
        self.transport.loseConnection()

    def abort(self) -> None:
        self.transport.abortConnection()

    disconnect = abort


@implementer(IFrontEnd)
class SmallFrontEnd(Factory):
    """Listens on a free port of loopback."""

    name = "small"

    def service(self, context: IServerContext) -> IService:
        self.context = context
        self.listener = listening(context.reactor, "tcp:0:interface=127.0.0.1", self, context.workers)
        return self.listener

    def buildProtocol(self, addr: IAddress | None) -> SmallProtocol | None:
        host: str = getattr(addr, "host", "")
        return None if self.context.connections.full(host) else SmallProtocol(self.context, host)
