"""`homeftp versions` against a server in memory."""

from __future__ import annotations

import json
from typing import Any, Iterator, Sequence

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.dispatchers.history.restore import RestoreDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.endpoint import parse
from homeftp.model import Version
from homeftp.store.local.store import LocalStore
from homeftp.store.policy.wording import not_mounted
from tests.support.commandline import MOMENT, RemoteCommandCase


class VersionsTests(RemoteCommandCase):
    """The command line."""

    extra = (VersionsDispatcher(), RestoreDispatcher())

    def test_listed(self) -> None:
        """Each version is a line with the time of its end, its size and its name; --json prints objects."""
        for content in (b"1", b"22", b"333"):
            self.push(self.make_file("a", content), "lib/a", force=True)
        self.assertEqual(self.homeftp("versions", "nas:lib/a"), Exit.DONE)
        lines = self.out.getvalue().splitlines()
        self.assertEqual(len(lines), 2)
        for line, size in zip(lines, (2, 1), strict=True):
            self.assertRegex(
                line, rf"\A[0-9-]{{10}} [0-9:]{{8}}\.[0-9]{{6}}  +{size} B  of [0-9-]{{10}} [0-9:]{{5}}  a\Z"
            )
        self.assertEqual(self.homeftp("versions", "--json", "nas:lib"), Exit.DONE)
        self.assertEqual([json.loads(line)["name"] for line in self.out.getvalue().splitlines()], ["a", "a"])

    def test_sorted(self) -> None:
        """By name and then the newest first, also where a folder has many; with --sort time the newest of all first."""
        for name in ("b", "a", "c/d", "b"):
            for content in (b"1", b"22"):
                self.push(self.make_file("x", content), f"lib/{name}", force=True)
        self.homeftp("versions", "--json", "nas:lib")
        found = [json.loads(line) for line in self.out.getvalue().splitlines()]
        self.assertEqual([each["name"] for each in found], ["a", "b", "b", "b", "c/d"])
        times = [each["at"] for each in found if each["name"] == "b"]
        self.assertEqual(times, sorted(times, reverse=True))
        self.homeftp("versions", "--json", "--sort", "time", "nas:lib")
        times = [json.loads(line)["at"] for line in self.out.getvalue().splitlines()]
        self.assertEqual((len(times), times), (5, sorted(times, reverse=True)))

    def test_long(self) -> None:
        """--long prints mode, exact size, time and hash."""
        for content in (b"1", b"22"):
            self.push(self.make_file("a", content), "lib/a", force=True)
        self.homeftp("versions", "-l", "nas:lib/a")
        hash = "sha256:[0-9a-f]{64}"
        self.assertRegex(
            self.out.getvalue(), rf"\A{MOMENT} -rw-r--r-- +1 2023-11-1\d [0-9:]{{8}} ({hash}|-[ ]{{70}}) a\n\Z"
        )

    def test_none(self) -> None:
        """A file without versions gives a message and exit code 0."""
        self.make_remote_file("a")
        for path, name in (("nas:a", "a"), ("nas:", "The shared folder")):
            self.assertEqual(self.homeftp("versions", path), Exit.DONE)
            self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", f"{name} has no previous versions.\n"))

    def test_incomplete(self) -> None:
        """What the server has listed before it refuses to go on is printed, and then the refusal."""
        for content in (b"1", b"22"):
            self.push(self.make_file("a", content), "lib/a", force=True)
        listed = LocalStore.versions

        def incomplete(store: LocalStore, *arguments: Any) -> Iterator[Sequence[Version]]:
            yield from listed(store, *arguments)
            raise not_mounted(parse("lib/disk"))

        self.patch(LocalStore, "versions", incomplete)
        for path, lines in (("nas:lib", 1), ("nas:lib/b", 0)):
            self.assertEqual(self.homeftp("versions", path), Exit.REFUSED)
            self.assertEqual(len(self.out.getvalue().splitlines()), lines)
            self.assertRegex(self.err.getvalue(), r"\Ahomeftp: .*the server's disk for lib/disk is not mounted.*\n\Z")
