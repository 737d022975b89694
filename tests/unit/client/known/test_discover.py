"""Announcements of servers: what is accepted of them."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.address import Address
from homeftp.client.known.discover import AnnouncedServer, parse_announcement
from homeftp.config import MAX_ADDRESSES
from homeftp.discovery import SERVICE

SAID: dict[bytes, bytes | None] = {b"v": b"1", b"fp": b"0123456789abcdef"}


class AnnouncementTests(SynchronousTestCase):
    """Announcements."""

    def parse(
        self, name: str = f"nas [01234567].{SERVICE}", port: Any = 8421, addresses: Any = ("10.0.0.1",), **said: Any
    ) -> AnnouncedServer | None:
        return parse_announcement(
            name, port, addresses, {**SAID, **{key.encode(): value for key, value in said.items()}}
        )

    def test_good(self) -> None:
        """A valid one is accepted, with each usable address once."""
        addresses = ("10.0.0.1", "127.0.0.1", "fe80::1%2", "fd00::1", "10.0.0.1", "nas; rm -rf")
        self.assertEqual(
            self.parse(addresses=addresses),
            AnnouncedServer("nas", (Address("10.0.0.1"), Address("fd00::1")), "0123456789abcdef"),
        )

    def test_bad(self) -> None:
        """One that homeftp does not make is refused."""
        self.assertIsNotNone(self.parse(), "the control")
        bad: list[dict[str, Any]] = [{"port": port} for port in (0, -1, 65536, None, "8421")]
        bad += [{"addresses": addresses} for addresses in ((), ("127.0.0.1",), ("localhost",))]
        bad += [{"v": version} for version in (None, b"", b"2", b"1 ")]
        bad += [{"fp": fp} for fp in (None, b"", b"0123", b"0123456789ABCDEF", b"0123456789abcdef0", b"\xff" * 16)]
        bad += [{"name": name} for name in (f".{SERVICE}", f"{'x' * 64}.{SERVICE}")]
        for each in bad:
            self.assertIsNone(self.parse(**each), each)

    def test_many_addresses(self) -> None:
        """Only so many addresses are accepted."""
        many = [f"10.0.{number // 256}.{number % 256}" for number in range(5000)]
        found = self.parse(addresses=many)
        assert found is not None
        self.assertEqual(len(found.addresses), MAX_ADDRESSES)
