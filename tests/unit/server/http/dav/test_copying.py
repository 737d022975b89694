"""COPY and MOVE."""

from __future__ import annotations

from homeftp.endpoint import parse
from homeftp.store.policy.rights import ALL
from tests.support.davcases import DavCase, destination

KEEP = ("Overwrite", "F")


class CopyTests(DavCase):
    """Copies of files and folders."""

    def setUp(self) -> None:
        super().setUp()
        self.put("a", b"a")
        self.put("b", b"b")
        for path in ("d", "d/e"):
            self.status("MKCOL", path)
        self.put("d/e/f", b"f")

    def test_file(self) -> None:
        """A copy, which replaces what is there unless that is not wanted."""
        self.assertEqual(self.status("COPY", "a", destination("c"), KEEP), 201)
        self.assertEqual(self.status("COPY", "a", destination("b"), KEEP), 412)
        self.assertEqual(self.content("b"), b"b")
        self.assertEqual(self.status("COPY", "a", destination("b")), 204)
        self.assertEqual((self.content("a"), self.content("b"), self.versions("b")), (b"a", b"a", 1))

    def test_folder(self) -> None:
        """A folder with everything in it, or alone."""
        self.assertEqual(self.status("COPY", "d", destination("x")), 201)
        self.assertEqual((self.content("x/e/f"), self.content("d/e/f")), (b"f", b"f"))
        self.assertEqual(self.status("COPY", "d", destination("y"), ("Depth", "0")), 201)
        self.assertIsNone(self.server.store.stat(parse("y/e")))

    def test_hidden(self) -> None:
        """What an account does not see is not copied, and neither are its properties."""
        for path in ("d", "d/e", "d/e/f", "d/g", "d/ef"):
            self.database.change(parse(path), {("urn:x", "p"): path}, "1")
        self.narrow({"d": ALL, "d/e": frozenset(), "x": ALL})
        self.assertEqual(self.status("COPY", "d", destination("x/y")), 201)
        found = [self.database.of(parse(f"x/y{name}")) for name in ("", "/e", "/e/f", "/g", "/ef")]
        self.assertEqual([each.get(("urn:x", "p")) for each in found], ["d", None, None, "d/g", "d/ef"])

    def test_way(self) -> None:
        """Properties of a directory that only leads to the account's folders are not copied."""
        self.database.change(parse("d"), {("urn:x", "p"): "d"}, "1")
        self.narrow({"d/e": ALL, "x": ALL})
        for target, headers in (("x/flat", [("Depth", "0")]), ("x/deep", [])):
            self.assertEqual(self.status("COPY", "d", destination(target), *headers), 201)
            self.assertEqual(self.database.of(parse(target)), {})

    def test_replaces(self) -> None:
        """What is at the destination is removed first, and its files become versions."""
        self.assertEqual(self.status("COPY", "a", destination("d")), 204)
        self.assertEqual((self.content("d"), self.versions("d/e/f")), (b"a", 1))
        self.status("MKCOL", "x")
        self.put("x/old", b"old")
        self.assertEqual(self.status("COPY", "x", destination("d")), 204)
        self.assertEqual(self.content("d/old"), b"old")

    def test_refused(self) -> None:
        """Nothing is copied or moved into itself, onto itself, or onto the folder that it is in."""
        for method in ("COPY", "MOVE"):
            for source, target in (("d", "d/x"), ("d", "d"), ("d/e", "d"), ("", "x")):
                self.assertEqual(self.status(method, source, destination(target)), 403, (method, source, target))
            self.assertEqual(self.status(method, "nothing", destination("x")), 404)
        self.assertEqual(self.content("d/e/f"), b"f")

    def test_properties(self) -> None:
        """Properties go with a copy, with a move, and with what is removed."""
        self.properties_set("d/e/f")
        self.status("COPY", "d", destination("x"))
        self.status("MOVE", "d", destination("y"))
        for path, there in (("x/e/f", True), ("y/e/f", True)):
            (found,) = self.properties(path).values()
            self.assertEqual("{urn:x}p" in found, there, path)
        self.status("DELETE", "y")
        self.assertEqual((self.database.of(parse("y/e/f")), self.database.of(parse("d/e/f"))), ({}, {}))
        self.assertNotEqual(self.database.of(parse("x/e/f")), {})

    def properties_set(self, path: str) -> None:
        body = b'<propertyupdate xmlns="DAV:"><set><prop><p xmlns="urn:x">1</p></prop></set></propertyupdate>'
        self.assertEqual(self.status("PROPPATCH", path, body=body), 207)


class MoveTests(DavCase):
    """Other names."""

    def setUp(self) -> None:
        super().setUp()
        self.put("a", b"a")
        self.put("b", b"b")
        self.status("MKCOL", "d")
        self.put("d/f", b"f")

    def test_file(self) -> None:
        """A file gets another name; what it replaces becomes a version."""
        self.assertEqual(self.status("MOVE", "a", destination("c"), KEEP), 201)
        self.assertEqual(self.status("MOVE", "c", destination("b"), KEEP), 412)
        self.assertEqual(self.status("MOVE", "c", destination("b")), 204)
        self.assertEqual((self.content("a"), self.content("b"), self.versions("b")), (None, b"a", 1))
        self.assertEqual(self.status("MOVE", "b", destination("x"), ("Depth", "0")), 400)

    def test_folder(self) -> None:
        """A folder gets another name, with everything in it, also over what is there."""
        self.assertEqual(self.status("MOVE", "d", destination("e")), 201)
        self.status("MKCOL", "x")
        self.put("x/old", b"old")
        self.assertEqual(self.status("MOVE", "e", destination("x")), 204)
        self.assertEqual((self.content("x/f"), self.content("x/old"), self.versions("x/old")), (b"f", None, 1))
        self.assertEqual(self.status("MOVE", "a", destination("x")), 204)
        self.assertEqual(self.content("x"), b"a")

    def test_lock(self) -> None:
        """A lock does not go with what is moved (RFC 4918, 7.5), and forbids to replace what it is on."""
        token = self.lock("a")
        self.assertEqual(self.status("MOVE", "b", destination("a")), 423)
        self.assertEqual(self.status("MOVE", "a", destination("c"), ("If", f"(<{token}>)")), 201)
        self.assertEqual(self.status("PUT", "c", body=b"x"), 204)
