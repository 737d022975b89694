"""A proxy that delays all that passes it: a network with a long way, where the kernel cannot be asked for one.

    python benchmarks/delay.py --port 22 --milliseconds 10

It prints the port of loopback on which it listens, and forwards each
connection to `--port`, in both directions so many milliseconds late. It
carries as much as comes, and does not imitate what TCP does on a long way.
"""

from __future__ import annotations

import argparse
from collections import deque
from functools import partial
from typing import Any

from twisted.internet import defer, endpoints, task
from twisted.internet.interfaces import IAddress, IConsumer, IPushProducer, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure


class Delayed(Protocol):
    """One end of a connection: what comes here leaves at its peer `seconds` later."""

    transport: ITCPTransport

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._underway: deque[bytes] = deque()
        self._peer: Delayed | None = None

    def connectionMade(self) -> None:
        """Do not wait to fill a packet: the delay is to be the only one."""
        self.transport.setTcpNoDelay(True)

    def join(self, peer: Delayed) -> None:
        """Forward to `peer`, as fast as it takes what comes."""
        self._peer = peer
        IConsumer(peer.transport).registerProducer(IPushProducer(self.transport), True)

    def dataReceived(self, data: bytes) -> None:
        """Bytes set out."""
        self._underway.append(data)
        self._clock.callLater(self._seconds, self._arrive)

    def _arrive(self) -> None:
        data = self._underway.popleft()  # calls of one moment may come in any order, their bytes may not
        if self._peer is not None:
            self._peer.transport.write(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The end of the connection sets out, behind the last bytes."""
        self._clock.callLater(self._seconds, self._end)

    def _end(self) -> None:
        if self._peer is not None:
            self._peer.transport.loseConnection()
            self._peer = None


class Near(Delayed):
    """The end that a client has connected; the server is connected for it."""

    def __init__(self, clock: IReactorTime, seconds: float, server: endpoints.TCP4ClientEndpoint) -> None:
        super().__init__(clock, seconds)
        self._server = server

    def connectionMade(self) -> None:
        """Connect the server, before anything is read."""
        super().connectionMade()
        IPushProducer(self.transport).pauseProducing()
        defer.ensureDeferred(self._connect()).addErrback(lambda _: self.transport.loseConnection())

    async def _connect(self) -> None:
        far = await endpoints.connectProtocol(self._server, Delayed(self._clock, self._seconds))
        far.join(self)
        self.join(far)
        IPushProducer(self.transport).resumeProducing()


class NearFactory(Factory):
    """Makes the end of each client that connects."""

    def __init__(self, reactor: Any, port: int, milliseconds: float) -> None:
        self._reactor = reactor
        self._server = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self._seconds = milliseconds / 1000

    def buildProtocol(self, addr: IAddress | None) -> Near:
        """The end of a client."""
        return Near(self._reactor, self._seconds, self._server)


async def forward(reactor: Any, port: int, milliseconds: float) -> None:
    """Forward to `port` of loopback until the process is stopped."""
    near = endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    listening = await near.listen(NearFactory(reactor, port, milliseconds))
    print(listening.getHost().port, flush=True)
    await defer.Deferred()


def main() -> None:
    """Forward."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True, help="of the server, on loopback")
    parser.add_argument("--milliseconds", type=float, required=True, help="each way")
    options = parser.parse_args()
    run = partial(forward, port=options.port, milliseconds=options.milliseconds)
    task.react(lambda reactor: defer.ensureDeferred(run(reactor)))


if __name__ == "__main__":
    main()
