"""The pages of share links: nothing in them runs, and no name can leave its place."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.model import Entry, Kind
from homeftp.server.http.links.pages import HEADERS, LinkPages, size_shown

EVIL = "<script>alert(1)</script>\"'&{0}.html"


class Elements(HTMLParser):
    """Collects the elements of a page, with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: bytes) -> Elements:
    """The elements of a page."""
    elements = Elements()
    elements.feed(page.decode())
    return elements


class PagesTests(SynchronousTestCase):
    """`LinkPages`."""

    def setUp(self) -> None:
        self.pages = LinkPages("en")
        self.all = {
            "file": self.pages.file(EVIL, Entry("", "file", 5), self.pages.shared_by(EVIL, 0.0)),
            "row": self.pages.row(Entry(EVIL, "file", 5, 10**15)).encode(),
            "password": self.pages.password(wrong=True),
            "upload": self.pages.upload(EVIL, ""),
            "received": self.pages.received([EVIL], [(EVIL, "full")]),
            "problem": self.pages.problem("expired"),
        }

    def test_escaped(self) -> None:
        """A name is text on every page: no element comes of it, and no attribute holds more than its value."""
        for name, page in self.all.items():
            elements = parsed(page)
            scripts = [tag for tag, _ in elements.found].count("script")
            self.assertEqual(scripts, 0 if name == "row" else 1, f"{name}: only our own")
            self.assertFalse([key for _, attrs in elements.found for key in attrs if key.startswith("on")], name)
        for name in ("file", "row", "upload", "received"):
            self.assertIn("<script>alert(1)</script>", parsed(self.all[name]).text, name)

    def test_targets(self) -> None:
        """A row leads to the entry in the same directory, whatever it is called."""
        rows: tuple[tuple[str, Kind, str], ...] = (
            ("a b.txt", "file", "./a%20b.txt?download"),
            ("sub", "directory", "./sub/"),
            ("a#?&%", "file", "./a%23%3F%26%25?download"),
            ("javascript:x", "file", "./javascript%3Ax?download"),
        )
        for name, kind, expected in rows:
            (attributes,) = [
                attrs for tag, attrs in parsed(self.pages.row(Entry(name, kind)).encode()).found if tag == "a"
            ]
            self.assertEqual(attributes["href"], expected)

    def test_policy(self) -> None:
        """The only things that the policy allows are the page's own style, its script, and its form."""
        policy = dict(HEADERS)["Content-Security-Policy"]
        digests = []
        for tag in ("style", "script"):
            (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", self.all["problem"].decode(), re.DOTALL)
            digests.append(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())
        expected = (
            f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        self.assertEqual(policy, expected)

    def test_forms(self) -> None:
        """A password is sent in a body, files as a form with files, both to the page itself."""
        for name, kind in (("password", None), ("upload", "multipart/form-data")):
            (form,) = [attrs for tag, attrs in parsed(self.all[name]).found if tag == "form"]
            self.assertEqual((form["method"], form.get("enctype"), form.get("action")), ("post", kind, None))

    def test_languages(self) -> None:
        """A page says which language it is in."""
        german = LinkPages("de").problem("expired")
        self.assertIn(b'<html lang="de">', german)
        self.assertIn("Dieser Link ist abgelaufen.", german.decode())
        self.assertIn(b"This link has expired.", self.all["problem"])

    def test_sizes(self) -> None:
        """Sizes are in powers of 1000."""
        shown = [size_shown(size) for size in (0, 999, 1000, 1_500_000, 2 * 10**9, 3 * 10**12)]
        self.assertEqual(shown, ["0 B", "999 B", "1.0 kB", "1.5 MB", "2.0 GB", "3.0 TB"])
        self.assertIn("<td>1,5 MB</td>", LinkPages("de").row(Entry("a", "file", 1_500_000)))

    def test_times(self) -> None:
        """Times are those of UTC, and say so, until the script shows the reader's; an impossible one is left out."""
        day = '<time class="day" datetime="2001-09-09T01:46:40Z">2001-09-09</time>'
        self.assertIn(day, self.pages.row(Entry("a", "file", 5, 10**15)))
        self.assertIn(
            '<time datetime="2001-09-09T01:46:40Z">2001-09-09 01:46 UTC</time>.', self.pages.shared_by("a", 10**9)
        )
        for impossible in (None, 2**80):
            self.assertIn("<td></td></tr>", self.pages.row(Entry("a", "directory", 0, impossible)))
