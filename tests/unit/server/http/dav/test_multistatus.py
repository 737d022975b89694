"""Responses about several resources."""

from __future__ import annotations

from typing import AsyncIterator
from xml.etree import ElementTree

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.http.dav.multistatus import error_text, multistatus, names, propstat, response, values


class MultiStatusTests(SynchronousTestCase):
    """One response."""

    def test_whole(self) -> None:
        """Properties with and without values, by their status, for each URL."""
        found = propstat(values({("DAV:", "a"): "1", ("urn:x", "b"): "<c/>"}), 200)
        told = response("/dav/a&b", found + propstat(names([("", "d")]), 404) + propstat("", 403))
        made = multistatus([told, told])
        assert isinstance(made.body, bytes)
        root = ElementTree.fromstring(made.body)
        self.assertEqual((made.status, len(root)), (207, 2))
        self.assertEqual(root.findtext("{DAV:}response/{DAV:}href"), "/dav/a&b")
        statuses = [each.text for each in root[0].iter("{DAV:}status")]
        self.assertEqual(statuses, ["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"])
        self.assertIsNotNone(root.find(".//{urn:x}b/c"))
        self.assertIsNotNone(root.find(".//d"))

    def test_streamed(self) -> None:
        """What comes piece by piece is one document."""

        async def pieces() -> AsyncIterator[str]:
            for number in range(3):
                yield response(f"/{number}", "")

        async def sent() -> bytes:
            body = multistatus(pieces()).body
            return b"".join([piece async for piece in body])  # type: ignore[union-attr]

        document = Deferred.fromCoroutine(sent())
        self.assertEqual(len(ElementTree.fromstring(self.successResultOf(document))), 3)

    def test_condition(self) -> None:
        """A refusal names the condition that was violated."""
        root = ElementTree.fromstring(error_text("propfind-finite-depth"))
        self.assertEqual([each.tag for each in root], ["{DAV:}propfind-finite-depth"])
        self.assertIn("<D:error><D:x/></D:error>", propstat("<a/>", 403, "x"))
