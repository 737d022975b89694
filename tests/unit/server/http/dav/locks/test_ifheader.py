"""The `If` header."""

from __future__ import annotations

import contextlib
from typing import Collection

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BadRequest
from homeftp.server.http.dav.locks.ifheader import MAX_CONDITIONS, MAX_IF, NO_IF, Names, holds, parse_if, require
from homeftp.server.http.refusals import HttpError
from tests.support.repeatable import REPEATABLE

STATES: dict[Names, tuple[str | None, Collection[str]]] = {
    None: ('"tag"', ["urn:a"]),
    ("dav", "other"): ('"other"', []),
}


async def etag_of(names: Names) -> str | None:
    return STATES.get(names, (None, ()))[0]


async def tokens_of(names: Names) -> Collection[str]:
    return STATES.get(names, (None, ()))[1]


class IfTests(SynchronousTestCase):
    """One header."""

    def holds(self, header: str | None) -> bool:
        found: bool = self.successResultOf(Deferred.fromCoroutine(holds(parse_if(header), etag_of, tokens_of)))
        return found

    def test_lists(self) -> None:
        """One of the lists must hold, with all of its conditions."""
        for header, held in (
            ("(<urn:a>)", True),
            ("(<urn:b>)", False),
            ("(Not <urn:b>)", True),
            ("(not <urn:a>)", False),
            ('(["tag"])', True),
            ('(<urn:a> ["tag"])', True),
            ('(<urn:a> ["x"])', False),
            ('(<urn:b>) (["tag"])', True),
            ('(W/"tag")', None),
            ('([W/"tag"])', False),
            ('</dav/other> (["other"])', True),
            ("</dav/other> (<urn:a>)", False),
            ('<https://nas/dav/other> (Not <urn:a> ["other"]) (<urn:b>)', True),
            ('</dav/nothing> (["other"])', False),
            ("(<urn:a>)(<urn:b>)", True),
        ):
            if held is None:
                self.assertRaises(BadRequest, parse_if, header)
            else:
                self.assertEqual(self.holds(header), held, header)
        self.assertTrue(self.holds(None))

    def test_tokens(self) -> None:
        """All tokens are submitted, wherever they stand, but for those that are negated."""
        header = parse_if('(<urn:a> ["x"]) </dav/other> (<urn:b>) (Not <urn:c>)')
        self.assertEqual(header.tokens, {"urn:a", "urn:b"})
        self.assertEqual(NO_IF.tokens, frozenset())

    def test_refused(self) -> None:
        """What is no list of conditions, and what has too many."""
        for header in (
            "",
            "x",
            "()",
            "(",
            "(<urn:a>",
            "<urn:a>",
            "(<urn:a>))",
            "((<urn:a>))",
            "(Not)",
            "(Not Not <urn:a>)",
            "Not (<urn:a>)",
            '["tag"]',
            "(<urn:a>) x",
            "(" + "<urn:a>" * (MAX_CONDITIONS + 1) + ")",
            "(<" + "a" * MAX_IF + ">)",
        ):
            self.assertRaises(BadRequest, parse_if, header)
        for header in ("<x> (<a>)", "<//[> (<a>)", "</a//b> (<a>)"):
            self.failureResultOf(Deferred.fromCoroutine(holds(parse_if(header), etag_of, tokens_of)), BadRequest)

    @REPEATABLE
    @given(st.text(alphabet='()<>[]"Not W/a '))
    def test_any(self, header: str) -> None:
        """Whatever is sent is understood or refused."""
        with contextlib.suppress(BadRequest):
            parse_if(header)

    def test_require(self) -> None:
        """What does not hold is 412."""
        require(True)
        self.assertEqual(self.assertRaises(HttpError, require, False).status, 412)
