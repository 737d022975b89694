"""`homeftp mv` against a server in memory; tests/system/cli/test_files.py has a terminal."""

from __future__ import annotations

import json

import attrs

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import SeenStore
from homeftp.dispatchers.move import MoveDispatcher
from tests.support.commandline import RemoteCommandCase


class MvTests(RemoteCommandCase):
    """The command line."""

    extra = (MoveDispatcher(),)

    def setUp(self) -> None:
        super().setUp()
        for name in ("a", "b", "lib/c"):
            self.make_remote_file(name, name.encode())

    def test_moved(self) -> None:
        """Files are moved without a word; -v and --json say what was moved."""
        self.assertEqual(self.homeftp("mv", "nas:a", "nas:/new"), Exit.DONE)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", ""))
        self.homeftp("mv", "-v", "nas:new", "nas:lib")
        self.assertEqual(self.out.getvalue(), "Moved new to lib/new.\n")
        self.homeftp("mv", "--json", "nas:lib", "nas:old")
        fields = {"outcome": "moved", "name": "lib", "to": "old", "kind": "directory"}
        self.assertEqual(json.loads(self.out.getvalue()), fields)
        self.assertEqual(self.remote_files(), {"old/new": b"a", "old/c": b"lib/c", "b": b"b"})

    def test_existing(self) -> None:
        """Without a terminal a file at the target stays, unless -f; the others are moved."""
        self.make_remote_file("lib/a", b"12345")
        self.assertEqual(self.homeftp("mv", "nas:a", "nas:b", "nas:lib"), Exit.DIFFERS)
        self.assertRegex(self.err.getvalue(), r"\Ahomeftp: lib/a exists: 5 B, 2023-.* It was not replaced; use -f")
        self.assertEqual(self.remote_files(), {"a": b"a", "lib/a": b"12345", "lib/b": b"b", "lib/c": b"lib/c"})
        self.homeftp("mv", "--json", "nas:a", "nas:lib")
        self.assertEqual(json.loads(self.out.getvalue())["outcome"], "exists")
        self.assertEqual(self.homeftp("mv", "-f", "nas:a", "nas:lib"), Exit.DONE)
        self.assertEqual(self.server.read("lib/a"), b"a")

    def test_damaged_record(self) -> None:
        """A person is told that the record of what this machine has seen was damaged."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"damaged" * 1000)
        self.context = attrs.evolve(self.context, seen=SeenStore(path))
        self.addCleanup(self.context.seen.close)
        for words, told in ((("nas:a", "nas:new"), 1), (("nas:new", "nas:a"), 0)):
            self.assertEqual(self.homeftp("mv", *words), Exit.DONE)
            self.assertEqual(self.err.getvalue().count("was damaged"), told)

    def test_refused(self) -> None:
        """Paths that make no sense, and those on two servers."""
        for words, status in (
            (("nas:none", "nas:x"), Exit.REFUSED),
            (("nas:a", "nas:a"), Exit.USAGE),
            (("nas:a", "attic:a"), Exit.USAGE),
            (("nas:a", "local"), Exit.USAGE),
        ):
            self.assertEqual(self.homeftp("mv", *words), status, words)
            self.assertEqual(len(self.err.getvalue().splitlines()), 1)
