"""What `homeftp discover` prints; tests/system/cli/test_discover.py browses a real network."""

from __future__ import annotations

import json

from homeftp.cli.commands.discover import names_by_fingerprint, print_server
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import Address
from homeftp.client.known.discover import AnnouncedServer
from homeftp.client.known.remotes import Remote
from homeftp.discovery import short
from tests.support.commandline import CommandCase
from tests.support.fakeserver import identity

SERVER = AnnouncedServer("n\x1bas", (Address("192.0.2.1", 8421), Address("192.0.2.2", 8421)), "0123456789abcdef")


class DiscoverTests(CommandCase):
    """print_server and names_by_fingerprint."""

    def test_line(self) -> None:
        """One line for a server; what it claims to be is only a claim, and its name cannot steer the terminal."""
        print_server(SERVER, ["nas", "attic"], as_json=False)
        self.assertEqual(
            self.out.getvalue(),
            "n\\x1bas              192.0.2.1:8421, 192.0.2.2:8421   SHA256:0123456789abcdef...   "
            "claims to be nas and attic\n",
        )

    def test_json(self) -> None:
        """One object for a server."""
        print_server(SERVER, [], as_json=True)
        self.assertEqual(
            json.loads(self.out.getvalue()),
            {
                "name": "n\x1bas",
                "addresses": ["192.0.2.1:8421", "192.0.2.2:8421"],
                "port": 8421,
                "fingerprint": "0123456789abcdef",
                "remotes": [],
            },
        )

    def test_known(self) -> None:
        """Known servers are found by their short fingerprint; two names for one server are both kept."""
        ca = identity("home").ca_pem
        remotes = [Remote(name, [Address("h", 1)], "ann", "", ca) for name in ("a", "b")]
        self.assertEqual(names_by_fingerprint(remotes), {short(remotes[0].fingerprint): ["a", "b"]})

    def test_seconds(self) -> None:
        """A time that is not a number, not positive or too long is refused."""
        for text in ("x", "0", "-1", "61", "nan"):
            self.assertEqual(self.homeftp("discover", f"--seconds={text}"), Exit.USAGE)
            self.assertIn("expected a number of seconds, at most 60", self.err.getvalue())
