"""Announces the server in the local network by multicast DNS.

Nothing else depends on it: a failure is a line in the log. The library blocks,
so it runs in a thread of its own, for which the end of the process does not
wait.
"""

from __future__ import annotations

import threading
from typing import Any, Iterable, Sequence

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from homeftp.config import MAX_ADDRESSES
from homeftp.discovery import SERVICE, instance, own_addresses, records, usable
from homeftp.host import own_name
from homeftp.server.banner import ListeningAddress

CHECK_SECONDS = 10.0
"""Time between two looks at this machine's addresses, which may have changed."""

STOP_SECONDS = 2.0
"""How long withdrawing the announcement may take when the server stops."""

_ANY = ("0.0.0.0", "::")


class MdnsService(msgspec.Struct, frozen=True):
    """The announcement of a server: its port, and what it listens on."""

    port: int
    hosts: tuple[str, ...]
    """The addresses that it listens on; 0.0.0.0 and :: mean all of the machine's addresses."""

    def addresses(self, own: Iterable[str]) -> list[str]:
        """The addresses at which others reach the server on a machine with `own` addresses; IPv4 first."""
        found = [host for host in self.hosts if usable(host)]
        if "::" in self.hosts:  # the system accepts IPv4 there as well
            found += own
        elif "0.0.0.0" in self.hosts:
            found += [each for each in own if ":" not in each]
        return sorted(dict.fromkeys(found), key=lambda each: ":" in each)[:MAX_ADDRESSES]


def advertisement(listened: Sequence[ListeningAddress]) -> MdnsService | None:
    """The first port for STARTTLS that other machines can reach; None without such a port."""
    port, hosts = 0, []
    for one in listened:
        host = getattr(one.address, "host", None)
        if one.immediate_tls or host is None or not (host in _ANY or usable(host)):
            continue
        port = port or getattr(one.address, "port", 0)
        if one.address.port == port:  # type: ignore[attr-defined]
            hosts.append(host)
    return MdnsService(port, tuple(hosts)) if hosts else None


class MdnsAnnouncer:
    """Announces one server from `start` to `stop`."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._thread: threading.Thread | None = None
        self._end = threading.Event()
        self._ended: Deferred[None] = Deferred()

    def start(self, listened: Sequence[ListeningAddress], fingerprint: str) -> None:
        """Announce the server, if other machines can reach it."""
        service = advertisement(listened)
        if service is None:
            return
        self._thread = threading.Thread(target=self._run, args=(service, fingerprint), name="mdns", daemon=True)
        self._thread.start()

    def stop(self) -> Deferred[None]:
        """Withdraw the announcement; fires when that is done, or has taken too long."""
        if self._thread is None:
            return succeed(None)
        self._end.set()
        return self._ended.addTimeout(STOP_SECONDS, self._reactor, onTimeoutCancel=lambda result, seconds: None)

    def _run(self, service: MdnsService, fingerprint: str) -> None:
        """In the thread: announce the machine's addresses, again whenever they have changed."""
        announcing: Any = None
        announced: list[str] = []
        logged = ""
        while True:
            try:
                addresses = service.addresses(own_addresses())
                if addresses != announced:
                    _close(announcing)
                    announcing, announced = None, []
                    if addresses:
                        announcing, name = announce(addresses, service, fingerprint)
                        announced = addresses
                        line = f"announced  as {name} in this network (--no-announce turns this off)"
                    else:
                        line = "not announced: this machine has no address in a network"
                else:
                    line = logged
            except Exception as error:  # noqa: BLE001 (the network may refuse for any reason)
                line = f"not announced in this network: {error or type(error).__name__}"
            if line != logged:
                logged = line
                self._reactor.callFromThread(self._log.info, "{line}", line=line)
            if self._end.wait(CHECK_SECONDS):
                break
        _close(announcing)
        self._reactor.callFromThread(self._fire)

    def _fire(self) -> None:
        if not self._ended.called:
            self._ended.callback(None)


def announce(addresses: list[str], service: MdnsService, fingerprint: str) -> tuple[Any, str]:
    """Announce these addresses, each in its own network; gives the announcer, and the instance name."""
    from zeroconf import ServiceInfo, Zeroconf

    zeroconf = Zeroconf(interfaces=addresses)
    try:
        pairs = records(fingerprint)
        info = ServiceInfo(
            SERVICE,
            f"{instance(own_name(), fingerprint)}.{SERVICE}",
            port=service.port,
            properties=pairs,
            # Not the machine's own name: another program announces that, and would see a conflict.
            server=f"homeftp-{pairs['fp']}.local.",
            parsed_addresses=addresses,
        )
        zeroconf.register_service(info, allow_name_change=True)
    except BaseException:
        zeroconf.close()
        raise
    return zeroconf, info.name.removesuffix(f".{SERVICE}")


def _close(announcing: Any) -> None:
    if announcing is not None:
        announcing.close()
