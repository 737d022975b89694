"""Announcing the server in its network, where the extra for it is installed.

A convenience, which nothing else depends on: a fault is a line in the log.
The library blocks, so all of it happens in a thread of its own, which the end
of the process does not wait for.
"""

from __future__ import annotations

import threading
from typing import Any, Iterable, Sequence

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from homeftp.config import MAX_ADDRESSES
from homeftp.discovery import SERVICE, available, instance, own_addresses, records, usable
from homeftp.host import own_name
from homeftp.server.banner import ListeningAddress

LOOK_SECONDS = 10.0
"""How often it is looked whether this machine's addresses have changed."""

STOP_SECONDS = 2.0
"""For saying goodbye, when the server ends."""

_ANY = ("0.0.0.0", "::")


@attrs.frozen
class MdnsService:
    """What is announced of a server that listens, if anything."""

    port: int
    hosts: tuple[str, ...]
    """The addresses that are listened on; 0.0.0.0 and :: stand for all of the machine's."""

    def addresses(self, own: Iterable[str]) -> list[str]:
        """Where others reach the server, of a machine that has these addresses; of IPv4 first."""
        found = [host for host in self.hosts if usable(host)]
        if "::" in self.hosts:  # which takes in IPv4 as well, where the system joins them
            found += own
        elif "0.0.0.0" in self.hosts:
            found += [each for each in own if ":" not in each]
        return sorted(dict.fromkeys(found), key=lambda each: ":" in each)[:MAX_ADDRESSES]


def advertisement(listened: Sequence[ListeningAddress]) -> MdnsService | None:
    """What can be announced: the first port for STARTTLS that other machines reach; None where there is none."""
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
        """Begin, if there is something to announce and something to do it with."""
        what = advertisement(listened)
        if what is None or not available():
            return
        self._thread = threading.Thread(target=self._run, args=(what, fingerprint), name="advertising", daemon=True)
        self._thread.start()

    def stop(self) -> Deferred[None]:
        """Take it back; fires when that is done, or has taken too long."""
        if self._thread is None:
            return succeed(None)
        self._end.set()
        return self._ended.addTimeout(STOP_SECONDS, self._reactor, onTimeoutCancel=lambda result, seconds: None)

    def _run(self, what: MdnsService, fingerprint: str) -> None:
        """In the thread: announce the addresses that the machine has, anew whenever they are others."""
        announcing: Any = None
        announced: list[str] = []
        told = ""
        while True:
            try:
                addresses = what.addresses(own_addresses())
                if addresses != announced:
                    _close(announcing)
                    announcing, announced = None, []
                    if addresses:
                        announcing, name = _announce(addresses, what, fingerprint)
                        announced = addresses
                        line = f"announced  as {name} in this network (--no-announce keeps it quiet)"
                    else:
                        line = "not announced: this machine has no address in a network"
                else:
                    line = told
            except Exception as error:  # noqa: BLE001 (whatever the network has against it)
                line = f"not announced in this network: {error or type(error).__name__}"
            if line != told:
                told = line
                self._reactor.callFromThread(self._log.info, "{line}", line=line)
            if self._end.wait(LOOK_SECONDS):
                break
        _close(announcing)
        self._reactor.callFromThread(self._fire)

    def _fire(self) -> None:
        if not self._ended.called:
            self._ended.callback(None)


def _announce(addresses: list[str], what: MdnsService, fingerprint: str) -> tuple[Any, str]:
    """Announce these addresses, only in the networks that they are in; gives what does so, and the name it got."""
    from zeroconf import ServiceInfo, Zeroconf

    zeroconf = Zeroconf(interfaces=addresses)
    try:
        said = records(fingerprint)
        info = ServiceInfo(
            SERVICE,
            f"{instance(own_name(), fingerprint)}.{SERVICE}",
            port=what.port,
            properties=said,
            # Not the machine's own name: that is announced by others, who would take this for a conflict.
            server=f"homeftp-{said['fp']}.local.",
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
