"""Cookies (RFC 6265): what a browser sends back, and what it is told to keep. No script ever sees one of ours."""

from __future__ import annotations

from homeftp.server.http.messages import HttpHeaders

MOST_COOKIES = 100
"""Cookies of one request that are looked at."""


def cookie(headers: HttpHeaders, name: str) -> str | None:
    """The value of the first cookie of that name, as a browser sends the one with the longest path; None: none."""
    # Several `Cookie` fields, which HTTP/1.1 does not allow, were joined with commas: no value of ours has one.
    for pair in (headers.get("cookie") or "").replace(",", ";").split(";")[:MOST_COOKIES]:
        key, equals, value = pair.strip().partition("=")
        if key == name and equals:
            return value.strip('"')
    return None


def cookie_header(
    name: str, value: str, *, path: str = "/", max_age: int | None = None, same_site: str = "Strict"
) -> tuple[str, str]:
    """The header field that makes a browser keep a cookie for `max_age` seconds, or until it is closed.

    It is sent over TLS only, only for `path` and what is below, and never shown to a script.
    """
    age = "" if max_age is None else f"; Max-Age={max_age}"
    return "Set-Cookie", f"{name}={value}; Path={path}{age}; Secure; HttpOnly; SameSite={same_site}"


def removed_cookie(name: str, path: str = "/") -> tuple[str, str]:
    """The header field that makes a browser forget a cookie."""
    return cookie_header(name, "", path=path, max_age=0)
