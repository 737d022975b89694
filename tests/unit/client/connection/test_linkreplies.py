"""The answers to LINK and LINKS: what a server must not say is a violation, never believed."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.linkreplies import listed_links, made_link
from homeftp.client.errors import ProtocolViolation
from homeftp.endpoint import parse
from homeftp.interfaces.links import LinkState, MadeLink, ShareLink

URL = "https://nas:8443/s/x/"
BODY: dict[str, Any] = {"link": "link-1", "state": "open", "made": 1_500_000, "ends": 2_000_000, "rel_endpoint": "a/b"}
LINK = ShareLink("link-1", parse("a/b"), LinkState.OPEN, 1.5, 2.0)


class LinkRepliesTests(SynchronousTestCase):
    """`made_link` and `listed_links`."""

    def test_values(self) -> None:
        """Times become seconds; what is left out is not known."""
        self.assertEqual(made_link({**BODY, "url": URL}), MadeLink(LINK, URL))
        more = {"upload": True, "uses_left": 2, "password": True, "device": "laptop", "state": "broken"}
        expected = ShareLink("link-1", parse("a/b"), LinkState.BROKEN, 1.5, 2.0, True, 2, True, "laptop")
        self.assertEqual(listed_links({"links": [BODY, {**BODY, **more}]}), [LINK, expected])

    def test_violations(self) -> None:
        """A link without a URL, an unknown state, and a path that leads elsewhere."""
        with self.assertRaises(ProtocolViolation):
            made_link(BODY)
        for wrong in ({"state": "?"}, {"rel_endpoint": "../x"}, {"rel_endpoint": "a\x1b"}, {"link": ""}):
            with self.assertRaises(ProtocolViolation) as caught:
                listed_links({"links": [{**BODY, **wrong}]})
            self.assertTrue(str(caught.exception).isprintable())
