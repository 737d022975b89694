"""What the server says when it has started."""

from __future__ import annotations

import os

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.database import default_state_dir
from homeftp.config import Settings
from homeftp.host import own_address
from homeftp.server.banner import ListeningAddress, LoginMethods, banner, first_code

FINGERPRINT = "SHA256:" + "ab" * 32


class AnnouncementTests(SynchronousTestCase):
    """The lines for the owner, and the one for the other machine."""

    def lines(
        self,
        *addresses: object,
        accounts: list[str] | None = None,
        password: str | None = None,
        code: str | None = None,
        tls: bool = False,
        **settings: object,
    ) -> str:
        values: dict[str, object] = {"root": "/srv/files", "state": "/var/state", **settings}
        listened = [ListeningAddress(description="tcp:1", address=one, immediate_tls=tls) for one in addresses]
        made = Settings(**values)  # type: ignore[arg-type]
        known = LoginMethods(accounts=accounts, password=password, code=code)
        return "\n".join(banner(made, listened, known, read_only=None, fingerprint=FINGERPRINT))

    def test_addresses(self) -> None:
        """The line to type names an address that can be reached, and the real port unless it is the usual one."""
        for address, typed in (
            (IPv4Address("TCP", "127.0.0.1", 5000), "127.0.0.1:5000 "),
            (IPv4Address("TCP", "192.0.2.7", 8421), "192.0.2.7 "),
            (IPv4Address("TCP", "0.0.0.0", 5000), f"{own_address()}:5000 "),
            (IPv6Address("TCP", "::1", 5000), "[::1]:5000 "),
            (IPv6Address("TCP", "::", 8421), f"{own_address()} "),
            (UNIXAddress("/run/x"), "unix:/run/x "),
        ):
            text = self.lines(address, accounts=["ann"], password="ann")
            self.assertRegex(text, r"homeftp remote add [a-z0-9-]+ ")
            self.assertIn(f" {typed}--user ann --fingerprint {FINGERPRINT}", text)

    def test_front_ends(self) -> None:
        """The lines of other front ends stand behind what is listened on."""
        made = Settings(root="/srv/files", state="/var/state")
        methods = LoginMethods(accounts=None, password=None, code=None)
        lines = banner(made, (), methods, read_only=None, fingerprint=FINGERPRINT, others=["web        https://x/"])
        self.assertEqual(lines[1], "web        https://x/")

    def test_accounts(self) -> None:
        """It names the accounts and the command that invites the next; --state only if it is not the default."""
        address = IPv4Address("TCP", "192.0.2.7", 8421)
        text = self.lines(address, accounts=["ann", "bob"])
        self.assertIn("accounts   ann, bob", text)
        self.assertIn("To add a device, also while this runs:   homeftp invite --state /var/state", text)
        self.assertNotIn("remote add", text)
        self.assertNotIn("--state", self.lines(address, accounts=["ann"], state=default_state_dir(os.environ)))

    def test_first(self) -> None:
        """At the very first start a person is shown what to type on the other machine; the lines for a log lack it."""
        text = self.lines(IPv4Address("TCP", "192.0.2.7", 8421), accounts=["ann"], code="7-guitar-pine")
        self.assertNotIn("guitar", text)
        self.assertNotIn("homeftp invite", text)
        self.assertEqual(
            first_code("192.0.2.7", "7-guitar-pine"),
            [
                "Run this on the first device within 10 minutes:   homeftp pair 192.0.2.7",
                "It asks for this code, which works once:   7-guitar-pine",
            ],
        )

    def test_others(self) -> None:
        """A server with `--auth` in place of accounts says so."""
        self.assertIn("--auth", self.lines(accounts=None))

    def test_filetypes(self) -> None:
        """It names the shared folder."""
        self.assertIn("/srv/files (only .txt)", self.lines(filetypes=(".txt",)))

    def test_tls_only(self) -> None:
        """An endpoint that is TLS from the first byte is named, and is none that our client can be told of."""
        text = self.lines(IPv4Address("TCP", "127.0.0.1", 5000), accounts=["ann"], tls=True)
        self.assertIn("TLS from the first byte", text)
        self.assertNotIn("remote add", text)
