"""Answers as values: what a server must not say is a violation, never believed."""

from __future__ import annotations

from typing import Any, Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection import replies
from homeftp.client.errors import ProtocolViolation
from homeftp.model import ResumePoint

HASH = "sha256:" + "a" * 64
FILE = {"name": "", "kind": "file", "size": 10}


class ReplyTests(SynchronousTestCase):
    """Each answer, right and wrong."""

    def refused(self, function: Callable[..., object], *arguments: Any) -> None:
        with self.assertRaises(ProtocolViolation) as caught:
            function(*arguments)
        self.assertTrue(str(caught.exception).isprintable())

    def test_page(self) -> None:
        """A listing may name only legal names, each once, behind its listed directory."""
        names = replies.Names()
        entries = [{"name": "d", "kind": "directory"}, {"name": "d/a", "kind": "file", "size": 1}]
        listed = replies.page({"entries": entries, "skipped": [["link", "a link"]]}, names)
        self.assertEqual([entry.name for entry in listed.entries], ["d", "d/a"])
        self.assertEqual(listed.skipped, (("link", "a link"),))
        for name in ("..", "d/../x", "/etc", "x/a", "d/a", "d//b", "", ".", "a\0", "d/a/b", "\x1b[2J"):
            self.refused(replies.page, {"entries": [{"name": name, "kind": "file"}]}, names)
        self.refused(replies.page, {"entries": [{"name": "link", "kind": "symlink"}]}, names)

    def test_compared(self) -> None:
        """CMP's status, what is there and how much arrived must fit together."""
        absent = replies.compared(14, {})
        self.assertIsNone(absent.remote)
        same = replies.compared(10, {"differs": [], "remote": FILE})
        assert same.remote is not None
        self.assertEqual(same.remote.size, 10)
        arrived = replies.compared(14, {"resume_from": 5, "resume_hash": HASH}).arrived
        self.assertEqual(arrived, ResumePoint(5, HASH))
        self.assertIsNone(replies.compared(14, {"resume_from": 5}).arrived)
        for status, body in [(0, {}), (10, {}), (14, {"remote": FILE}), (10, {"remote": {**FILE, "name": "other"}})]:
            self.refused(replies.compared, status, body)

    def test_head(self) -> None:
        """As many bytes come as were asked for of a file of that size."""
        for content_length, offset, length in [(10, 0, None), (7, 3, None), (0, 99, None), (4, 0, 4), (3, 7, 4)]:
            self.assertEqual(replies.head(FILE, content_length, offset, length).size, 10)
            self.refused(replies.head, FILE, content_length + 1, offset, length)
        self.refused(replies.head, {**FILE, "kind": "directory"}, 10)
        self.refused(replies.head, {**FILE, "name": "other"}, 10)
        self.refused(replies.head, {**FILE, "size": -1}, 10)

    def test_versions(self) -> None:
        """Versions have legal names; the empty one is what was asked about."""
        found = replies.versions({"versions": [{"name": "", "at": 1}, {"name": "a/b", "at": 2, "size": 3}]})
        self.assertEqual([version.name for version in found], ["", "a/b"])
        for name in ("../a", "/a", "a//b"):
            self.refused(replies.versions, {"versions": [{"name": name, "at": 1}]})

    def test_hello(self) -> None:
        """A missing field has its default; a field of the wrong type is a violation."""
        hello = replies.understood({"protocol": 1, "limits": {"in_flight": 8}}, replies.Hello, "HELLO")
        self.assertEqual((hello.limits.in_flight, hello.limits.file_size, hello.account), (8, None, None))
        self.refused(replies.understood, {"protocol": "1"}, replies.Hello, "HELLO")

    def test_rights(self) -> None:
        """An account may what its rights say; where the server does not say, all; no rights are none."""
        for rights, expected in ((["read", "add"], True), (["add"], False), ([], False), (None, True)):
            self.assertEqual(replies.Hello(protocol=1, rights=rights).may("read"), expected, rights)
