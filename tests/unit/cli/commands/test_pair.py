"""`homeftp pair` up to the connection, and what it stores after it; tests/system/cli/test_pair.py pairs for real."""

from __future__ import annotations

import os

from homeftp.cli.commands.pair import choose_server, free_name, split_address_and_code, store_pairing
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import Address, ConnectionFailed, PairingResult
from homeftp.client.known.discover import AnnouncedServer
from homeftp.client.known.remotes import Remote, Remotes
from homeftp.errors import OperatorError
from tests.support.commandline import CommandCase

HERE, THERE = Address("192.0.2.1", 8421), Address("192.0.2.2", 8421)


class PairCase(CommandCase):
    """A client's folder that knows the server nas by a password."""

    def setUp(self) -> None:
        super().setUp()
        self.home = os.path.abspath(self.mktemp())
        self.patch(os, "environ", {**os.environ, "HOMEFTP_HOME": self.home})
        self.remotes = Remotes(self.home)
        self.remotes.save(Remote("nas", [HERE], "ann", "secret", b"ca"))


class ArgumentTests(PairCase):
    """What the command line may say."""

    def test_split(self) -> None:
        """A code alone, with hyphens or spaces, is not taken for an address."""
        for words, expected in (
            ([], (None, "")),
            (["7-guitar-pine"], (None, "7-guitar-pine")),
            (["7", "guitar", "pine"], (None, "7 guitar pine")),
            (["nas"], ("nas", "")),
            (["nas", "7", "guitar", "pine"], ("nas", "7 guitar pine")),
        ):
            self.assertEqual(split_address_and_code(words), expected)

    def test_refused(self) -> None:
        """A wrong code and a wrong or taken name are refused before anything is sent."""
        for words, message in (
            ("7-guitar", "a number and two words"),
            ("7-gitar-pine", "guitar"),
            ("7-guitar-pine --name nas", "there is already a server named nas."),
            ("7-guitar-pine --name x", "x"),
        ):
            self.assertEqual(self.homeftp("pair", "127.0.0.1:1", *words.split()), Exit.USAGE)
            self.assertIn(message, self.err.getvalue())


class ChooseTests(PairCase):
    """choose_server."""

    def test_one(self) -> None:
        """One server, announced several times, is chosen with all its addresses."""
        found = [AnnouncedServer("nas", (HERE, THERE), "a1"), AnnouncedServer("nas", (THERE,), "a1")]
        self.assertEqual(choose_server(found), ([HERE, THERE], "a1"))

    def test_none(self) -> None:
        """Without an announcement the message asks for an address."""
        self.assertRegex(str(self.assertRaises(ConnectionFailed, choose_server, [])), ": homeftp pair HOST$")

    def test_several(self) -> None:
        """Several servers are named, up to four, with names that cannot steer the terminal."""
        found = [AnnouncedServer(f"n\x1b{number}", (HERE,), f"f{number}") for number in range(5)]
        message = str(self.assertRaises(OperatorError, choose_server, found))
        self.assertIn("several servers announce themselves: n\\x1b0 at 192.0.2.1:8421; ", message)
        self.assertNotIn("n\\x1b4", message)
        self.assertIn("and others (`homeftp discover` lists them)", message)


class StoreTests(PairCase):
    """store_pairing."""

    def test_new(self) -> None:
        """A new server is stored under its host name, with a number when that is taken."""
        paired = PairingResult("NAS", "bob", "laptop", "SHA256:x", b"other", b"cert", b"key")
        self.assertEqual(store_pairing(self.remotes, paired, [THERE, HERE], None), "nas-2")
        stored = self.remotes.load("nas-2")
        self.assertEqual(
            (stored.addresses, stored.user, stored.device, stored.key), ((THERE, HERE), "bob", "laptop", b"key")
        )

    def test_again(self) -> None:
        """A known server with the same account keeps its name, gets the address, and needs its password no more."""
        paired = PairingResult("box", "ann", "laptop", "SHA256:x", b"ca", b"cert", b"key")
        self.assertEqual(store_pairing(self.remotes, paired, [THERE], None), "nas")
        stored = self.remotes.load("nas")
        self.assertEqual((stored.addresses, stored.password, stored.certificate), ((THERE, HERE), "", b"cert"))
        self.assertEqual(self.remotes.names(), ["nas"])

    def test_names(self) -> None:
        """A host name becomes a valid name; one without usable letters becomes nas."""
        for host, name in (("My NAS.local", "my-nas-local"), ("", "nas"), ("!", "nas"), ("语", "nas")):
            self.assertEqual(free_name(host, []), name)
        self.assertEqual(free_name("nas", ["nas", "nas-2"]), "nas-3")
