"""Addresses of servers as a user writes them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.address import Address, parse_address
from homeftp.errors import (
    OperatorError,
)


class AddressTests(SynchronousTestCase):
    """Parsing, and how they are shown."""

    def test_written(self) -> None:
        """Each way to write an address, and how it is shown."""
        for text, address, shown in [
            ("nas", Address("nas", 8421), "nas:8421"),
            ("nas.local:22", Address("nas.local", 22), "nas.local:22"),
            ("192.168.1.5", Address("192.168.1.5"), "192.168.1.5:8421"),
            ("[::1]:8422", Address("::1", 8422), "[::1]:8422"),
            ("[fe80::1%eth0]", Address("fe80::1%eth0"), "[fe80::1%eth0]:8421"),
            ("fd00::5", Address("fd00::5"), "[fd00::5]:8421"),
            ("unix:/run/homeftp", Address(path="/run/homeftp"), "unix:/run/homeftp"),
        ]:
            self.assertEqual(parse_address(text), address)
            self.assertEqual(str(address), shown)
            self.assertEqual(parse_address(shown), address)

    def test_refused(self) -> None:
        """Text that is not an address is refused."""
        for text in ("", ":8421", "nas:", "nas:x", "nas:0", "nas:65536", "nas:-1", "[::1]x", "unix:run", "a b", "x/y"):
            with self.assertRaises(OperatorError, msg=text):
                parse_address(text)

    def test_longest_socket_path(self) -> None:
        """The path of a UNIX socket may have as many bytes as the kernel allows, and no more: the message says so."""
        longest = "/" + "x" * 104 + "é"
        self.assertEqual(parse_address(f"unix:{longest}"), Address(path=longest))
        with self.assertRaisesRegex(OperatorError, "at most 107 bytes"):
            parse_address(f"unix:{longest}x")
