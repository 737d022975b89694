"""A client endpoint that needs no socket."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from homeftp.crypto.ca import Identity
from tests.support.fakeserver import Wire
from tests.support.inmemory import Server


@implementer(IStreamClientEndpoint)
class FakeEndpoint:
    """Connects in memory to a server that shows the identity `shown`, or its own; or fails with `failure`."""

    def __init__(self, server: Server, shown: Identity | None = None, *, failure: Exception | None = None) -> None:
        self._server = server
        self._shown = shown
        self._failure = failure
        self.wire: Wire | None = None

    def connect(self, factory: Any) -> Deferred[Any]:
        """The client's protocol, connected."""
        if self._failure is not None:
            return fail(self._failure)
        protocol = factory.buildProtocol(None)
        served = self._server.protocol(identity=self._shown)
        self.wire = Wire(clock=self._server.clock, server=served, client=protocol)
        return succeed(protocol)
