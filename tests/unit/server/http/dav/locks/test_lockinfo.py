"""Locks as XML."""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import BadRequest
from homeftp.server.http.dav.locks.lockinfo import lock_discovery, lock_request, timeout_seconds
from homeftp.server.http.dav.locks.lockset import MAX_OWNER, MAX_SECONDS
from homeftp.server.http.dav.xmlbody import parse_xml
from tests.support.davcases import EXCLUSIVE, SHARED
from tests.support.lockcontract import new_lock


class LockInfoTests(SynchronousTestCase):
    """What is asked for, and what is told."""

    def test_request(self) -> None:
        """A write lock, exclusive or shared, with what the client says of its owner."""
        for body, exclusive in ((EXCLUSIVE, True), (SHARED, False)):
            found = lock_request(parse_xml(body))
            self.assertEqual((found.is_exclusive, found.owner), (exclusive, "me"))
        owner = b'<D:href>mailto:x</D:href><y xmlns="urn:y"/>'
        self.assertIn("mailto:x", lock_request(parse_xml(EXCLUSIVE.replace(b"me", owner))).owner)

    def test_refused(self) -> None:
        """Anything else."""
        for body in (
            EXCLUSIVE.replace(b"lockinfo", b"x"),
            EXCLUSIVE.replace(b"<D:write/>", b""),
            EXCLUSIVE.replace(b"<D:exclusive/>", b""),
            EXCLUSIVE.replace(b"<D:exclusive/>", b"<D:exclusive/><D:shared/>"),
            EXCLUSIVE.replace(b"me", b"m" * (MAX_OWNER + 1)),
        ):
            self.assertRaises(BadRequest, lock_request, parse_xml(body))

    def test_timeout(self) -> None:
        """The first number of seconds in the header."""
        for header, seconds in (
            (None, None),
            ("Second-5", 5),
            ("Second-" + "9" * 6000, MAX_SECONDS),
            ("Infinite, Second-4100000000", 4100000000),
            ("Infinite", None),
            ("Second-x", None),
            ("Second-²", None),
        ):
            self.assertEqual(timeout_seconds(header), seconds, header)

    def test_discovery(self) -> None:
        """An account sees its own locks whole, and of others' neither the token nor the owner."""
        lock = new_lock("home/a b", is_deep=False, owner="<x/>", is_folder=True, seconds=7)
        for account, own in (("ann", True), ("bob", False)):
            text = lock_discovery([lock], parse("home"), account)
            root = ElementTree.fromstring(f'<x xmlns:D="DAV:">{text}</x>')
            self.assertEqual(root.findtext(".//{DAV:}lockroot/{DAV:}href"), "/dav/a%20b/")
            self.assertEqual((root.findtext(".//{DAV:}depth"), root.findtext(".//{DAV:}timeout")), ("0", "Second-7"))
            self.assertEqual(lock.token in text, own)
            self.assertEqual("<x/>" in text, own)
        self.assertIn("<D:href>/dav/</D:href>", lock_discovery([lock], parse("elsewhere"), "ann"))
        self.assertEqual(lock_discovery([], parse("home"), "ann"), "")
