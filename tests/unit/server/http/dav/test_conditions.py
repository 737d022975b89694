"""Conditions: with a look, and again in one step with the change."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.files.files import Files
from homeftp.server.http.dav.conditions import matches
from tests.support.davcases import DavCase


class MatchesTests(SynchronousTestCase):
    """Lists of entity tags."""

    def test_matches(self) -> None:
        """A tag in a list, or any; weak ones only where they count."""
        for header, weak, found in (
            ('"a"', False, True),
            ('"b", "a"', False, True),
            ('"b","c"', False, False),
            ('W/"a"', False, False),
            ('W/"a"', True, True),
            ("*", False, True),
            ("a", False, False),
            ('"b" "a"', False, False),
            ('"b,"a"', False, False),
            ("", False, False),
        ):
            self.assertEqual(matches(header, '"a"', weak=weak), found, header)
        self.assertFalse(matches('"a"', None, weak=True))


class ChangeTests(DavCase):
    """Conditions of changes."""

    def test_put(self) -> None:
        """A file is replaced only while it is what the client saw, and made only where nothing is."""
        tag = self.put("a", b"1")
        for header, status in (
            (("If-None-Match", "*"), 412),
            (("If-Match", '"other"'), 412),
            (("If-Match", f"W/{tag}"), 412),
            (("If-None-Match", tag), 412),
            (("If-Unmodified-Since", "Wed, 01 May 2024 10:40:00 GMT"), 412),
            (("If", '(["other"])'), 412),
        ):
            self.assertEqual(self.status("PUT", "a", header, body=b"2"), status, header)
        self.assertEqual((self.content("a"), self.versions("a")), (b"1", 0))
        for header in (
            ("If-Match", tag),
            ("If-Match", "*"),
            ("If-None-Match", '"other"'),
            ("If-Unmodified-Since", "Wed, 01 May 2124 10:40:00 GMT"),
            ("If-Unmodified-Since", "nonsense"),
        ):
            self.assertEqual(self.status("PUT", "a", header, body=b"2"), 204, header)
            tag = self.put("a", b"1")
        self.assertEqual(self.status("PUT", "b", ("If-Match", "*"), body=b"2"), 412)
        self.assertEqual(self.status("PUT", "b", ("If-Match", tag), body=b"2"), 412)
        self.assertEqual(self.status("PUT", "b", ("If-None-Match", "*"), body=b"2"), 201)

    def test_other_changes(self) -> None:
        """So it is with DELETE, MOVE and COPY."""
        tag = self.put("a", b"1")
        for method in ("DELETE", "MOVE", "COPY"):
            bad = self.status(method, "a", ("If-Match", '"x"'), ("Destination", "/dav/b"))
            self.assertEqual((bad, self.content("a"), self.content("b")), (412, b"1", None), method)
        self.assertEqual(self.status("COPY", "a", ("If-Match", tag), ("Destination", "/dav/b")), 201)
        self.assertEqual(self.status("DELETE", "a", ("If-Match", tag)), 204)

    def change_between(self, *headers: tuple[str, str]) -> int:
        """The status of a PUT whose file another program changes between the look and the change."""
        upload = Files.upload

        def late(files: Files, *args: Any) -> Any:
            self.server.put("a", b"meanwhile")
            return upload(files, *args)

        with mock.patch.object(Files, "upload", late):
            return self.status("PUT", "a", *headers, body=b"2")

    def test_atomic(self) -> None:
        """What changes between the look and the change is noticed by the store; without a condition it is replaced."""
        tag = self.put("a", b"1")
        self.assertEqual(self.change_between(("If-Match", tag)), 412)
        self.assertEqual(self.content("a"), b"meanwhile")

    def test_atomic_absent(self) -> None:
        """So it is where nothing was there."""
        self.assertEqual(self.change_between(("If-None-Match", "*")), 412)
        self.assertEqual(self.content("a"), b"meanwhile")

    def test_atomic_control(self) -> None:
        """Without a condition the file that appeared meanwhile is replaced, and becomes a version."""
        self.assertEqual(self.change_between(), 201)
        self.assertEqual((self.content("a"), self.versions("a")), (b"2", 1))

    def test_unknown_hash(self) -> None:
        """A file of another program, whose hash is not known, is read for its condition."""
        self.server.put("a", b"other program")
        tag = self.ask("HEAD", "a").headers["etag"]
        self.assertEqual(self.status("PUT", "a", ("If-Match", tag), body=b"2"), 204)
        self.assertEqual(self.content("a"), b"2")
