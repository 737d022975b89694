"""A client and a server in one process: the real protocol and real TLS, without sockets and threads.

    with InMemoryPair(dispatchers=[WordCount()]) as pair:
        pair.run(pair.client.push("notes/a.txt", b"two words"))
        answer = pair.run(pair.client.request("WORDCOUNT", {"rel_endpoint": "notes/a.txt"}).last())
        assert answer.body == {"words": 2}

Everything that the client's API can do works here as it does over a network;
time passes only where a test calls `advance`.
"""

from __future__ import annotations

import tempfile
from typing import Any, Awaitable, Callable, Sequence, TypeVar

import attrs
from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.passwords import Cost
from homeftp.accounts.throttle import OwnGuesses, Throttle
from homeftp.audit.log import Audit
from homeftp.client.api import Client
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.config import ClientTimeouts, Limits, Settings
from homeftp.crypto import tls
from homeftp.crypto.ca import Identity, open_identity
from homeftp.crypto.webcert import ServedCertificate, host_names, open_web_certificate
from homeftp.dispatchers.builtin import BUILT_IN
from homeftp.dispatchers.table import Table
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.watches.hub import ChangeHub
from homeftp.host import now
from homeftp.interfaces import IDispatcher, IStore, IWorkers, StoreOptions
from homeftp.server.gate.connections import Connections
from homeftp.server.gate.context import ServerContext
from homeftp.server.gate.listen import RenewableOptions
from homeftp.server.gate.renewals import Renewals
from homeftp.server.json.context import JsonContext, JsonParts
from homeftp.server.json.protocol import ServerProtocol
from homeftp.server.logins import LoginServices, compose_logins
from homeftp.server.wiring import WEB_TLS_MINIMUM
from homeftp.store.memory import MemoryStore
from homeftp.testing.memorylink import MemoryLink
from homeftp.workers import InlineWorkers

T = TypeVar("T")

WEB_ORIGIN = "https://nas.example:8443"
"""The address of a web front end that the server believes to have."""

CHEAP = Cost(n=2, r=1, p=1)
"""The cost of the passwords of share links."""


TLSOptions = tuple[RenewableOptions[Identity], RenewableOptions[ServedCertificate]]
"""TLS options of a server: for devices, and for the web."""


def open_tls_options(state_dir: str, minimum: str) -> TLSOptions:
    """Make the options of the keys in a state folder, and keys where there are none."""
    options = RenewableOptions(minimum, tls.server_options)
    web_options = RenewableOptions(WEB_TLS_MINIMUM, tls.web_options)
    options.renew(open_identity(state_dir, now=now))
    web_options.renew(open_web_certificate(state_dir, host_names("nas", ()), now=now))
    return options, web_options


@attrs.frozen(kw_only=True)
class InMemoryServer:
    """The parts of a server that tests look at; `make` composes one, with a clock in place of a reactor."""

    state: AccountDatabase
    audit: Audit
    services: LoginServices
    context: ServerContext
    json: JsonContext
    clock: Clock

    @classmethod
    def make(
        cls,
        store: Callable[[], IStore],
        state_dir: str,
        checkers: Sequence[ICredentialsChecker],
        dispatchers: Sequence[IDispatcher],
        *,
        settings: Settings,
        audit: Audit,
        workers: IWorkers | None = None,
        hub: ChangeHub | None = None,
        own_accounts: bool = False,
        tls_options: TLSOptions | None = None,
    ) -> InMemoryServer:
        """A server of this store; its keys, accounts and audit log are in `state_dir`. The store tells `hub`.

        `tls_options` are those that `open_tls_options` makes of that folder or of one with the same keys.
        """
        hub = ChangeHub() if hub is None else hub
        workers = workers or InlineWorkers()
        limits, clock = settings.limits, Clock()
        state = AccountDatabase(state_dir)
        options, web_options = tls_options or open_tls_options(state_dir, settings.tls_minimum)
        budget = MemoryBudget()
        services = compose_logins(
            settings,
            state,
            audit,
            clock,
            store=store,
            files=FilesFactory(workers, budget, hub=hub),
            checkers=checkers,
            own_accounts=own_accounts,
            guesses=lambda kind, times: OwnGuesses(
                Throttle(clock, most=times * limits.guesses, seconds=limits.guess_seconds)
            ),
            workers=workers,
            login_workers=workers,
            hashing=workers,
            origin=lambda: WEB_ORIGIN,
            host="nas",
            cost=CHEAP,
            monotonic=clock.seconds,
        )
        context = ServerContext(
            reactor=clock,
            limits=limits,
            tls=options,
            web_tls=web_options,
            connections=Connections(limits, clock),
            logins=services.logins,
            workers=workers,
            budget=budget,
        )
        parts = JsonParts(
            identity=lambda: options.identity,
            pairings=services.pairings,
            renewals=Renewals(clock),
            device_activity=services.device_activity,
            audit=services.audit,
            refusals=services.refusals,
            budget=budget,
            filetypes=settings.filetypes,
            store_id=lambda: "in memory",
        )
        return cls(
            state=state,
            audit=audit,
            services=services,
            context=context,
            json=JsonContext(server=context, parts=parts, table=Table(dispatchers)),
            clock=clock,
        )


class InMemoryPair:
    """A client that is logged in to a server of `store`, which has the built-in request types and `dispatchers`.

    Use it in a `with` statement, or call `close`.
    """

    def __init__(
        self,
        store: IStore | None = None,
        dispatchers: Sequence[IDispatcher] = (),
        *,
        limits: Limits | None = None,
        account: str = "tester",
    ) -> None:
        hub = ChangeHub(limits=limits or Limits())
        self.store = MemoryStore(StoreOptions(record_changes=hub.publish)) if store is None else store
        """The server's store, which stays open when the pair is closed."""
        self._folder = tempfile.TemporaryDirectory(prefix="homeftp-pair-")
        state_dir = self._folder.name
        self._login = (account, "in-memory")
        checker = InMemoryUsernamePasswordDatabaseDontUse(**{account: self._login[1].encode()})
        self._server = InMemoryServer.make(
            lambda: self.store,
            state_dir,
            [checker],
            [*(make() for make in BUILT_IN.values()), *dispatchers],
            settings=Settings(root=state_dir, state=state_dir, limits=limits or Limits()),
            audit=Audit(state_dir),
            hub=hub,
        )
        self.clock = self._server.clock
        """The time of both ends."""
        self._links: list[MemoryLink] = []
        self.client = self.connect()
        """The client's API."""

    def __enter__(self) -> InMemoryPair:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> Client:
        """Another client, on a connection of its own, logged in to the same account."""
        context = self._server.json
        identity = context.parts.identity()
        options = tls.client_options(identity.ca_pem)
        protocol = ClientProtocol(options, self.clock, ClientTimeouts())
        server = ServerProtocol(context, "192.0.2.1:5", immediate_tls=False)
        context.server.connections.add(server, None)
        self._links.append(MemoryLink(protocol, server, self.clock))
        client = Client(self.run(protocol.secured), fingerprint=identity.fingerprint)
        self.run(client.login(*self._login))
        return client

    def run(self, work: Awaitable[T]) -> T:
        """Wait for a coroutine or a Deferred; gives its result, or raises what it raises.

        Raises AssertionError where it waits for something that does not come, such as a timer.
        """
        results: list[Any] = []
        _deferred(work).addBoth(results.append)
        while not results and self._pump():
            pass
        assert results, "still waiting: for a timer, call `advance` with a Deferred that is not finished yet"
        result = results[0]
        if isinstance(result, Failure):
            result.raiseException()
        value: T = result
        return value

    def advance(self, seconds: float) -> None:
        """Let time pass at both ends, and deliver what is sent then."""
        self.clock.advance(seconds)
        self._pump()

    def _pump(self) -> bool:
        moved = [link.pump() for link in self._links]
        return any(moved)

    def close(self) -> None:
        """End all connections and remove the server's state. May be called twice."""
        links, self._links = self._links, []
        for link in links:
            link.cut()
        self._server.audit.close()
        self._server.state.close()
        self._folder.cleanup()


def _deferred(work: Awaitable[T]) -> Deferred[Any]:
    if isinstance(work, Deferred):
        return work

    async def wait() -> T:
        return await work

    return Deferred.fromCoroutine(wait())
