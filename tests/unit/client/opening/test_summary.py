"""What a transfer has come to."""

from __future__ import annotations

from unittest import mock

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import FileResult, Outcome, TransferIncomplete, TransferObserver
from homeftp.client.opening.summary import SummaryObserver


class SummaryTests(SynchronousTestCase):
    """SummaryObserver, and the exception that is made of its summary."""

    def test_collected(self) -> None:
        """Totals, problems, and whether both sides are the same; everything is passed on."""
        passed: list[object] = []
        other = TransferObserver(
            on_result=passed.append, on_plan=lambda *plan: passed.append(plan), on_bytes=passed.append
        )
        observer = SummaryObserver(other)
        observer.on_plan(2, 9)
        observer.add_result(FileResult(Outcome.NEW, "a", 9))
        observer.add_bytes(9, moved=True)
        self.assertTrue(observer.summary().same)
        refused = FileResult(Outcome.REFUSED, "b", reason="not yours")
        observer.add_result(refused)
        self.assertEqual(passed, [(2, 9), FileResult(Outcome.NEW, "a", 9), 9, refused])
        summary = observer.summary()
        self.assertEqual(summary.counts, {Outcome.NEW: 1, Outcome.REFUSED: 1})
        self.assertEqual((summary.bytes_moved, summary.problems, summary.same), (9, (refused,), False))
        self.assertEqual(str(TransferIncomplete(summary)), "1 not transferred: b: refused (not yours)")

    def test_callbacks(self) -> None:
        """Every callback is passed on, but for that of results, which are collected."""
        names = {each.name for each in attrs.fields(TransferObserver) if each.name.startswith("on_")}
        callbacks = {name: mock.Mock() for name in names}
        observer = SummaryObserver(TransferObserver(**callbacks))
        for name in names - {"on_result"}:
            self.assertIs(getattr(observer, name), callbacks[name], name)

    def test_existing(self) -> None:
        """A file that was to be left alone is no problem, although the sides differ."""
        observer = SummaryObserver(TransferObserver())
        observer.add_result(FileResult(Outcome.EXISTS, "a"))
        self.assertEqual((observer.summary().problems, observer.summary().same), ((), False))

    def test_many(self) -> None:
        """Problems do not fill the memory, and the message names only a few; the number is exact."""
        observer = SummaryObserver(TransferObserver())
        for number in range(10_005):
            observer.add_result(FileResult(Outcome.FAILED, f"f{number}"))
        summary = observer.summary()
        self.assertEqual(len(summary.problems), 10_000)
        self.assertEqual(
            str(TransferIncomplete(summary)), "10005 not transferred: f0: failed; f1: failed; f2: failed; …"
        )
