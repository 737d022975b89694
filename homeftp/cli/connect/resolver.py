"""Asking for the addresses of a name, so that a command never waits for an answer that it does not need any more.

The system's getaddrinfo(3) cannot be called off, and takes ten seconds or more
where no name server answers. Twisted's own resolver does it in the reactor's
thread pool, whose end every command would have to wait for, although the
server was found at another address long ago.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Sequence

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

_FAMILIES: dict[int, Any] = {socket.AF_INET: IPv4Address, socket.AF_INET6: IPv6Address}


@implementer(IHostResolution)
class NameLookup:
    """One name that is asked for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cancelled = False

    def cancel(self) -> None:
        """Whatever comes, nobody waits for it."""
        self.cancelled = True


@implementer(IHostnameResolver)
class NameResolver:
    """A thread for each name, which the end of the process does not wait for."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Ask for the addresses of a name, for TCP; see `IHostnameResolver`."""
        lookup = NameLookup(hostName)
        resolutionReceiver.resolutionBegan(lookup)

        def ask() -> None:
            found: list[Any] = []
            with contextlib.suppress(OSError, UnicodeError):
                found = socket.getaddrinfo(hostName, portNumber, type=socket.SOCK_STREAM)
            self._reactor.callFromThread(tell, found)

        def tell(found: Sequence[Any]) -> None:
            if lookup.cancelled:
                return
            for family, _, _, _, place in found:
                kind = _FAMILIES.get(family)
                if kind is not None and (addressTypes is None or kind in addressTypes):
                    resolutionReceiver.addressResolved(kind("TCP", *place))
            resolutionReceiver.resolutionComplete()

        threading.Thread(target=ask, name="lookup", daemon=True).start()
        return lookup
