"""What servers announce in the local network, and which addresses are worth announcing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.discovery import instance, machine_name, records, short, usable

FINGERPRINT = "SHA256:" + "0123456789abcdef" * 4


class RecordTests(SynchronousTestCase):
    """The announcement."""

    def test_records(self) -> None:
        """It has the version of its format and a part of the CA's fingerprint, and no more."""
        self.assertEqual(records(FINGERPRINT), {"v": "1", "fp": "0123456789abcdef"})

    def test_instance(self) -> None:
        """Two machines of one name have different instance names; the machine's name can be read from each."""
        other = FINGERPRINT.replace("0123", "9999")
        self.assertNotEqual(instance("nas", FINGERPRINT), instance("nas", other))
        for fingerprint in (FINGERPRINT, other):
            self.assertEqual(machine_name(instance("nas", fingerprint), short(fingerprint)), "nas")

    def test_foreign_instance(self) -> None:
        """An instance name of another form is taken as it is."""
        self.assertEqual(machine_name("printer", short(FINGERPRINT)), "printer")

    def test_length(self) -> None:
        """The longest host name still makes an instance name of at most 63 bytes (RFC 6763, section 4.1.1)."""
        self.assertLessEqual(len(instance("n" * 52, FINGERPRINT)), 63)


class AddressTests(SynchronousTestCase):
    """Which addresses another machine can use."""

    def test_usable(self) -> None:
        """Addresses of a home and of the internet."""
        for address in ("192.168.1.5", "10.0.0.1", "169.254.3.4", "203.0.113.9", "fd00::5", "2001:db8::1"):
            self.assertTrue(usable(address), address)

    def test_useless(self) -> None:
        """Loopback, multicast, all and reserved addresses, those that need an interface's name, and other text."""
        for address in (
            *("127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.251", "ff02::fb", "240.0.0.1"),
            *("fe80::1", "fe80::1%eth0", "::ffff:192.168.1.5", "nas.local", "", "1.2.3"),
        ):
            self.assertFalse(usable(address), address)
