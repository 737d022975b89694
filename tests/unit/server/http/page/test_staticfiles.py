"""The page's own files: what is served, and what a browser may do with it."""

from __future__ import annotations

import gzip
import re
from typing import Any

import msgspec

from homeftp.errors import NotFound
from homeftp.server.http.page.staticfiles import StaticFiles, read_static_files
from homeftp.server.http.refusals import HttpError
from tests.support.pagerequests import HandlerCase

FILES = read_static_files()
CATALOGUES = {
    name: msgspec.json.decode(file.content)
    for name, file in FILES.items()
    if name.startswith("languages/") and not name.endswith("index.json")
}
KEY = re.compile(r"""\bt\(\s*"([a-z0-9-]+)\"""")


def placeholders(text: Any) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {name for form in forms for name in re.findall(r"\{(\w+)\}", form)}


class StaticFileTests(HandlerCase):
    """`StaticFiles`."""

    def setUp(self) -> None:
        super().setUp()
        self.handler = StaticFiles(FILES)

    def test_page(self) -> None:
        """The root is the page, for everybody, under a strict policy."""
        answer = self.ask("GET")
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'none'; script-src 'self'; style-src 'self';", policy)
        self.assertNotIn("unsafe", policy)
        self.assertTrue(self.handler.allows_without_login(self.request("GET")))

    def test_files(self) -> None:
        """Each file has its type; a browser that has it gets 304, one that can gets it compressed."""
        answer = self.ask("GET", "static", "main.js")
        self.assertEqual(answer.headers["content-type"], "text/javascript; charset=utf-8")
        small = self.ask("GET", "static", "main.js", headers={"Accept-Encoding": "br, gzip"})
        self.assertEqual(gzip.decompress(small.content), answer.content)
        same = self.ask("GET", "static", "main.js", headers={"If-None-Match": answer.headers["etag"]})
        self.assertEqual((same.status, same.content), (304, b""))

    def test_unknown(self) -> None:
        """Nothing else is served, however it is asked for."""
        for names in (("static",), ("static", "nothing.js"), ("static", "languages"), ("static", "__init__.py")):
            self.refused(NotFound, self.request("GET", *names))
        self.refused(NotFound, self.request_of("GET", "/static/main.js/", {}))
        self.assertEqual(self.refused(HttpError, self.request("POST")).status, 405)

    def test_languages(self) -> None:
        """The list of languages is made of the catalogues; each has its own name."""
        listed = self.ask("GET", "static", "languages", "index.json").json
        self.assertEqual(listed["en"], "English")
        self.assertEqual({f"languages/{name}.json" for name in listed}, set(CATALOGUES))

    def test_catalogues(self) -> None:
        """Every catalogue has every text of the English one, with the same placeholders, and no other."""
        english = CATALOGUES["languages/en.json"]
        for name, catalogue in CATALOGUES.items():
            self.assertEqual(set(catalogue) ^ set(english), set(), name)
            for key, text in english.items():
                self.assertEqual(placeholders(catalogue[key]), placeholders(text), (name, key))

    def test_words(self) -> None:
        """Every text that the page asks for by its key is in the catalogue."""
        english = CATALOGUES["languages/en.json"]
        asked = {
            key for name, file in FILES.items() if name.endswith(".js") for key in KEY.findall(file.content.decode())
        }
        self.assertGreater(len(asked), 100, "the control")
        self.assertEqual(asked - set(english), set())

    def test_nothing_inline(self) -> None:
        """The page has no inline script or style, and loads nothing from elsewhere: its policy would block that."""
        page = FILES["index.html"].content.decode()
        self.assertEqual(re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page), [])
        for name, file in FILES.items():
            text = file.content.decode()
            self.assertNotRegex(text.replace("http://www.w3.org/", ""), r"https?://", name)
            if name.endswith(".js"):
                self.assertNotRegex(
                    text, r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", name
                )
