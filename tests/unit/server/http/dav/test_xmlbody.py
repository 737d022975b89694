"""XML in both directions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BadRequest
from homeftp.server.http.dav.xmlbody import MAX_DEPTH, MAX_ELEMENTS, MAX_NAMES, empty, parse_xml, tags, xml_text
from tests.support.davcases import DavCase
from tests.support.repeatable import REPEATABLE

BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>"""


class ParseTests(SynchronousTestCase):
    """Bodies of requests."""

    def test_tree(self) -> None:
        """Elements with their namespaces, attributes and text."""
        root = parse_xml(b'<a xmlns="DAV:" xmlns:x="urn:x"><b x:c="1" d="2">t<x:e/>u</b><b/></a>')
        self.assertEqual(root.name, ("DAV:", "a"))
        found = root.find(("DAV:", "b"))
        assert found is not None
        self.assertEqual(found.attributes, {("urn:x", "c"): "1", ("", "d"): "2"})
        self.assertEqual((found.text, [each.name for each in found.children()]), ("tu", [("urn:x", "e")]))
        self.assertEqual(len(list(root.children())), 2)

    def test_refused(self) -> None:
        """No document type, and with it no entities; nothing that is not well-formed; nothing without bounds."""
        for document in (
            BOMB,
            OUTSIDE,
            b"<!DOCTYPE x><x/>",
            b"<x>&undefined;</x>",
            b"<x>",
            b"",
            b"x",
            b"<x></y>",
            b'<x:y xmlns:x=""/>',
            b"<x:y/>",
            b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
            b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>",
            b"<a>\xff</a>",
            b"<a>&#0;</a>",
        ):
            self.assertRaises(BadRequest, parse_xml, document)

    def test_long_namespaces(self) -> None:
        """A namespace is told once and counts with each element and attribute in it, as it is written out later."""
        uri = "u" * 1000
        most = MAX_NAMES // len(uri)
        for used, many in (("<a:b/>", most), ('<b a:c="" a:d="" a:e=""/>', most // 3)):
            fits, body = f'<x xmlns:a="{uri}">%s</x>', used * (many - 1)
            self.assertLess(len(parse_xml((fits % body).encode()).inner()), 2 * MAX_NAMES)
            self.assertRaises(BadRequest, parse_xml, (fits % (body + 2 * used)).encode())

    def test_inner(self) -> None:
        """What is in an element stays the same when it is read again, with namespaces of its own."""
        document = (
            b'<a xmlns="DAV:" xmlns:x="urn:x&amp;">t&lt;<b/><x:c x:d="&quot;" xml:lang="de" e="&lt;">&#x10000;</x:c>'
            b'<f xmlns="">g</f><xml:h><xml:i/></xml:h></a>'
        )
        root = parse_xml(document)
        again = parse_xml(f'<D:a xmlns:D="DAV:">{root.inner()}</D:a>'.encode())
        self.assertEqual(again.inner(), root.inner())
        self.assertIn("\U00010000", again.inner())
        self.assertEqual(again.outer(), root.outer())

    @REPEATABLE
    @given(st.text(), st.text())
    def test_text(self, text: str, more: str) -> None:
        """Any text can be told, without what XML does not have."""
        value = xml_text(text.encode("utf-8", "replace").decode())
        self.assertEqual(parse_xml(f"<a>{value}</a>".encode()).inner(), value.replace("\r\n", "\n").replace("\r", "\n"))


class TagTests(SynchronousTestCase):
    """Names of elements."""

    def test_tags(self) -> None:
        """Names of any namespace, of the one that no prefix but `xml` may have, and of none."""
        for name in (("DAV:", "a"), ("urn:x'\"", "a"), ("http://www.w3.org/XML/1998/namespace", "a"), ("", "a")):
            start, end = tags(name)
            self.assertEqual(parse_xml(f'<x xmlns:D="DAV:">{start}1{end}</x>'.encode()).content[0].name, name)  # type: ignore[union-attr]
            self.assertEqual(parse_xml(f'<x xmlns:D="DAV:">{empty(name)}</x>'.encode()).content[0].name, name)  # type: ignore[union-attr]


class RequestTests(DavCase):
    """Through the whole server."""

    def test_bombs(self) -> None:
        """Bombs, and bodies that are too large, are refused at once by every method that takes XML."""
        self.put("a", b"x")
        for method in ("PROPFIND", "PROPPATCH", "LOCK"):
            for body, status in ((BOMB, 400), (OUTSIDE, 400), (b"<a>" + bytes(300_000), 413)):
                self.assertEqual(self.status(method, "a", ("Depth", "0"), body=body), status, method)
