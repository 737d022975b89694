"""PUT, MKCOL and DELETE."""

from __future__ import annotations

import os

from homeftp.accounts.access import AccessTable
from homeftp.config import MIB, SMALL_FILE, Limits
from homeftp.endpoint import parse
from homeftp.store.policy.rights import parse_rights
from tests.support.davcases import DavCase
from tests.support.httpclient import basic


class PutTests(DavCase):
    """Whole files."""

    limits = Limits(file_size=5 * MIB)

    def test_put(self) -> None:
        """A new file is 201, a replaced one 204 and a version; of any size, in chunks too."""
        for size in (0, 1, SMALL_FILE, SMALL_FILE + 1, 3 * MIB):
            content = os.urandom(size)
            self.assertEqual(self.status("PUT", f"f{size}", body=content), 201)
            self.assertEqual(self.content(f"f{size}"), content)
            chunks = b"%x\r\n%b\r\n" % (size, content) * bool(size) + b"0\r\n\r\n"
            answer = self.ask("PUT", f"f{size}", ("Transfer-Encoding", "chunked"), body=chunks)
            self.assertEqual((answer.status, self.content(f"f{size}")), (204, content))
        self.assertEqual(self.versions("f1"), 1)

    def test_empty(self) -> None:
        """An empty file, which many programs make before they send its content, leaves no version when they do."""
        for content in (b"content", bytes(SMALL_FILE + 1)):
            self.put("a", b"")
            self.put("a", content)
            self.assertEqual(self.versions("a"), 0)
            self.status("DELETE", "a")
            self.assertEqual(self.versions("a"), 1, "the control")
            self.setUp()

    def test_mtime(self) -> None:
        """`X-OC-Mtime` sets the time of the file."""
        for given, mtime_us in (("1714560000", 1_714_560_000_000_000), ("1714560000.25", 1_714_560_000_250_000)):
            answer = self.ask("PUT", "a", ("X-OC-Mtime", given), body=b"x")
            self.assertEqual(answer.headers["x-oc-mtime"], "accepted")
            found = self.server.store.stat(parse("a"))
            assert found is not None
            self.assertEqual(found.mtime_us, mtime_us)
        for given in ("x", "nan", "inf", "9" * 40, "0" * 5000 + "1", ""):
            self.assertEqual(self.status("PUT", "a", ("X-OC-Mtime", given), body=b"y"), 400, given)
        self.assertEqual(self.content("a"), b"x")

    def test_refused(self) -> None:
        """Parts of files, encoded contents and folders."""
        self.status("MKCOL", "d")
        for path, header, status in (
            ("a", ("Content-Range", "bytes 0-1/2"), 400),
            ("a", ("Content-Encoding", "gzip"), 415),
            ("d", ("X", "y"), 405),
            ("d/", ("X", "y"), 405),
            ("a/", ("X", "y"), 405),
            ("", ("X", "y"), 405),
        ):
            self.assertEqual(self.status("PUT", path, header, body=b"x"), status, path)
        self.assertIsNone(self.content("a"))

    def test_too_large(self) -> None:
        """A file over the limit is refused before it is sent, where its length is known; in chunks as it shows."""
        self.client.send("PUT", "/dav/a", (basic(), ("Content-Length", str(6 * MIB)), ("Expect", "100-continue")), None)
        self.assertEqual(self.client.answers("PUT")[0].status, 413)
        client = self.web.connect()
        chunk = b"%x\r\n%b\r\n" % (MIB, bytes(MIB))
        client.send("PUT", "/dav/a", (basic(), ("Transfer-Encoding", "chunked")), chunk * 6)
        self.assertEqual(client.answers("PUT")[0].status, 413)
        self.assertIsNone(self.content("a"))

    def test_cut(self) -> None:
        """Of an upload that breaks off nothing is seen, and nothing is left over."""
        self.put("a", b"old")
        for headers, sent in (
            ((("Content-Length", str(4 * MIB)),), bytes(3 * MIB)),
            ((("Transfer-Encoding", "chunked"),), b"%x\r\n%b\r\n" % (2 * MIB, bytes(2 * MIB))),
            ((("Content-Length", "10"),), b"123"),
        ):
            client = self.web.connect()
            client.send("PUT", "/dav/a", (basic(), *headers), sent)
            client.link.cut()
            self.assertEqual(self.content("a"), b"old")
            found = [name for _, _, names in os.walk(self.server.root) for name in names]
            self.assertEqual([name for name in found if name not in ("a", "clock", "lock")], [])


class FolderTests(DavCase):
    """MKCOL and DELETE."""

    def test_mkcol(self) -> None:
        """A folder is made where nothing is, in one that exists."""
        self.assertEqual(self.status("MKCOL", "d"), 201)
        self.assertEqual(self.status("MKCOL", "d/e/"), 201)
        self.put("f", b"x")
        for path in ("d", "f", ""):
            self.assertEqual(self.status("MKCOL", path), 405)
        self.assertEqual(self.status("MKCOL", "g", body=b"<x/>"), 415)
        self.assertIsNone(self.server.store.stat(parse("g")))

    def test_delete(self) -> None:
        """A file, or a folder with everything in it; files become versions."""
        self.status("MKCOL", "d")
        self.put("d/a", b"x")
        self.assertEqual(self.status("DELETE", "d", ("Depth", "0")), 400)
        self.assertEqual(self.status("DELETE", "d/"), 204)
        self.assertEqual((self.content("d/a"), self.versions("d/a")), (None, 1))
        self.assertEqual(self.status("DELETE", "d"), 404)
        self.assertEqual(self.status("DELETE", ""), 403)


class DropBoxTests(DavCase):
    """An account that may only add."""

    def test_drop(self) -> None:
        """It stores new files, and learns nothing of those that are there."""
        self.server.state.add_account("ann", None)
        AccessTable(self.server.state).set_rights("ann", parse_rights("add"))
        self.assertEqual(self.status("PUT", "a", body=b"x"), 201)
        for method in ("GET", "HEAD", "PROPFIND"):
            self.assertIn(self.status(method, "a", ("Depth", "0")), (403, 404))
        self.assertNotIn(self.status("PUT", "a", body=b"y"), (201, 204))
        self.assertIn(self.status("DELETE", "a"), (403, 404))
        self.assertEqual(self.content("a"), b"x")
