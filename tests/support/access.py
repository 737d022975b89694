"""Accounts with homes and rights, and what a server in memory answers them."""

from __future__ import annotations

import os
from typing import Any

from homeftp.accounts.access import AccessTable
from homeftp.config import SMALL_FILE
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.restore import RestoreDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.dispatchers.move import MoveDispatcher
from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.dispatchers.watch import WatchDispatcher
from homeftp.endpoint import parse
from homeftp.interfaces import IAccount
from homeftp.store.policy.rights import parse_rights
from homeftp.wire.messages import Response
from tests.support.folders import QuickCase
from tests.support.inmemory import Connection, Server

LARGE = os.urandom(3 * SMALL_FILE)


class AccessCase(QuickCase):
    """A store with the homes of two accounts."""

    def setUp(self) -> None:
        extra = [DeleteDispatcher(), MoveDispatcher(), VersionsDispatcher(), RestoreDispatcher(), SetstatDispatcher()]
        self.server = Server.make(extra=[*extra, WatchDispatcher()])
        self.addCleanup(self.server.close)
        self.state = self.server.state
        self.accesses = AccessTable(self.state)
        for name in ("ann", "bob"):
            self.state.add_account(name, None)
            self.accesses.set_home(name, parse(f"people/{name}"))
        self.server.put("people/ann/notes/a.txt", b"ann's")
        self.server.put("people/ann/b.txt", b"ann's too")
        self.server.put("people/bob/notes/secret.txt", b"bob's")
        self.server.put("top.txt", b"nobody's")

    def enter(self, name: str, rights: str | None = None, **grants: str) -> Connection:
        """A connection of that account, with these rights."""
        if rights is not None:
            self.accesses.set_rights(name, parse_rights(rights))
        for path, narrower in grants.items():
            self.accesses.grant(name, parse(path), parse_rights(narrower))
        connection = Connection(self.server, login=False)
        realm: Any = self.server.portal.realm
        _, account, _ = self.successResultOf(realm.requestAvatar(name.encode(), None, IAccount))
        connection.enter(account)
        return connection

    def ask(self, connection: Connection, request_type: str, payload: bytes = b"", **body: Any) -> Response:
        """The last response."""
        connection.send(request_type, body, payload)
        last = connection.responses()[-1]
        return last

    def statuses(self, connection: Connection, *requests: tuple[Any, ...]) -> list[int]:
        return [self.ask(connection, kind, payload, **body).status for kind, payload, body in requests]
