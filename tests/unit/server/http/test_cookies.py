"""Cookies: what is read of a request, and what a browser is told to keep."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.http.cookies import MOST_COOKIES, cookie, cookie_header, removed_cookie
from homeftp.server.http.messages import HttpHeaders


class CookieTests(SynchronousTestCase):
    """`cookie` and the fields that set one."""

    def read(self, *fields: str) -> str | None:
        """The cookie `a` of these fields."""
        return cookie(HttpHeaders([("Cookie", field) for field in fields]), "a")

    def test_read(self) -> None:
        """The first cookie of a name counts; another name, and a name in a value, do not."""
        for fields, value in (
            (("a=1",), "1"),
            (("b=2; a=1; a=3",), "1"),
            (("b=2", "a=1"), "1"),
            (('a="1"',), "1"),
            (("a=x=y",), "x=y"),
            (("a=",), ""),
            (("A=1",), None),
            (("ba=1; a",), None),
            (("b=a=1",), None),
            ((), None),
            (("b=1; " * MOST_COOKIES + "a=1",), None),
        ):
            self.assertEqual(self.read(*fields), value, fields)

    def test_set(self) -> None:
        """A cookie is for TLS, and no script sees it."""
        expected = ("Set-Cookie", "a=1; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict")
        self.assertEqual(cookie_header("a", "1", max_age=60), expected)
        expected = ("Set-Cookie", "a=1; Path=/s/x/; Secure; HttpOnly; SameSite=Lax")
        self.assertEqual(cookie_header("a", "1", path="/s/x/", same_site="Lax"), expected)
        self.assertIn("a=; Path=/; Max-Age=0;", removed_cookie("a")[1])
