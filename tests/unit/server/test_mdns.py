"""The announcement of a server in its network, and the server when that fails."""

from __future__ import annotations

import threading
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from homeftp.discovery import instance, machine_name, records, short, usable
from homeftp.server import mdns
from homeftp.server.banner import ListeningAddress
from homeftp.server.mdns import STOP_SECONDS, MdnsAnnouncer, MdnsService, advertisement

FINGERPRINT = "SHA256:" + "0123456789abcdef" * 4


def listened(host: str, port: int = 8421, *, immediate_tls: bool = False) -> ListeningAddress:
    kind = IPv6Address if ":" in host else IPv4Address
    return ListeningAddress(description="x", address=kind("TCP", host, port), immediate_tls=immediate_tls)


class AdvertisementTests(SynchronousTestCase):
    """What can be announced."""

    def test_what(self) -> None:
        """The first port for STARTTLS that others reach, with all that is listened on there."""
        unix = ListeningAddress(description="x", address=UNIXAddress("/run/x"), immediate_tls=False)
        nothing = [listened("127.0.0.1"), listened("::1"), listened("fe80::1"), unix]
        nothing.append(listened("0.0.0.0", immediate_tls=True))
        self.assertIsNone(advertisement([]))
        self.assertIsNone(advertisement(nothing))
        given = [*nothing, listened("192.168.1.5"), listened("10.0.0.1", 9), listened("fd00::5")]
        self.assertEqual(advertisement(given), MdnsService(8421, ("192.168.1.5", "fd00::5")))

    def test_addresses(self) -> None:
        """A server on all addresses announces those of the machine, of the same family: at most eight, IPv4 first."""
        own = ["fd00::7", "10.0.0.7"]
        for hosts, expected in (
            (("0.0.0.0",), ["10.0.0.7"]),
            (("::",), ["10.0.0.7", "fd00::7"]),
            (("192.168.1.5", "fd00::5"), ["192.168.1.5", "fd00::5"]),
        ):
            self.assertEqual(MdnsService(1, hosts).addresses(own), expected)
        self.assertEqual(len(MdnsService(1, ("::",)).addresses([f"10.0.0.{number}" for number in range(99)])), 8)

    def test_said(self) -> None:
        """The version, and the beginning of the fingerprint; no account, no path."""
        self.assertEqual(records(FINGERPRINT), {"v": "1", "fp": "0123456789abcdef"})
        name = instance("nas", FINGERPRINT)
        self.assertEqual(name, "nas [01234567]")
        self.assertEqual(machine_name(name, short(FINGERPRINT)), "nas")
        self.assertEqual(machine_name(name, "f" * 16), name)

    def test_usable(self) -> None:
        """Only what another machine can use is an address."""
        for good in ("192.168.1.5", "10.0.0.1", "169.254.3.4", "100.64.0.1", "fd00::5", "2001:db8::1", "203.0.113.9"):
            self.assertTrue(usable(good), good)
        for bad in ("127.0.0.1", "0.0.0.0", "224.0.0.251", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0"):
            self.assertFalse(usable(bad), bad)
        for bad in ("ff02::fb", "::ffff:10.0.0.1", "fd00::5%eth0", "nas", "", "1", "10.0.0.1 ", "-h"):
            self.assertFalse(usable(bad), bad)


class AnnouncerTests(TestCase):
    """The thread that does it."""

    def setUp(self) -> None:
        self.lines: list[str] = []
        self.announcer = MdnsAnnouncer(reactor)
        for name, value in (("own_addresses", lambda: ["10.0.0.7"]), ("announce", self.announce)):
            patch = mock.patch.object(mdns, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        observer: Any = self.observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(lambda: globalLogPublisher.removeObserver(observer))
        self.logged: Deferred[None] = Deferred()

    def observe(self, event: LogEvent) -> None:
        if event.get("line"):
            self.lines.append(event["line"])
            self.logged.callback(None)

    def announce(self, addresses: list[str], what: MdnsService, fingerprint: str) -> tuple[mock.Mock, str]:
        self.announced = mock.Mock(), "nas"
        return self.announced

    async def test_announced(self) -> None:
        """It is announced, the log tells, and at the end it is taken back."""
        self.announcer.start([listened("0.0.0.0")], FINGERPRINT)
        await self.logged
        self.assertIn("announced  as nas", self.lines[0])
        self.announced[0].close.assert_not_called()
        await self.announcer.stop()
        self.announced[0].close.assert_called_once_with()

    async def test_fails(self) -> None:
        """A network error is one line of the log, and nothing else."""
        with mock.patch.object(mdns, "announce", side_effect=OSError("address already in use")):
            self.announcer.start([listened("0.0.0.0")], FINGERPRINT)
            await self.logged
        self.assertEqual(self.lines, ["not announced in this network: address already in use"])
        await self.announcer.stop()

    async def test_nothing(self) -> None:
        """With nothing to announce no thread is started; the control is above."""
        before = set(threading.enumerate())
        self.announcer.start([listened("127.0.0.1")], FINGERPRINT)
        self.assertEqual(set(threading.enumerate()) - before, set())
        await self.announcer.stop()

    async def test_hangs(self) -> None:
        """One that does not come back is not waited for."""
        clock, hanging, begun = Clock(), threading.Event(), threading.Event()
        self.addCleanup(hanging.set)

        def hang(*arguments: object) -> None:
            begun.set()
            hanging.wait()

        clock.callFromThread = lambda call, *arguments, **more: None  # type: ignore[attr-defined]
        stuck = MdnsAnnouncer(clock)
        with mock.patch.object(mdns, "announce", hang):
            stuck.start([listened("0.0.0.0")], FINGERPRINT)
            self.assertTrue(begun.wait(10))
        stopping = stuck.stop()
        self.assertNoResult(stopping)
        clock.advance(STOP_SECONDS)
        self.assertIsNone(self.successResultOf(stopping))
