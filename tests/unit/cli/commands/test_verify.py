"""`homeftp verify NAME:PATH` against a server in memory."""

from __future__ import annotations

import json
import os

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.dispatchers.verify import VerifyDispatcher
from homeftp.endpoint import ROOT
from tests.support.commandline import RemoteCommandCase
from tests.support.flips import flip


class VerifyTests(RemoteCommandCase):
    """The command line."""

    extra = (VerifyDispatcher(),)

    def damage(self) -> None:
        """`lib/a` is damaged, and `lib/b` is not."""
        for name in "ab":
            self.push(self.make_file(name, b"good"), f"lib/{name}")
        cache = os.path.join(self.server.folder, "index.sqlite")
        list(self.server.store.verify(ROOT))
        flip(os.path.join(self.server.root, "lib/a"), b"evil", cache)

    def test_sound(self) -> None:
        """Nothing damaged: a summary, and exit code 0."""
        self.make_remote_file("a")
        self.assertEqual(self.homeftp("verify", "nas:"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "")
        self.assertRegex(
            self.err.getvalue(), r"\AVerified 1 file and 0 versions, 7 B in .* s: nothing is damaged\.\n\Z"
        )

    def test_damaged(self) -> None:
        """Each damaged file is named, and the exit code is 1; --json prints objects."""
        self.damage()
        os.unlink(os.path.join(self.server.root, "lib/b"))
        self.assertEqual(self.homeftp("verify", "nas:lib"), Exit.DIFFERS)
        self.assertEqual(self.out.getvalue(), "damaged: a: the disk has another content than was stored\n")
        self.assertEqual(self.homeftp("verify", "--json", "nas:lib"), Exit.DIFFERS)
        damage, summary = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual((damage["outcome"], damage["name"], damage["kind"]), ("damaged", "a", "file"))
        self.assertEqual(summary["summary"], {"files": 1, "versions": 0, "damaged": 1, "mended": 0})
        self.assertEqual(self.homeftp("verify", "--json", "nas:lib/a"), Exit.DIFFERS)
        self.assertEqual(json.loads(self.out.getvalue().splitlines()[0])["name"], "lib/a")

    def test_mended(self) -> None:
        """What the server has copied again is told too, and counts as found."""
        self.damage()
        self.assertEqual(self.homeftp("verify", "-q", "nas:lib/a"), Exit.DIFFERS)
        self.assertRegex(self.out.getvalue(), r"\Amended: lib/a: it was damaged, ")
        self.assertEqual(self.homeftp("verify", "-q", "nas:lib/a"), Exit.DONE)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", ""))

    def test_refused(self) -> None:
        """A path that does not exist, and a server that cannot, are refused."""
        self.assertEqual(self.homeftp("verify", "nas:none"), Exit.REFUSED)
        self.assertIn("none does not exist", self.err.getvalue())
        self.client.server_info.request_types.remove("VERIFY")
        self.assertEqual(self.homeftp("verify", "nas:"), Exit.REFUSED)
        self.assertIn("Ask its owner to update it", self.err.getvalue())

    def test_cmp_reread(self) -> None:
        """`cmp --reread` finds what a plain `cmp` takes for the same."""
        self.damage()
        os.unlink(os.path.join(self.server.root, "lib/b"))
        for options, code in (((), Exit.DONE), (("--reread",), Exit.DIFFERS), ((), Exit.DIFFERS)):
            self.assertEqual(self.homeftp("cmp", *options, f"{self.here}/a", "nas:lib/a"), code, options)
