"""The interfaces between the server and its front ends: logins, connections, and what a front end gets.

A front end implements `IFrontEnd` and, for each of its connections,
`IConnection`; the server provides the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Awaitable, Callable, Iterable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IReactorTime
from zope.interface import Attribute, Interface

from homeftp.config import Limits
from homeftp.endpoint import Endpoint
from homeftp.history.writer import Writer
from homeftp.interfaces.files import IFiles, IIncomingPayload
from homeftp.interfaces.links import IShareLinks
from homeftp.interfaces.store import IStore
from homeftp.interfaces.traffic import ITraffic
from homeftp.interfaces.workers import IWorkers
from homeftp.model import Actor

if TYPE_CHECKING:  # these take a while to import, and clients do not use them
    from twisted.application.service import IService
    from twisted.cred.credentials import ICredentials


HTTPS = "https"
"""The name of the front end that browsers use, in audit records too."""


class IAccount(Interface):
    """An account that is logged in: the avatar of the portal."""

    name: str = Attribute("The account's name, for people and logs.")
    rights: frozenset[str] = Attribute("What it may do at all: some of read, add, replace and delete.")
    store: IStore = Attribute("The part of the store that the account may use.")


class IConnection(Interface):
    """One connection of a client, of any front end. Hashable; each is equal to itself only."""

    def stop() -> None:
        """The server stops: answer what is in progress, then close."""

    def abort() -> None:
        """The server cannot wait any longer: close at once; the log may name what was not finished."""

    def disconnect() -> None:
        """Access was revoked: close at once, and keep nothing of what is in progress."""


class IConnections(Interface):
    """The connections of all front ends together, counted against the limits of `config.Limits`."""

    def full(address: str | None) -> str | None:
        """Why no connection from `address` can be accepted; None when one can. A local socket has no address.

        Where too many have not logged in, one can be accepted in the place of another of them.
        """

    def add(connection: IConnection, address: str | None) -> None:
        """A connection was accepted; it counts as unauthenticated, and is aborted after `login_seconds`.

        Where too many have not logged in, another of them is aborted. May be called twice.
        """

    def authenticated(connection: IConnection, account: str) -> None:
        """A connection's client has logged in to this account. May be called for each login.

        Where the account has too many connections, its oldest one is aborted.
        """

    def logged_out(connection: IConnection) -> None:
        """A connection's login has ended, and another may follow: it counts as unauthenticated again, as `add` says."""

    def remove(connection: IConnection) -> None:
        """The connection has ended. May be called twice."""


class ILogin(Interface):
    """One account, logged in from one address. A front end keeps it as long as the client may use it."""

    account: str = Attribute("The account's name.")
    device: str | None = Attribute("The name of the device that logged in; None after the account's own password.")
    group: str = Attribute("What its connections count as: the account, or a share link, whose are not the account's.")
    device_id: str | None = Attribute("The id of that device, which never changes.")
    rights: frozenset[str] = Attribute("What the account may do outside the folders with narrower rights.")
    view: str | None = Attribute("A digest that changes where the account may read other folders; None: not known.")
    home: Endpoint = Attribute("The endpoint in the store at which the account's endpoints begin, for audit records.")
    links: IShareLinks | None = Attribute("Share links of the account; None for a login that may have none.")
    revoked: bool = Attribute("Whether access was found to be revoked. Costs nothing to read.")
    closed: bool = Attribute("Whether it was closed: `revoked` is not set any more, and `is_valid` must be asked.")

    def rights_at(endpoint: Endpoint) -> frozenset[str]:
        """The rights of the account at an endpoint: some of read, add, replace and delete. Costs nothing."""

    def rights_in_all_of(endpoint: Endpoint) -> frozenset[str]:
        """The rights that the account has at an endpoint and everywhere beneath it. Costs nothing."""

    def actor(request: str | None = None) -> Actor:
        """The actor for audit records of this request."""

    def is_valid() -> bool:
        """Whether the login is still valid, by what the database says now. Blocks; raises `OperatorError`."""

    def was_granted() -> bool:
        """Whether a job has found it valid within `GRANTED_SECONDS`. Costs little, and does not block."""

    def look_up() -> Awaitable[bool]:
        """`is_valid`, in a job: none is needed where a job has found it valid within `GRANTED_SECONDS`.

        Raises `Internal` (50) where that cannot be found out.
        """

    def files(request: str, *, record_refusals: bool = ...) -> IFiles:
        """The files of the account; changes are recorded as made by this request, and refused once it is revoked.

        Changes that are refused are recorded too. A front end that records its
        refused requests itself, also those that it does not understand, passes
        `record_refusals=False`; the default is True. Refusals among the results
        of `IFiles.write_batch` are recorded anyway: they are not raised.
        """

    def find_writer(endpoint: Endpoint, content_hash: str) -> Awaitable[Writer | None]:
        """The writer of a file of the account, that has this content now; None where that is not known, or not told.

        An account is told of itself, and of others only if it may read all of the store.
        """

    def add_connection(connection: IConnection) -> None:
        """Let `disconnect` reach this connection, from now until `remove_connection`.

        If the login was revoked or closed in the meantime, it is disconnected at once.
        """

    def remove_connection(connection: IConnection) -> None:
        """The connection has ended."""

    def disconnect() -> None:
        """Access was revoked: mark the login as revoked and end its connections at once."""

    def close() -> None:
        """Log out. May be called twice."""


class ILoginService(Interface):
    """Turns credentials into logins, the same way for every front end: throttled, and recorded in the audit log."""

    def login(credentials: ICredentials, address: str, front_end: str | None) -> Deferred[ILogin]:
        """Log in from `address` through the front end of that name, which is in the audit record.

        None is for the server's own protocol: records of its logins name no front end.

        Fails with `LoginFailed` (32) for wrong credentials, `Busy` (51) after
        too many wrong ones from there or when too many wait to be checked, and
        `Internal` (50) where the audit log cannot be written.
        """


class IServerContext(Interface):
    """The server, as a front end sees it. Its members can be used from the server's start to its stop.

    homeftp's own front ends get what only they need when they are made, besides this.
    """

    reactor: IReactorTime = Attribute("The reactor; in tests a clock.")
    limits: Limits = Attribute("What one client may cost.")
    tls: IOpenSSLServerConnectionCreator = Attribute("The server's side of TLS. Certificates may be renewed.")
    web_tls: IOpenSSLServerConnectionCreator = Attribute(
        "For an `IWebFrontEnd`, by HTTP/1.1: it asks for no client certificate."
    )
    connections: IConnections = Attribute("Counts the connections of all front ends.")
    logins: ILoginService = Attribute("Logs clients in.")
    workers: IWorkers = Attribute("The pool for everything that blocks.")

    def begin_request(account: str, begin: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Call `begin()` when it is the turn of a request among those of its account, by all front ends.

        What `begin` returns fires when the request has ended, and so does the result. At most
        `limits.account_in_flight` requests of an account run at once.
        """

    def payload(size: int, changed: Callable[[], None]) -> IIncomingPayload:
        """A payload of `size` bytes that arrives piece by piece.

        The more payloads are under way in the whole server, the less is held of each. `changed` is called when it
        becomes full, and whenever it has been read: pause the transport while it is `full`.
        """

    def traffic(front_end: str, types: Iterable[str]) -> ITraffic:
        """Counts what the front end of that name does, whose requests have these types, for the owner's metrics."""


class IFrontEnd(Interface):
    """A protocol that the server speaks."""

    name: str = Attribute("Its name in audit records and logs: lower-case letters.")

    def service(context: IServerContext) -> IService:
        """The service that listens and speaks the protocol, made before the server starts.

        Its `privilegedStartService` binds ports; connections come only after
        `startService`. When it has stopped listening, the server stops the
        connections that it has added to `context.connections`.
        """


class IFrontEndFactory(Interface):
    """Makes the front end of that name: a plugin, an object in a module of `homeftp.plugins`."""

    name: str = Attribute("The name of the front end: lower-case letters and digits.")

    def front_end(listen: Sequence[str]) -> IFrontEnd:
        """The front end that listens on these endpoints, in Twisted's descriptions.

        Called when the server is set up, while a person still sees its output. Raises `OperatorError`, one line that
        says what is wrong and what to do.
        """


class IWebFrontEnd(IFrontEnd):
    """The front end that browsers use."""

    def origin() -> str | None:
        """The front end's address, such as `https://nas.local:8443`, once it listens; None: it has none."""


class IShownFrontEnd(Interface):
    """A front end that tells the owner how clients reach it. Optional besides `IFrontEnd`."""

    def lines() -> Sequence[str]:
        """The lines that are printed once the server listens: the exact URL, or the command, for each listener."""
