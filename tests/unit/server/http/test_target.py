"""Targets of requests: names out of URLs, and what is refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BadRequest
from homeftp.server.http.target import MAX_FIELDS, MAX_TARGET, parse_target, path_of
from tests.support.repeatable import REPEATABLE

NAMES = st.lists(
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn"), exclude_characters="/"), min_size=1)
    .map(lambda name: __import__("unicodedata").normalize("NFC", name))
    .filter(lambda name: name not in (".", "..")),
    max_size=4,
)


class TargetTests(SynchronousTestCase):
    """One target."""

    def test_names(self) -> None:
        """Names are decoded and in NFC; a slash at the end makes a folder."""
        for raw, path, is_folder in (
            ("/", (), True),
            ("/dav", ("dav",), False),
            ("/dav/", ("dav",), True),
            ("/dav/a%20b/c%C3%A9", ("dav", "a b", "cé"), False),
            ("/e%CC%81/", ("é",), True),
            ("/e\xcc\x81", ("é",), False),
            ("https://nas.local:8443/dav/a", ("dav", "a"), False),
            ("http://nas.local", (), True),
            ("/a+b;c=d,e", ("a+b;c=d,e",), False),
            ("/%E2%80%AEx", ("\u202ex",), False),
            ("*", (), True),
        ):
            target = parse_target(raw)
            self.assertEqual((target.path, target.is_folder), (path, is_folder), raw)

    def test_query(self) -> None:
        """The fields of the query are decoded; of two with one name the last counts."""
        target = parse_target("/api/list?path=a%2Fb&x=&x=%C3%A4+b")
        self.assertEqual((target.path, dict(target.query)), (("api", "list"), {"path": "a/b", "x": "ä b"}))

    def test_refused(self) -> None:
        """What somebody on the way may take for another path is refused, and so is what is no UTF-8."""
        for raw in (
            "/a//b",
            "//a",
            "/a/../b",
            "/a/%2e%2E/b",
            "/./a",
            "/a%2Fb",
            "/a%2fb",
            "/a%00b",
            "/a%0Ab",
            "/a%7Fb",
            "/a%C2%85b",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+2",
            "/%FF",
            "/\xff",
            "/%C0%AF",
            "/%ED%A0%80",
            "/a#b",
            "a/b",
            "",
            "nas.local:443",
            "ftp://nas/a",
            "/" + "a" * MAX_TARGET,
            "/?" + "&".join(["x=1"] * (MAX_FIELDS + 1)),
            "/?x=%FF",
        ):
            self.assertRaises(BadRequest, parse_target, raw)

    @REPEATABLE
    @given(NAMES, st.booleans())
    def test_round_trip(self, names: list[str], is_folder: bool) -> None:
        """The path of any names is understood as these names."""
        target = parse_target(path_of(*names, is_folder=is_folder))
        self.assertEqual((target.path, target.is_folder), (tuple(names), is_folder or not names))

    @REPEATABLE
    @given(st.text(st.characters(max_codepoint=255)))
    def test_any(self, raw: str) -> None:
        """Whatever is sent is a target or refused, and its names never lead elsewhere."""
        try:
            target = parse_target(raw)
        except BadRequest:
            return
        for name in target.path:
            self.assertFalse(name in ("", ".", "..") or "/" in name or "\0" in name, raw)
