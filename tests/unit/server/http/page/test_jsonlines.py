"""Answers in lines of JSON, and how they end."""

from __future__ import annotations

from typing import Any, AsyncGenerator

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import Busy, NotFound
from homeftp.server.http.page.jsonlines import json_response, lines_response
from tests.support.pagerequests import Answer, read_response


async def counting(upto: int, then: Exception | None = None) -> AsyncGenerator[Any, None]:
    for number in range(upto):
        yield {"n": number}
    if then is not None:
        raise then


class JsonLinesTests(SynchronousTestCase):
    """`json_response` and `lines_response`."""

    def answer(self, values: AsyncGenerator[Any, None]) -> Answer:
        async def read() -> Answer:
            return await read_response(await lines_response(values))

        return self.successResultOf(Deferred.fromCoroutine(read()))

    def test_end(self) -> None:
        """The last line says that nothing is missing, also where there is nothing."""
        self.assertEqual(self.answer(counting(2)).lines, [{"n": 0}, {"n": 1}, {"end": True}])
        self.assertEqual(self.answer(counting(0)).lines, [{"end": True}])

    def test_refused_first(self) -> None:
        """What is refused before the first line is an ordinary refusal."""
        failed = Deferred.fromCoroutine(lines_response(counting(0, NotFound("gone"))))
        self.failureResultOf(failed, NotFound)

    def test_refused_later(self) -> None:
        """What is refused later is the last line."""
        error = {"error": {"status": 51, "message": "later"}}
        self.assertEqual(self.answer(counting(1, Busy("later"))).lines, [{"n": 0}, error])

    def test_bug(self) -> None:
        """A fault of the server cuts the answer off: it has no last line."""
        response = self.successResultOf(Deferred.fromCoroutine(lines_response(counting(1, ValueError()))))
        self.failureResultOf(Deferred.fromCoroutine(read_response(response)), ValueError)

    def test_one(self) -> None:
        """One value is one response, kept by no cache."""
        answer = self.successResultOf(Deferred.fromCoroutine(read_response(json_response({"a": 1}))))
        self.assertEqual((answer.json, answer.headers["cache-control"]), ({"a": 1}, "no-store"))
