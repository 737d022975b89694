"""Locks as XML: what a LOCK asks for, and what is told of the locks that there are."""

from __future__ import annotations

from typing import Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest
from homeftp.server.http.dav.locks.lockset import MAX_OWNER, MAX_SECONDS, Lock
from homeftp.server.http.dav.resource import href
from homeftp.server.http.dav.xmlbody import DAV, XmlElement, xml_text

_MOST_DIGITS = 19
"""The most digits of a timeout that is read as a number; Python refuses some thousands."""


@attrs.frozen
class LockRequest:
    """The content of a LOCK request."""

    is_exclusive: bool
    owner: str
    """The client's words about the owner, as XML."""


def lock_request(root: XmlElement) -> LockRequest:
    """The lock that a LOCK request's body asks for. Raises `BadRequest` (20)."""
    scope, kind = root.find((DAV, "lockscope")), root.find((DAV, "locktype"))
    if root.name != (DAV, "lockinfo") or scope is None or kind is None or kind.find((DAV, "write")) is None:
        raise BadRequest("the body is not a lockinfo for a write lock")
    exclusive, shared = (scope.find((DAV, name)) is not None for name in ("exclusive", "shared"))
    if exclusive == shared:
        raise BadRequest("the lockscope is exclusive or shared")
    owner = root.find((DAV, "owner"))
    text = "" if owner is None else owner.inner()
    if len(text) > MAX_OWNER:
        raise BadRequest(f"the owner of the lock has more than {MAX_OWNER} characters")
    return LockRequest(exclusive, text)


def timeout_seconds(header: str | None) -> int | None:
    """The seconds that the `Timeout` of a LOCK asks for; None where it does not say, or wants no end."""
    for each in (header or "").split(","):
        kind, _, seconds = each.strip().partition("-")
        if kind.lower() == "second" and seconds.isascii() and seconds.isdigit():
            return MAX_SECONDS if len(seconds) > _MOST_DIGITS else int(seconds)
    return None


def lock_discovery(locks: Sequence[Lock], home: Endpoint, account: str) -> str:
    """The value of lockdiscovery: the locks of a resource, as an account sees them.

    The token and the owner of another account's lock are not told: they are of no use to anybody else.
    """
    return "".join(_active(lock, home, own=lock.account == account) for lock in locks)


def _active(lock: Lock, home: Endpoint, *, own: bool) -> str:
    depth = "infinity" if lock.is_deep else "0"
    scope = "exclusive" if lock.is_exclusive else "shared"
    parts = lock.endpoint.parts
    seen = parts[len(home.parts) :] if parts[: len(home.parts)] == home.parts else ()
    root = xml_text(href(Endpoint(seen), is_folder=lock.is_folder))
    secret = f"<D:owner>{lock.owner}</D:owner>" if own and lock.owner else ""
    token = f"<D:locktoken><D:href>{lock.token}</D:href></D:locktoken>" if own else ""
    return (
        f"<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:{scope}/></D:lockscope>"
        f"<D:depth>{depth}</D:depth>{secret}<D:timeout>Second-{lock.seconds}</D:timeout>{token}"
        f"<D:lockroot><D:href>{root}</D:href></D:lockroot></D:activelock>"
    )
