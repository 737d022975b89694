"""Looking for servers that announce themselves in this network.

Whatever is heard comes from strangers: it is counted, bounded and checked, and
what is left of it is a hint at an address.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from typing import Any, Mapping, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeftp.client.connection.address import Address
from homeftp.client.connection.errors import ConnectionFailed
from homeftp.config import MAX_ADDRESSES
from homeftp.discovery import SERVICE, SHORT, VERSION, available, machine_name, own_addresses, short, usable
from homeftp.errors import OperatorError

BROWSE_SECONDS = 3.0
"""For so long servers are listened for: most answer within one second."""

QUIET_SECONDS = 1.5
"""So long after the last news nothing more is expected: by then everybody has been asked twice."""

MAX_SERVERS = 64
"""Announcements that are looked at, at most."""

_NAME_LENGTH = 63
"""Of an instance's name, RFC 6763, section 4.1.1; in letters, which is no less."""


@attrs.frozen
class AnnouncedServer:
    """A server as it announces itself; anybody may have said it."""

    name: str
    """What its machine is called. Not fit for a terminal as it is."""
    addresses: tuple[Address, ...]
    """At least one; hosts are IP addresses."""
    fingerprint: str
    """The first `SHORT` hexadecimal digits of the CA's."""


def understood(
    name: str, port: object, addresses: Sequence[str], said: Mapping[bytes, bytes | None]
) -> AnnouncedServer | None:
    """An announcement, if it can be one of a server of ours."""
    if said.get(b"v") != VERSION.encode() or not isinstance(port, int) or not 0 < port < 65536:
        return None
    fingerprint = (said.get(b"fp") or b"").decode("ascii", "replace")
    hosts = [each for each in addresses[: 4 * MAX_ADDRESSES] if usable(each)][:MAX_ADDRESSES]
    instance = name.removesuffix(f".{SERVICE}")
    if not re.fullmatch(rf"[0-9a-f]{{{SHORT}}}", fingerprint) or not hosts or not 0 < len(instance) <= _NAME_LENGTH:
        return None
    addresses_there = tuple(Address(host, port) for host in dict.fromkeys(hosts))
    return AnnouncedServer(machine_name(instance, fingerprint), addresses_there, fingerprint)


def check_available() -> None:
    """Raises `OperatorError` where the extra is not installed."""
    if not available():
        raise OperatorError(
            "finding servers takes a package more: pip install 'homeftp[discovery]'. Without it, give the server's "
            "address: homeftp pair HOST CODE"
        )


async def browse(
    reactor: Any, seconds: float = BROWSE_SECONDS, *, quiet: float | None = QUIET_SECONDS
) -> list[AnnouncedServer]:
    """Listen for `seconds`, or until nothing new was heard for `quiet`; gives the servers that announce themselves.

    They are sorted by name. None for `quiet`: for all of `seconds`.

    Raises `OperatorError` where the extra is not installed, and
    `ConnectionFailed` where this network does not let it.
    """
    check_available()
    return await _Browsing(reactor, seconds, seconds if quiet is None else quiet).found


async def announced_addresses(reactor: Any, fingerprint: str) -> list[Address]:
    """Where a server of the home with this fingerprint might be, by what is announced; empty where that is not known.

    A hint: it is for TLS to prove who answers there.
    """
    if not fingerprint or not available():
        return []
    try:
        found = await browse(reactor)
    except ConnectionFailed:
        return []
    same = (each for each in found if each.fingerprint == short(fingerprint))
    return list(dict.fromkeys(address for each in same for address in each.addresses))[: 2 * MAX_ADDRESSES]


class _Browsing:
    """The library speaks asyncio: it gets a loop of its own in a thread of its own, which nobody waits for."""

    def __init__(self, reactor: Any, seconds: float, quiet: float) -> None:
        self.found: Deferred[list[AnnouncedServer]] = Deferred(self._cancelled)
        self._reactor = reactor
        self._seconds = seconds
        self._quiet = quiet
        self._news_at: float | None = None
        self._given_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough: asyncio.Event | None = None
        threading.Thread(target=self._run, name="browsing", daemon=True).start()

    def _cancelled(self, _: Deferred[list[AnnouncedServer]]) -> None:
        self._given_up.set()
        if self._loop is not None and self._enough is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                self._loop.call_soon_threadsafe(self._enough.set)

    def _run(self) -> None:
        result: Any
        try:
            result = asyncio.run(self._browse())
        except Exception as error:  # noqa: BLE001 (whatever the network has against it)
            result = Failure(ConnectionFailed(f"cannot look for servers in the network: {error}"))
        with contextlib.suppress(RuntimeError):
            self._reactor.callFromThread(self._deliver, result)

    def _deliver(self, result: Any) -> None:
        if not self.found.called:
            self.found.callback(result)

    async def _browse(self) -> list[AnnouncedServer]:
        from zeroconf import DNSQuestionType, IPVersion, ServiceStateChange
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

        # Answers to all: one that is to us alone may come to another program of this machine that listens as well.
        multicast = DNSQuestionType.QM
        self._loop, self._enough = asyncio.get_running_loop(), asyncio.Event()
        if self._given_up.is_set():
            return []
        seen: dict[str, tuple[AsyncServiceInfo, asyncio.Future[bool]]] = {}

        def heard(zeroconf: Any, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            if state_change is ServiceStateChange.Removed or name in seen or len(seen) >= MAX_SERVERS:
                return
            self._news_at = asyncio.get_running_loop().time()
            info = AsyncServiceInfo(service_type, name)
            seen[name] = info, asyncio.ensure_future(info.async_request(zeroconf, self._seconds * 1000, multicast))

        own = own_addresses()
        if not own:
            raise OSError("this computer is in none")
        network = AsyncZeroconf(interfaces=own)
        try:
            browser = AsyncServiceBrowser(network.zeroconf, SERVICE, handlers=[heard], question_type=multicast)
            await self._wait(self._enough)
            await browser.async_cancel()
            for _, asking in seen.values():
                asking.cancel()
            await asyncio.gather(*(asking for _, asking in seen.values()), return_exceptions=True)
        finally:
            await network.async_close()
        servers = (
            understood(name, info.port, info.parsed_scoped_addresses(IPVersion.All), info.properties)
            for name, (info, _) in seen.items()
        )
        return sorted(
            (each for each in servers if each is not None), key=lambda each: (each.name, each.addresses[0].host)
        )

    async def _wait(self, enough: asyncio.Event) -> None:
        """Until there is nothing more to be waited for."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        while not enough.is_set():
            until = end if self._news_at is None else min(end, self._news_at + self._quiet)
            if until <= loop.time():
                break
            with contextlib.suppress(asyncio.TimeoutError):
                # Short ones: news may come meanwhile, and end it sooner.
                await asyncio.wait_for(enough.wait(), min(until - loop.time(), self._quiet / 4))
