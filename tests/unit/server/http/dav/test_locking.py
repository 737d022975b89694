"""LOCK and UNLOCK."""

from __future__ import annotations

from xml.etree import ElementTree

from homeftp.accounts.access import AccessTable
from homeftp.endpoint import parse
from homeftp.server.http.dav.locks.lockset import DEFAULT_SECONDS, MAX_SECONDS
from homeftp.store.policy.rights import ADD, ALL, READ, parse_rights
from tests.support.davcases import EXCLUSIVE, SHARED, DavCase


class LockingTests(DavCase):
    """One account's locks."""

    def setUp(self) -> None:
        super().setUp()
        self.put("a", b"x")

    def test_lock(self) -> None:
        """A lock is told with its token, and found by PROPFIND; with UNLOCK it is gone."""
        answer = self.ask("LOCK", "a", ("Timeout", "Second-100"), body=EXCLUSIVE)
        token = answer.headers["lock-token"]
        root = ElementTree.fromstring(answer.body)
        self.assertEqual(f"<{root.findtext('.//{DAV:}locktoken/{DAV:}href')}>", token)
        self.assertEqual(root.findtext(".//{DAV:}timeout"), "Second-100")
        self.assertEqual(root.findtext(".//{DAV:}owner"), "me")
        self.assertEqual(self.status("LOCK", "a", body=EXCLUSIVE), 423)
        self.assertEqual(self.status("LOCK", "a", body=SHARED), 423)
        (found,) = self.properties("a").values()
        self.assertEqual(found["{DAV:}lockdiscovery"].findtext(".//{DAV:}lockroot/{DAV:}href"), "/dav/a")
        self.assertEqual(self.status("UNLOCK", "a", ("Lock-Token", token)), 204)
        self.assertEqual(self.status("UNLOCK", "a", ("Lock-Token", token)), 409)
        self.assertEqual(self.status("UNLOCK", "a"), 400)
        self.assertEqual(self.status("PUT", "a", body=b"y"), 204)

    def test_timeout(self) -> None:
        """A lock ends by itself, after no longer than a bound; a refresh begins its time anew."""
        for asked, seconds in ((None, DEFAULT_SECONDS), ("Infinite, Second-4100000000", MAX_SECONDS), ("Second-5", 5)):
            token = self.lock("a", *([("Timeout", asked)] if asked else []))
            self.advance(seconds - 1)
            self.assertEqual(self.status("PUT", "a", body=b"y"), 423)
            refreshed = self.ask("LOCK", "a", ("If", f"(<{token}>)"), ("Timeout", f"Second-{seconds}"))
            self.assertEqual((refreshed.status, "lock-token" in refreshed.headers), (200, False))
            self.advance(seconds - 1)
            self.assertEqual(self.status("PUT", "a", body=b"y"), 423)
            self.advance(1)
            self.assertEqual(self.status("PUT", "a", body=b"y"), 204)
            self.assertEqual(self.status("LOCK", "a", ("If", f"(<{token}>)")), 412)

    def advance(self, seconds: int) -> None:
        """Let time pass; connections end meanwhile."""
        self.web.clock.advance(seconds)
        self.client = self.web.connect()

    def test_unmapped(self) -> None:
        """What is locked and not there becomes an empty file, in a folder that exists."""
        token = self.lock("new")
        self.assertEqual(self.content("new"), b"")
        self.assertEqual(self.status("LOCK", "nothing/new", body=EXCLUSIVE), 409)
        self.assertEqual(self.status("PUT", "new", ("If", f"(<{token}>)"), body=b"content"), 204)
        self.assertEqual((self.content("new"), self.versions("new")), (b"content", 0))

    def test_shared(self) -> None:
        """Shared locks stand beside each other, and the token of one is enough."""
        token = self.lock("a", body=SHARED)
        self.lock("a", body=SHARED)
        self.assertEqual(self.status("LOCK", "a", body=EXCLUSIVE), 423)
        self.assertEqual(self.status("PUT", "a", body=b"y"), 423)
        self.assertEqual(self.status("PUT", "a", ("If", f"(<{token}>)"), body=b"y"), 204)

    def test_refused(self) -> None:
        """What is no lock, and the shared folder itself."""
        for path, header, body, status in (
            ("a", ("Depth", "1"), EXCLUSIVE, 400),
            ("a", ("X", "y"), b"<x/>", 400),
            ("a", ("X", "y"), b"", 412),
            ("", ("X", "y"), EXCLUSIVE, 403),
        ):
            self.assertEqual(self.status("LOCK", path, header, body=body), status, body)

    def test_read_only(self) -> None:
        """An account that may change nothing locks nothing."""
        self.server.state.add_account("ann", None)
        AccessTable(self.server.state).set_rights("ann", parse_rights("read"))
        self.assertEqual(self.status("LOCK", "a", body=EXCLUSIVE), 403)
        self.assertEqual(self.status("LOCK", "new", body=EXCLUSIVE), 403)
        self.assertIsNone(self.server.store.stat(parse("new")))

    def test_adds_only(self) -> None:
        """An account that may only add locks what is new, and keeps nobody from what is there."""
        self.status("MKCOL", "d")
        self.narrow({"d": frozenset({READ, ADD})})
        self.assertEqual(self.status("LOCK", "d", body=EXCLUSIVE), 403)
        self.assertEqual(self.status("LOCK", "d/new", body=EXCLUSIVE), 201)

    def test_deep(self) -> None:
        """With everything beneath it an account locks only a folder of which it may change everything."""
        self.status("MKCOL", "d")
        self.status("MKCOL", "d/in")
        self.narrow({"d": ALL, "d/in": frozenset({READ})})
        self.assertEqual(self.status("LOCK", "d", body=EXCLUSIVE), 403)
        self.assertEqual(self.status("LOCK", "d", ("Depth", "0"), body=EXCLUSIVE), 200)

    def test_other_account(self) -> None:
        """An account that gets the name of one that was removed has none of its locks, and sees no token of them."""
        self.server.state.add_account("ann", None)
        self.log_in_again()
        token = self.lock("a")
        given = "If", f"(<{token}>)"
        self.assertEqual(self.status("PUT", "a", given, body=b"y"), 204, "the control")
        self.server.state.remove_account("ann")
        self.server.state.add_account("ann", None)
        self.log_in_again()
        (found,) = self.properties("a").values()
        self.assertIsNone(found["{DAV:}lockdiscovery"].find(".//{DAV:}locktoken"))
        self.assertEqual(self.status("PUT", "a", given, body=b"z"), 423)
        self.assertEqual(self.status("UNLOCK", "a", ("Lock-Token", f"<{token}>")), 403)
