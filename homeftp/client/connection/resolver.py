"""Resolving host names without delaying the end of a command.

The system's getaddrinfo(3) cannot be cancelled, and takes ten seconds or more when no name server answers. Twisted's
own resolver calls it in the reactor's thread pool, and a process waits for that pool when it ends, even when the
command has long reached the server at another address.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Sequence

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorFromThreads,
    IResolutionReceiver,
)
from zope.interface import implementer

_FAMILIES: dict[int, Any] = {socket.AF_INET: IPv4Address, socket.AF_INET6: IPv6Address}


@implementer(IHostResolution)
class NameLookup:
    """The lookup of one name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cancelled = False

    def cancel(self) -> None:
        """Ignore the answer."""
        self.cancelled = True


@implementer(IHostnameResolver)
class NameResolver:
    """Resolves each name in a daemon thread, which the process does not wait for at its end."""

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Resolve a name to TCP addresses; see `IHostnameResolver`."""
        lookup = NameLookup(hostName)
        resolutionReceiver.resolutionBegan(lookup)

        def look_up() -> None:
            found: list[Any] = []
            with contextlib.suppress(OSError, UnicodeError):
                found = socket.getaddrinfo(hostName, portNumber, type=socket.SOCK_STREAM)
            self._reactor.callFromThread(deliver, found)

        def deliver(found: Sequence[Any]) -> None:
            if lookup.cancelled:
                return
            for family, _, _, _, address in found:
                kind = _FAMILIES.get(family)
                if kind is not None and (addressTypes is None or kind in addressTypes):
                    resolutionReceiver.addressResolved(kind("TCP", *address))
            resolutionReceiver.resolutionComplete()

        threading.Thread(target=look_up, name="lookup", daemon=True).start()
        return lookup
