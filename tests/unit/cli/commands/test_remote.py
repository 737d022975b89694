"""`homeftp remote` without a connection; tests/system/cli/test_remote.py adds real servers."""

from __future__ import annotations

import json
import os
import sys

from homeftp.cli.commands.remote import confirm_identity
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import Address, SeenScope, SeenStore, ServerIdentity, seen_path
from homeftp.client.known.remotes import Remote, Remotes
from homeftp.config import MAX_ADDRESSES
from homeftp.errors import UntrustedServer
from homeftp.hashing.filehash import hash_bytes
from tests.support.commandline import CommandCase, Output
from tests.support.fakeserver import identity

IDENTITY = ServerIdentity(ca=b"", fingerprint="SHA256:aa")


class RemoteTests(CommandCase):
    """The actions on stored servers."""

    def setUp(self) -> None:
        super().setUp()
        home = os.path.abspath(self.mktemp())
        self.patch(os, "environ", {**os.environ, "HOMEFTP_HOME": home})
        self.remotes = Remotes(home)
        self.remotes.save(
            Remote("nas", [Address("h", 8421)], "ann", "secret", b"ca", device="laptop", certificate=b"c", key=b"k")
        )

    def test_list(self) -> None:
        """Each server is a line, or an object; the password is in neither."""
        self.assertEqual(self.homeftp("remote", "list"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), f"{'nas':20} h:8421 as ann, device laptop\n")
        self.homeftp("remote", "list", "--json")
        listed = {"name": "nas", "addresses": ["h:8421"], "user": "ann", "device": "laptop"}
        self.assertEqual(json.loads(self.out.getvalue()), listed)

    def test_remove(self) -> None:
        """A removed server is gone; a second time it is unknown."""
        self.assertEqual(self.homeftp("remote", "remove", "nas"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Removed nas from this machine's servers.\n")
        self.assertEqual(self.homeftp("remote", "remove", "nas"), Exit.USAGE)
        self.assertEqual(self.remotes.names(), [])

    def test_forgotten(self) -> None:
        """Removing a server removes what was seen on it, but not while the server has another name here."""
        for which in ("home", "other"):
            for name in (which, f"{which}-too"):
                self.remotes.save(Remote(name, [Address("h", 8421)], "ann", "secret", identity(which).ca_pem))
        home, other = (SeenScope(identity(which).fingerprint, "ann") for which in ("home", "other"))
        store = SeenStore(seen_path(os.environ))
        self.addCleanup(store.close)
        for place in (home, other):
            store.record(place, [("a", hash_bytes(b""))])
        for name, left in (("home", 1), ("home-too", 0)):
            self.assertEqual(self.homeftp("remote", "remove", name), Exit.DONE)
            self.assertEqual(len(store.last(home, ["a"])), left)
        self.assertEqual(len(store.last(other, ["a"])), 1)

    def test_addresses(self) -> None:
        """An address is added once, and removed; the last one stays."""
        for _ in range(2):
            self.assertEqual(self.homeftp("remote", "add-address", "nas", "i"), Exit.DONE)
            self.assertEqual(self.out.getvalue(), "The addresses of nas are now: h:8421, i:8421\n")
        self.assertEqual(self.homeftp("remote", "remove-address", "nas", "x"), Exit.USAGE)
        self.assertIn("nas has no address x:8421. Its addresses are: h:8421, i:8421", self.err.getvalue())
        self.assertEqual(self.homeftp("remote", "remove-address", "--json", "nas", "h"), Exit.DONE)
        self.assertEqual(json.loads(self.out.getvalue()), {"name": "nas", "addresses": ["i:8421"]})
        self.assertEqual(self.homeftp("remote", "remove-address", "nas", "i"), Exit.USAGE)
        self.assertIn("i:8421 is the only address of nas.", self.err.getvalue())

    def test_too_many(self) -> None:
        """One address more than the most is refused, with how to remove one."""
        for number in range(MAX_ADDRESSES - 1):
            self.assertEqual(self.homeftp("remote", "add-address", "nas", f"h{number}"), Exit.DONE)
        self.assertEqual(self.homeftp("remote", "add-address", "nas", "i"), Exit.USAGE)
        self.assertIn(f"nas already has {MAX_ADDRESSES} addresses. Remove one first", self.err.getvalue())

    def test_name_taken(self) -> None:
        """A taken name is refused with both ways out, before anything is sent."""
        self.assertEqual(self.homeftp("remote", "add", "nas", "i", "--user", "ann"), Exit.USAGE)
        self.assertIn("`homeftp remote add-address nas i`", self.err.getvalue())
        self.assertIn("`homeftp remote remove nas`", self.err.getvalue())


class IdentityTests(CommandCase):
    """confirm_identity."""

    def test_given(self) -> None:
        """With --fingerprint nothing is asked: it fits, or it does not."""
        confirm_identity(IDENTITY, "SHA256:aa", "h:8421")
        error = self.assertRaises(UntrustedServer, confirm_identity, IDENTITY, "SHA256:bb", "h:8421")
        self.assertIn("has the fingerprint SHA256:aa, not SHA256:bb. Nothing was sent", str(error))

    def test_no_terminal(self) -> None:
        """Without a terminal and without --fingerprint the command refuses."""
        self.patch(sys, "stdin", Output(terminal=False))
        error = self.assertRaises(UntrustedServer, confirm_identity, IDENTITY, None, "h:8421")
        self.assertIn("pass it with --fingerprint", str(error))

    def test_asked(self) -> None:
        """At a terminal only yes is yes."""
        self.patch(sys, "stderr", Output(terminal=True))
        for answer, agreed in (("y", True), ("YES", True), ("n", False), ("", False), ("maybe", False)):
            terminal = Output(terminal=True)
            terminal.write(f"{answer}\n")
            terminal.seek(0)
            self.patch(sys, "stdin", terminal)
            if agreed:
                confirm_identity(IDENTITY, None, "h:8421")
            else:
                self.assertRaises(UntrustedServer, confirm_identity, IDENTITY, None, "h:8421")
