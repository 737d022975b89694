"""The bodies of LINK, LINKS and UNLINK."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from homeftp import config
from homeftp.endpoint import parse
from homeftp.errors import BadRequest
from homeftp.wire.codec import convert, decode_body
from homeftp.wire.links import LinkBody, MadeLinkBody, ShareLinkBody, UnlinkBody

LINK: dict[str, Any] = {"link": "link-1", "state": "open", "made": 1, "ends": 2, "rel_endpoint": "a"}


class LinkBodyTests(SynchronousTestCase):
    """What is accepted, and what is not."""

    def decoded(self, kind: type[Any], **body: Any) -> Any:
        """The body of a request."""
        return decode_body("LINK", msgspec.Raw(msgspec.json.encode(body)), kind)

    def test_accepted(self) -> None:
        """The endpoint is enough; the bounds of the terms are accepted."""
        self.assertEqual(self.decoded(LinkBody, rel_endpoint="a"), LinkBody(parse("a")))
        most = {"seconds": config.MOST_LINK_SECONDS, "uses": config.MOST_LINK_USES}
        decoded = self.decoded(LinkBody, rel_endpoint="a", upload=True, password="p", **most)
        self.assertEqual(decoded, LinkBody(parse("a"), most["seconds"], most["uses"], True, "p"))
        self.assertEqual(self.decoded(UnlinkBody, link="link-1"), UnlinkBody("link-1"))

    def test_refused(self) -> None:
        """Terms out of bounds are refused, and so is a link without an id."""
        for wrong in (
            {"seconds": 0},
            {"seconds": config.MOST_LINK_SECONDS + 1},
            {"seconds": 1.5},
            {"uses": 0},
            {"uses": config.MOST_LINK_USES + 1},
            {"password": ""},
            {"password": "x" * 1025},
            {"upload": 1},
        ):
            with self.assertRaises(BadRequest, msg=str(wrong)):
                self.decoded(LinkBody, rel_endpoint="a", **wrong)
        for id in ("", "x" * 65):
            with self.assertRaises(BadRequest):
                self.decoded(UnlinkBody, link=id)

    def test_secrets(self) -> None:
        """Neither a password nor a URL is in a representation, which may get into a log."""
        shown = repr(LinkBody(parse("a"), password="secret"))
        shown += repr(convert({**LINK, "url": "https://nas/s/secret/"}, MadeLinkBody, "it"))
        self.assertNotIn("secret", shown)

    def test_answers(self) -> None:
        """A link has one of four states; a URL is one of https, printable and bounded."""
        self.assertEqual(convert(LINK, ShareLinkBody, "it"), ShareLinkBody("link-1", "open", 1, 2, "a"))
        for wrong in ({"state": "new"}, {"uses_left": -1}, {"made": "now"}):
            with self.assertRaises(BadRequest):
                convert({**LINK, **wrong}, ShareLinkBody, "it")
        for url in ("http://nas/", "https://a\x1b[2J", "https://" + "x" * 1025, "javascript:alert(1)"):
            with self.assertRaises(BadRequest):
                convert({**LINK, "url": url}, MadeLinkBody, "it")
