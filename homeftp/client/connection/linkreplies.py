"""The answers to LINK and LINKS as values, checked like all that comes from a server."""

from __future__ import annotations

from typing import Any, Sequence

import msgspec

from homeftp.client.connection.replies import understood
from homeftp.client.errors import ProtocolViolation
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadEndpoint
from homeftp.interfaces.links import LinkState, MadeLink, ShareLink
from homeftp.model import SECOND_US
from homeftp.wire.links import MadeLinkBody, ShareLinkBody


class _ListedLinks(msgspec.Struct, frozen=True):
    links: list[ShareLinkBody]


def made_link(body: dict[str, Any]) -> MadeLink:
    """The link that an answer to LINK has. Raises `ProtocolViolation` for anything else."""
    made = understood(body, MadeLinkBody, "the answer to LINK")
    return MadeLink(_link(made), made.url)


def listed_links(body: dict[str, Any]) -> Sequence[ShareLink]:
    """The links in an interim answer to LINKS. Raises `ProtocolViolation` for anything else."""
    return [_link(each) for each in understood(body, _ListedLinks, "an answer to LINKS").links]


def _link(body: ShareLinkBody) -> ShareLink:
    return ShareLink(
        id=body.link,
        endpoint=_endpoint(body.rel_endpoint),
        state=LinkState(body.state),
        made=body.made / SECOND_US,
        ends=body.ends / SECOND_US,
        upload=body.upload,
        uses_left=body.uses_left,
        has_password=body.password,
        device=body.device,
    )


def _endpoint(text: str) -> Endpoint:
    try:
        return parse(text)
    except BadEndpoint as refused:
        raise ProtocolViolation(f"the server names an illegal path in its list of links: {refused.message}") from None
