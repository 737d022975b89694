"""A server's connection for tests: the real protocol, session and dispatchers, without a socket or a thread.

Its transport has no TLS; `homeftp.testing.InMemoryPair` and tests/system/test_attacks.py use the real one.
"""

from __future__ import annotations

import copy
import functools
import os
import shutil
import socket
from typing import Any, Sequence

import attrs
from msgspec import structs
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from homeftp.accounts.access import WHOLE_STORE, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device
from homeftp.accounts.login import Login
from homeftp.accounts.realm import Account
from homeftp.audit.log import Audit
from homeftp.config import Limits, Settings
from homeftp.crypto.ca import Identity
from homeftp.crypto.tls import server_options
from homeftp.dispatchers.cmp import CmpDispatcher
from homeftp.dispatchers.get import GetDispatcher
from homeftp.dispatchers.push import PushDispatcher
from homeftp.files.watches.hub import ChangeHub
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IDispatcher, IWorkers, StoreOptions
from homeftp.model import Change
from homeftp.server.gate.context import ServerContext
from homeftp.server.gate.listen import RenewableOptions
from homeftp.server.json.context import JsonContext
from homeftp.server.json.protocol import ServerProtocol
from homeftp.store.local.store import LocalStore
from homeftp.testing.pair import InMemoryServer, open_tls_options
from homeftp.wire.codec import decode_response, encode_request
from homeftp.wire.messages import Response
from tests.support.accountstate import copy_state
from tests.support.folders import quick_temp_dir

PASSWORD = "correct horse"
SESSION_SECRET = bytes(range(32))


class _Handle:
    """What an OpenSSL connection says of ALPN when none was offered."""

    def get_alpn_proto_negotiated(self) -> bytes:
        return b""

    def get_peer_certificate(self, as_cryptography: bool) -> None:
        return None

    def export_keying_material(self, label: bytes, size: int) -> bytes:
        return SESSION_SECRET[:size]


@functools.lru_cache(maxsize=4)
def _options(identity: Identity) -> RenewableOptions[Identity]:
    """The TLS options of a server with this identity: one object for all its connections, as in a server."""
    options: RenewableOptions[Identity] = RenewableOptions("1.3", server_options)
    options.renew(identity)
    return options


@functools.lru_cache(maxsize=1)
def _new_state() -> str:
    """A state folder without accounts, with the certificates that all servers of this process have: to copy."""
    folder = quick_temp_dir()
    copy_state(folder)
    _tls_options(folder, Settings(root=folder, state=folder).tls_minimum)
    return folder


_tls_options = functools.lru_cache(maxsize=4)(open_tls_options)


class FakeTransport(StringTransport):
    """Records what is asked of a transport."""

    aborted = False
    tls: object = None
    socket: socket.socket | None = None
    """For what is asked of the system; nothing is sent through it."""

    def startTLS(self, options: object) -> None:
        self.tls = options

    def getHandle(self) -> _Handle:
        return _Handle()

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


@attrs.define
class Server:
    """One store with its dispatchers, for as many connections as a test makes."""

    folder: str
    store: LocalStore
    cache: HashCache
    made: InMemoryServer
    state: AccountDatabase
    audit: Audit
    portal: Portal
    services: ServerContext
    json: JsonContext
    hub: ChangeHub
    clock: Clock

    @classmethod
    def make(
        cls,
        *,
        limits: Limits | None = None,
        filetypes: tuple[str, ...] = (),
        workers: IWorkers | None = None,
        extra: Sequence[IDispatcher] = (),
        own_accounts: bool = False,
    ) -> Server:
        """A server with one account, ann; `own_accounts`: whether removing it from the database ends its logins."""
        folder = quick_temp_dir()
        shutil.copytree(_new_state(), folder, dirs_exist_ok=True)
        root = os.path.join(folder, "root")
        os.mkdir(root)
        limits = limits or Limits()
        cache = HashCache(os.path.join(folder, "index.sqlite"))
        audit = Audit(folder)
        hub = ChangeHub(limits=limits)

        def record(changes: Sequence[Change]) -> None:
            audit.changed(changes)
            hub.publish(changes)

        options = StoreOptions(filetypes=filetypes, file_size=limits.file_size, record_changes=record)
        store = LocalStore(root, cache, options)
        checker = InMemoryUsernamePasswordDatabaseDontUse(ann=PASSWORD.encode())
        settings = Settings(root=root, state=folder, filetypes=filetypes, limits=limits)
        for_devices, for_web = _tls_options(_new_state(), settings.tls_minimum)
        made = InMemoryServer.make(
            lambda: store,
            folder,
            [checker],
            [GetDispatcher(), CmpDispatcher(), PushDispatcher(), *extra],
            settings=settings,
            audit=audit,
            workers=workers,
            hub=hub,
            own_accounts=own_accounts,
            tls_options=(copy.copy(for_devices), copy.copy(for_web)),  # one of them may be renewed
        )
        return cls(
            folder,
            store,
            cache,
            made,
            made.state,
            audit,
            made.services.portal,
            made.context,
            made.json,
            hub,
            made.clock,
        )

    def protocol(self, *, immediate_tls: bool = False, identity: Identity | None = None) -> ServerProtocol:
        """The server's end of a new connection; `identity` are the certificates it shows, if not the server's own."""
        context = self.json
        if identity is not None:
            server = attrs.evolve(self.services, tls=_options(identity))
            parts = structs.replace(context.parts, identity=lambda: identity)
            context = attrs.evolve(context, server=server, parts=parts)
        made = ServerProtocol(context, "192.0.2.1:5", immediate_tls=immediate_tls)
        self.services.connections.add(made, None)
        return made

    def login(self, account: Account, device: Device | None = None) -> Login:
        """A login of that account, without its checks."""
        login = Login(self.services.logins, attrs.evolve(account, device=device), "192.0.2.1")
        self.services.logins.opened(login)
        return login

    @property
    def root(self) -> str:
        """The folder that is shared."""
        return os.path.join(self.folder, "root")

    def account(self, name: str) -> Account:
        """An account, as the portal gives it."""
        return Account(name, self.store, AccessTable(self.state).find(name) or WHOLE_STORE)

    def put(self, endpoint: str, content: bytes) -> str:
        """Write a file to the store, behind the server's back; gives its path."""
        path = os.path.join(self.root, *endpoint.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def read(self, endpoint: str) -> bytes:
        """What stands at an endpoint, by the disk."""
        with open(os.path.join(self.root, *endpoint.split("/")), "rb") as file:
            return file.read()

    def close(self) -> None:
        """Close what is open, and remove the folder."""
        self.store.close()
        self.cache.close()
        self.audit.close()
        self.state.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Connection:
    """A client's end: what it sends, and what it has got."""

    def __init__(self, server: Server, *, tls: bool = True, login: bool = True) -> None:
        self.transport = FakeTransport()
        self._server = server
        self.protocol = server.protocol(immediate_tls=tls)
        self.protocol.makeConnection(self.transport)
        self._unread = b""
        if tls:
            self.protocol.handshakeCompleted()
        if tls and login:
            assert self.ask("LOGIN", {"username": "ann", "password": PASSWORD}).status == 0

    @property
    def ended(self) -> bool:
        """Whether the server has forgotten the connection."""
        return self.protocol not in self._server.services.connections

    def enter(self, account: Account, device: Device | None = None) -> None:
        """Log in as that account, without the login's checks."""
        self.protocol.session.authenticator.enter(self._server.login(account, device))

    def send(self, request_type: str, body: dict[str, Any] | None = None, payload: bytes = b"", id: Any = None) -> None:
        """One request."""
        line = encode_request(request_type, body, id=id, content_length=len(payload))
        self.protocol.dataReceived(line + b"\n" + payload)

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.protocol.dataReceived(data)

    def answers(self) -> list[tuple[Response, bytes]]:
        """Every whole response since the last time, each with its payload."""
        self._unread += self.transport.value()
        self.transport.clear()
        answers = []
        while b"\n" in self._unread:
            line, _, rest = self._unread.partition(b"\n")
            response = decode_response(line)
            if len(rest) < response.content_length:
                break
            answers.append((response, rest[: response.content_length]))
            self._unread = rest[response.content_length :]
        return answers

    def responses(self) -> list[Response]:
        """Every whole response since the last time."""
        return [response for response, _ in self.answers()]

    def ask(self, request_type: str, body: dict[str, Any] | None = None, payload: bytes = b"") -> Response:
        """The one response to one request."""
        self.send(request_type, body, payload)
        [response] = self.responses()
        return response
