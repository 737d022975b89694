"""The table: who answers what, and one answer whatever a dispatcher does."""

from __future__ import annotations

import gc
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.dispatchers.table import Table
from homeftp.errors import NotFound, OperatorError
from homeftp.interfaces import IDispatcher, IRequest, IResolution
from homeftp.status import Status
from homeftp.testing import call


@attrs.frozen
class Body:
    how: str = "well"


async def refused_later() -> None:
    """Raise what a job of the pool has raised."""
    job: Deferred[None] = Deferred()
    job.errback(NotFound("not here yet"))
    await job


@implementer(IDispatcher)
@attrs.frozen
class Faulty:
    """Answers in every way that a dispatcher can go wrong."""

    request_type: Any = "FAULTY"
    body_type: type = Body

    def dispatch(self, request: IRequest, resolution: IResolution) -> Deferred[None] | None:
        how = request.body.how
        if how == "raises":
            raise ZeroDivisionError("secret detail")
        if how == "refuses":
            raise NotFound("not here")
        if how == "refuses later":
            return Deferred.fromCoroutine(refused_later())
        if how == "exits":
            raise SystemExit(3)
        if how == "later":
            later: Deferred[None] = Deferred()
            later.errback(ValueError("secret detail"))
            return later
        if how == "status":
            resolution.resolve(777, "no status")
        if how in ("well", "twice", "raises after"):
            resolution.resolve(Status.OK, "fine")
        if how == "twice":
            resolution.resolve(Status.OK, "again")
        if how == "raises after":
            raise ZeroDivisionError("secret detail")
        return None


class DispatchTests(SynchronousTestCase):
    """One answer, whatever happens."""

    def test_well(self) -> None:
        """The control: a dispatcher that answers."""
        self.assertEqual(call(Faulty(), {}).status, Status.OK)

    def test_refusal(self) -> None:
        """A raised refusal is the answer."""
        answer = call(Faulty(), {"how": "refuses"})
        self.assertEqual((answer.status, answer.message), (Status.NOT_FOUND, "not here"))

    def test_garbage(self) -> None:
        """A refusal, with all that its traceback refers to, is freed once it is answered."""

        def left() -> int:
            return sum(type(each) is NotFound for each in gc.get_objects())

        gc.disable()
        self.addCleanup(gc.enable)
        before = left()
        answer = call(Faulty(), {"how": "refuses later"})
        self.assertEqual((answer.status, answer.message), (Status.NOT_FOUND, "not here yet"))
        self.assertEqual(left(), before)

    def test_bugs(self) -> None:
        """Anything else is answered 50 without detail, and logged."""
        for how, logged in (("raises", 1), ("later", 1), ("silent", 0), ("status", 1)):
            answer = call(Faulty(), {"how": how})
            self.assertEqual(answer.status, Status.INTERNAL, how)
            self.assertNotIn("secret", answer.message)
            self.assertEqual(len(self.flushLoggedErrors()), logged, how)

    def test_bugs_after_the_answer(self) -> None:
        """A failure after the answer is logged, and the answer stands."""
        for how in ("twice", "raises after"):
            self.assertEqual(call(Faulty(), {"how": how}).status, Status.OK, how)
            self.assertEqual(len(self.flushLoggedErrors()), 1, how)

    def test_body(self) -> None:
        """A body that does not fit is refused by name before the dispatcher sees it."""
        answer = call(Faulty(), {"how": 5})
        self.assertEqual(answer.status, Status.BAD_REQUEST)
        self.assertIn("how", answer.message)


class TableTests(SynchronousTestCase):
    """What may be claimed."""

    def test_clash(self) -> None:
        """Two of one type do not start."""
        self.assertIn("FAULTY", str(self.assertRaises(OperatorError, Table, [Faulty(), Faulty()])))

    def test_names(self) -> None:
        """The session's own types, and names that are none, do not start; one that is one does."""
        for name in ("STARTTLS", "HELLO", "LOGIN", "PAIR", "QUIT", "lower", "", "A B", "A" * 65, 5, "Ä"):
            self.assertRaises(OperatorError, Table, [Faulty(request_type=name)])
        self.assertEqual(Table([Faulty(request_type="A_2")]).request_types, ["A_2"])
