"""The `If` header (RFC 4918, section 10.4): its lists of conditions, and whether they hold."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Awaitable, Callable, Collection
from urllib.parse import urlsplit

import attrs

from homeftp.errors import BadRequest
from homeftp.server.http.refusals import HttpError
from homeftp.server.http.target import parse_path

MAX_IF = 16 * 1024
"""Characters of the header, at most: clients send the tokens of one or two locks, of 50 characters each."""

MAX_CONDITIONS = 256
"""Conditions in it, at most: each may need a look at a file."""

_TOKEN = re.compile(r'\s*(?:(\()|(\))|(Not\b)|<([^<>]*)>|\[((?:W/)?"[^"]*")\])\s*', re.IGNORECASE)


@attrs.frozen
class StateCondition:
    """One condition: a state token, or an entity tag."""

    token: str | None
    etag: str | None
    negated: bool


@attrs.frozen
class ConditionList:
    """Conditions that must hold together."""

    resource: str | None
    """The URL that they are about; None: that of the request."""
    conditions: tuple[StateCondition, ...]


@attrs.frozen
class IfHeader:
    """The header: one of its lists must hold."""

    lists: tuple[ConditionList, ...]

    @property
    def tokens(self) -> frozenset[str]:
        """The state tokens that it submits, wherever they stand in it."""
        return frozenset(
            each.token for part in self.lists for each in part.conditions if each.token is not None and not each.negated
        )


NO_IF = IfHeader(())


def parse_if(header: str | None) -> IfHeader:
    """The header of a request. Raises `BadRequest` (20)."""
    if header is None:
        return NO_IF
    if len(header) > MAX_IF:
        raise BadRequest(f"the If header has more than {MAX_IF} characters")
    lists: list[ConditionList] = []
    resource: str | None = None
    conditions: list[StateCondition] | None = None
    negated = False
    count = at = 0
    while at < len(header):
        found = _TOKEN.match(header, at)
        if found is None:
            raise _bad()
        at = found.end()
        opens, closes, negates, uri, tag = found.groups()
        if conditions is None:
            if opens:
                conditions = []
            elif uri is not None and not negated:
                resource = uri
            else:
                raise _bad()
        elif closes:
            if negated or not conditions:
                raise _bad()
            lists.append(ConditionList(resource, tuple(conditions)))
            conditions = None
        elif negates and not negated:
            negated = True
        elif uri is not None or tag is not None:
            count += 1
            if count > MAX_CONDITIONS:
                raise BadRequest(f"the If header has more than {MAX_CONDITIONS} conditions")
            conditions.append(StateCondition(uri, tag, negated))
            negated = False
        else:
            raise _bad()
    if conditions is not None or not lists:
        raise _bad()
    return IfHeader(tuple(lists))


def _bad() -> BadRequest:
    return BadRequest('the If header is not made of lists such as (<token> ["etag"])')


Names = tuple[str, ...] | None
"""The names of a resource below the root; None: the request's URL."""

EtagOf = Callable[[Names], Awaitable[str | None]]
"""Gives the entity tag of a resource; None where it has none."""

TokensOf = Callable[[Names], Awaitable[Collection[str]]]
"""Gives the tokens of the locks that cover a resource."""


async def holds(header: IfHeader, etag_of: EtagOf, tokens_of: TokensOf) -> bool:
    """Whether one of the lists holds; a request without the header has no condition.

    What no condition is about is not asked for; what several are about is asked for again.
    """
    for each in header.lists:
        names = None if each.resource is None else _names(each.resource)
        for condition in each.conditions:
            if condition.token is not None:
                met = condition.token in await tokens_of(names)
            else:
                met = condition.etag == await etag_of(names)
            if met is condition.negated:
                break
        else:
            return True
    return not header.lists


def _names(resource: str) -> tuple[str, ...]:
    """The names in the path of a URL. Another server's resource is none of ours, and its conditions fail there."""
    try:
        path = urlsplit(resource).path
    except ValueError:
        raise _bad() from None
    if not path.startswith("/"):
        raise _bad()
    return parse_path(path)[0]


def require(header_holds: bool) -> None:
    """Raise 412 where the conditions do not hold."""
    if not header_holds:
        raise HttpError(HTTPStatus.PRECONDITION_FAILED, "the conditions of the If header do not hold")
