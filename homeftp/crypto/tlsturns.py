"""TLS handshakes in turn: each step of one waits for the turn of the client's address, as its requests will.

A handshake costs a server more than any other step before the login, and needs no account. Twisted makes each step as
soon as its bytes arrive, so that clients who begin many handshakes come before the requests of all accounts.

This leans on methods of `TLSMemoryBIOProtocol`, as tlsrecords.py does; where they are not there, Twisted's own way is
kept.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.error import ConnectionLost
from twisted.protocols.tls import BufferingTLSTransport
from twisted.python.failure import Failure

_LOST = Failure(ConnectionLost())

InTurn = Callable[[Callable[[], None]], None]
"""Makes a call at once, or when the turn of the client has come."""


class TurnedTLSTransport(BufferingTLSTransport):
    """Twisted's TLS transport, except that the steps of the handshake wait for their turn.

    Nothing more is read from the client meanwhile.
    """

    transport: Any
    in_turn: InTurn
    _waiting: bytes | None = None
    """The bytes of the client that wait for their turn."""

    def dataReceived(self, data: bytes) -> None:
        """A step of the handshake, or what follows it."""
        if self._handshakeDone:
            BufferingTLSTransport.dataReceived(self, data)
        elif self._waiting is not None:
            self._waiting += data
        else:
            self._waiting = data
            self.transport.pauseProducing()
            self.in_turn(self._step)

    def connectionLost(self, reason: Failure = _LOST) -> None:
        """The client has gone: what it sent is not looked at any more."""
        self._waiting = None
        BufferingTLSTransport.connectionLost(self, reason)

    def _step(self) -> None:
        data, self._waiting = self._waiting, None
        if data is None:
            return
        self.transport.resumeProducing()  # first: the protocol may decide otherwise while the step is made
        try:
            BufferingTLSTransport.dataReceived(self, data)
        except BaseException:
            self.transport.abortConnection()
            raise


def handshake_in_turn(transport: Any, in_turn: InTurn) -> None:
    """Make a transport on which TLS begins, by `startTLS` or a TLS endpoint, wait for its turn in the handshake."""
    for layer in (transport, getattr(transport, "protocol", None)):
        if type(layer) is BufferingTLSTransport and hasattr(layer, "_handshakeDone"):
            layer.__class__ = TurnedTLSTransport
            layer.in_turn = in_turn  # type: ignore[attr-defined]
            return
