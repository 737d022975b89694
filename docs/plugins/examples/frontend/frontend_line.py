"""A read-only front end that a person can type: one command a line, one line back.

LOGIN ann secret / LIST folder / GET folder/file
"""

from typing import Any, Sequence

from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.errors import INTERNAL_ERROR, BadRequest, LoginRequired, OperatorError, Refusal
from homeftp.interfaces import IConnection, IFrontEnd, IFrontEndFactory, ILogin, IServerContext, IShownFrontEnd
from homeftp.server.gate.listen import ListeningService, listening

LARGEST = 64 * 1024
"""Bytes of a file that is sent as one line."""


@implementer(IConnection)
class LineProtocol(LineReceiver):
    """One connection."""

    transport: Any
    delimiter = b"\n"
    login: ILogin | None = None
    ended = False
    log = Logger()

    def __init__(self, context: IServerContext, address: str) -> None:
        self.context = context
        self.address = address

    def connectionMade(self) -> None:
        """Count the connection: it is aborted unless it logs in in time."""
        self.context.connections.add(self, self.address)

    def connectionLost(self, reason: object = None) -> None:
        """Stop counting it, and log out."""
        self.ended = True
        self.context.connections.remove(self)
        if self.login is not None:
            self.login.close()

    def lineReceived(self, line: bytes) -> None:
        """Answer one command, and read the next one when that is done."""
        self.pauseProducing()
        command, _, argument = line.strip().partition(b" ")
        Deferred.fromCoroutine(self.answer(command, argument))

    async def answer(self, command: bytes, argument: bytes) -> None:
        """Send the result, or the status and the message of a refusal."""
        try:
            self.sendLine(await self.result(command, argument))
        except Refusal as refusal:
            self.sendLine(f"{refusal.status:d} {refusal.message}".encode())
        except Exception:  # noqa: BLE001 (a fault must have an answer too)
            self.log.failure("a command failed")
            self.sendLine(b"50 " + INTERNAL_ERROR.encode())
        if not self.ended:
            self.resumeProducing()

    async def result(self, command: bytes, argument: bytes) -> bytes:
        """The result of a command. Raises a refusal."""
        if command == b"LOGIN":
            return await self.log_in(*argument.partition(b" ")[::2])
        if self.login is None:
            raise LoginRequired("log in first: LOGIN name password")
        try:
            endpoint = parse(argument.decode())
        except UnicodeDecodeError:
            raise BadRequest("endpoints are UTF-8") from None
        if command == b"LIST":
            pages = [page async for page in self.login.files("LIST").list(endpoint)]
            return " ".join(entry.name for page in pages for entry in page.entries).encode()
        if command == b"GET":
            return await self.login.files("GET").read(endpoint, LARGEST)
        raise BadRequest("the commands are LOGIN, LIST and GET")

    async def log_in(self, name: bytes, password: bytes) -> bytes:
        """Log in, once. A connection that has ended meanwhile needs no login."""
        if self.login is not None:
            raise BadRequest("logged in already")
        credentials = UsernamePassword(name, password)
        login = await self.context.logins.login(credentials, self.address, LineFrontEnd.name)
        if self.ended:
            login.close()
            raise BadRequest("the connection has ended")
        self.login = login
        self.context.connections.authenticated(self, login.account)
        login.add_connection(self)
        return b"hello " + login.account.encode()

    def stop(self) -> None:
        """The server stops."""
        self.transport.loseConnection()

    def abort(self) -> None:
        """The server cannot wait."""
        self.transport.abortConnection()

    def disconnect(self) -> None:
        """Access was revoked."""
        self.transport.abortConnection()


class LineFactory(Factory):
    """Makes the protocol of each connection, unless there are too many."""

    noisy = False

    def __init__(self, context: IServerContext) -> None:
        self.context = context

    def buildProtocol(self, addr: Any) -> LineProtocol | None:
        """None closes the connection."""
        if self.context.connections.full(addr.host) is not None:
            return None
        return LineProtocol(self.context, addr.host)


@implementer(IFrontEnd, IShownFrontEnd)
class LineFrontEnd:
    """Listens on one endpoint, in plaintext: for a local machine only."""

    name = "line"
    listener: ListeningService

    def __init__(self, description: str) -> None:
        self.description = description

    def service(self, context: IServerContext) -> ListeningService:
        """The service that listens."""
        self.listener = listening(context.reactor, self.description, LineFactory(context), context.workers)
        return self.listener

    def lines(self) -> Sequence[str]:
        """The command, for the owner."""
        address: Any = self.listener.address
        return [f"line       telnet {address.host} {address.port}"]


@implementer(IFrontEndFactory)
class LineFrontEndFactory:
    """Makes the front end for `homeftp serve --front-end line=ENDPOINT`."""

    name = LineFrontEnd.name

    def front_end(self, listen: Sequence[str]) -> LineFrontEnd:
        """The front end on its one endpoint."""
        if len(listen) > 1:
            raise OperatorError("--front-end line is given twice: it listens on one endpoint")
        return LineFrontEnd(listen[0])


factory = LineFrontEndFactory()
