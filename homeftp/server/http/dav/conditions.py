"""The conditions of a request: whether they hold for what is there, and how the store repeats them with a change.

A look and a change are two steps. So what was found to hold becomes a precondition of the store, which checks it in one
step with the change: that nothing is there, that something is, or that the content is the one that was looked at.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from homeftp.model import ABSENT, PRESENT, SECOND_US, Entry
from homeftp.server.http.content import entity_tag, parse_date
from homeftp.server.http.dav.locks.ifheader import IfHeader
from homeftp.server.http.dav.resource import DavRequest
from homeftp.server.http.refusals import HttpError

_TAGS = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|\Z)')


def matches(header: str, tag: str | None, *, weak: bool) -> bool:
    """Whether a list of entity tags has this one; `*` has that of everything. Weak ones count where `weak` says so."""
    if header.strip() == "*":
        return True
    at = 0
    while found := _TAGS.match(header, at):
        if found[2] == tag and (weak or not found[1]):
            return True
        at = found.end()
    return False


def _failed(what: str) -> HttpError:
    return HttpError(HTTPStatus.PRECONDITION_FAILED, f"{what}: look again")


def check_present(dav: DavRequest, entry: Entry | None) -> None:
    """Raise 412 where `If-Match` or `If-Unmodified-Since` does not hold (RFC 9110, 13.2.2)."""
    match = dav.header("if-match")
    if match is not None:
        if entry is None or not matches(match, entity_tag(entry), weak=False):
            raise _failed("it has changed, or is not there")
        return
    since = _seconds(dav.header("if-unmodified-since"))
    if since is not None and entry is not None and entry.mtime_us is not None and entry.mtime_us // SECOND_US > since:
        raise _failed("it has changed")


def not_modified(dav: DavRequest, entry: Entry) -> bool:
    """Whether the client has what it reads already: by `If-None-Match`, or else `If-Modified-Since`."""
    none_match = dav.header("if-none-match")
    if none_match is not None:
        return matches(none_match, entity_tag(entry), weak=True)
    since = _seconds(dav.header("if-modified-since"))
    return since is not None and entry.mtime_us is not None and entry.mtime_us // SECOND_US <= since


def _seconds(header: str | None) -> int | None:
    return None if header is None else parse_date(header)


async def store_condition(dav: DavRequest, entry: Entry | None, header: IfHeader) -> str | None:
    """The precondition with which the store is to make a change; None where the request has no condition.

    Raises 412 where a condition does not hold. `header` is known to hold.
    """
    check_present(dav, entry)
    none_match = dav.header("if-none-match")
    if none_match is not None and entry is not None and matches(none_match, entity_tag(entry), weak=True):
        raise _failed("it already exists")
    same = any(each.etag is not None for part in header.lists for each in part.conditions)
    for name in ("if-match", "if-none-match", "if-unmodified-since"):
        given = dav.header(name)
        same = same or (given is not None and given.strip() != "*")
    if entry is None:
        return ABSENT if same or none_match is not None else None
    if same and entry.kind == "file":
        return await content(dav, entry)
    return PRESENT if same or dav.header("if-match") is not None else None


async def content(dav: DavRequest, entry: Entry) -> str:
    """The hash of the content that was looked at: known, or read. Raises 412 where it is another one by now."""
    known = entry.hash or entry.damaged
    if known:
        return known
    hashed = await dav.files.hash(dav.endpoint)
    if hashed.hash is None or entity_tag(hashed) not in (None, entity_tag(entry)):
        raise _failed("it has changed")
    return hashed.hash
