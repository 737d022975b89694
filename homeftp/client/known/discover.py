"""Finding servers that announce themselves in the local network.

Anybody in the network can send an announcement: they are counted, bounded and
checked, and give no more than a hint at an address.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from typing import Any, Mapping, Sequence

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from homeftp.client.connection.address import Address
from homeftp.client.errors import ConnectionFailed
from homeftp.config import MAX_ADDRESSES, MAX_PORT
from homeftp.discovery import SERVICE, SHORT, VERSION, machine_name, own_addresses, short, usable

_BROWSE_SECONDS = 3.0
"""How long servers are listened for; most answer within one second."""

_QUIET_SECONDS = 1.5
"""How long after the last new server another is expected; by then each was asked twice."""

_POLLS_PER_QUIET = 4
"""How often within the quiet time it is checked whether a new server has answered."""

_MAX_SERVERS = 64
"""Announcements that are looked at, at most; more than any home has servers."""

_MAX_INSTANCE = 63
"""Characters of an instance's name, at most (RFC 6763, section 4.1.1: bytes)."""

_ADDRESSES_READ = 4 * MAX_ADDRESSES
"""Addresses of an announcement that are checked; some may be unusable."""

_MAX_HINTS = 2 * MAX_ADDRESSES
"""Addresses that are given for one server, which may have announced itself several times."""


class AnnouncedServer(msgspec.Struct, frozen=True):
    """A server as announced; the announcement may be false."""

    name: str
    """The name of its machine; not safe to print to a terminal as it is."""
    addresses: tuple[Address, ...]
    """At least one; hosts are IP addresses."""
    fingerprint: str
    """The first `SHORT` hexadecimal digits of the CA's fingerprint."""


def parse_announcement(
    name: str, port: object, addresses: Sequence[str], properties: Mapping[bytes, bytes | None]
) -> AnnouncedServer | None:
    """The announced server; None for an announcement that homeftp does not make."""
    if properties.get(b"v") != VERSION.encode() or not isinstance(port, int) or not 0 < port <= MAX_PORT:
        return None
    fingerprint = (properties.get(b"fp") or b"").decode("ascii", "replace")
    hosts = [each for each in addresses[:_ADDRESSES_READ] if usable(each)][:MAX_ADDRESSES]
    instance = name.removesuffix(f".{SERVICE}")
    if not re.fullmatch(rf"[0-9a-f]{{{SHORT}}}", fingerprint) or not hosts or not 0 < len(instance) <= _MAX_INSTANCE:
        return None
    unique = tuple(Address(host, port) for host in dict.fromkeys(hosts))
    return AnnouncedServer(machine_name(instance, fingerprint), unique, fingerprint)


async def browse(
    reactor: IReactorFromThreads, seconds: float = _BROWSE_SECONDS, *, quiet: float | None = _QUIET_SECONDS
) -> list[AnnouncedServer]:
    """Listen for servers for `seconds`, or until no new one has answered for `quiet` seconds (None: never); by name.

    Raises `ConnectionFailed` where the network does not allow it.
    """
    return await _Browser(reactor, seconds, seconds if quiet is None else quiet).found


async def announced_addresses(reactor: IReactorFromThreads, fingerprint: str) -> list[Address]:
    """Where a server with this fingerprint of its CA might be reached, as announced; empty where that is not known.

    TLS has to prove which server answers there.
    """
    if not fingerprint:
        return []
    try:
        servers = await browse(reactor)
    except ConnectionFailed:
        return []
    matching = (each for each in servers if each.fingerprint == short(fingerprint))
    return list(dict.fromkeys(address for each in matching for address in each.addresses))[:_MAX_HINTS]


class _Browser:
    """Runs zeroconf, which needs asyncio, in a loop and a daemon thread of its own."""

    def __init__(self, reactor: IReactorFromThreads, seconds: float, quiet: float) -> None:
        self.found: Deferred[list[AnnouncedServer]] = Deferred(self._cancel)
        self._reactor = reactor
        self._seconds = seconds
        self._quiet = quiet
        self._last_found_at: float | None = None
        self._is_cancelled = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        threading.Thread(target=self._run, name="browsing", daemon=True).start()

    def _cancel(self, _: Deferred[list[AnnouncedServer]]) -> None:
        self._is_cancelled.set()
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._stop.set)

    def _run(self) -> None:
        result: Any
        try:
            result = asyncio.run(self._browse())
        except Exception as error:  # noqa: BLE001 (the network may raise anything)
            result = Failure(ConnectionFailed(f"cannot look for servers in the network: {error}"))
        with contextlib.suppress(RuntimeError):  # the reactor has ended
            self._reactor.callFromThread(self._deliver, result)

    def _deliver(self, result: Any) -> None:
        if not self.found.called:
            self.found.callback(result)

    async def _browse(self) -> list[AnnouncedServer]:
        from zeroconf import DNSQuestionType, IPVersion, ServiceStateChange
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

        # Multicast questions: a unicast answer may go to another program of this machine that listens on the port.
        multicast = DNSQuestionType.QM
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        if self._is_cancelled.is_set():
            return []
        seen: dict[str, tuple[AsyncServiceInfo, asyncio.Future[bool]]] = {}

        def on_change(zeroconf: Any, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            if state_change is ServiceStateChange.Removed or name in seen or len(seen) >= _MAX_SERVERS:
                return
            self._last_found_at = asyncio.get_running_loop().time()
            info = AsyncServiceInfo(service_type, name)
            seen[name] = info, asyncio.ensure_future(info.async_request(zeroconf, self._seconds * 1000, multicast))

        own = own_addresses()
        if not own:
            raise OSError("this computer is not connected to one")
        network = AsyncZeroconf(interfaces=own)
        try:
            browser = AsyncServiceBrowser(network.zeroconf, SERVICE, handlers=[on_change], question_type=multicast)
            await self._wait(self._stop)
            await browser.async_cancel()
            for _, asking in seen.values():
                asking.cancel()
            await asyncio.gather(*(asking for _, asking in seen.values()), return_exceptions=True)
        finally:
            await network.async_close()
        parsed = (
            parse_announcement(name, info.port, info.parsed_scoped_addresses(IPVersion.All), info.properties)
            for name, (info, _) in seen.items()
        )
        servers = (each for each in parsed if each is not None)
        return sorted(servers, key=lambda each: (each.name, each.addresses[0].host))

    async def _wait(self, stop: asyncio.Event) -> None:
        """Wait until the time is over, no new server has answered for a while, or `stop` is set."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        while not stop.is_set():
            until = end if self._last_found_at is None else min(end, self._last_found_at + self._quiet)
            if until <= loop.time():
                break
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), min(until - loop.time(), self._quiet / _POLLS_PER_QUIET))
