"""One failure among many is a result, not the end."""

from __future__ import annotations

import gc
import weakref
from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import Internal, NotFound, Refusal
from homeftp.model import Entry
from homeftp.store.buffers import BytesFile
from homeftp.store.policy.outcomes import catch, for_allowed, results_of
from tests.support.miscountingstore import MiscountingStore


class CatchTests(SynchronousTestCase):
    """Results."""

    def test_results(self) -> None:
        """`catch` gives the result or the exception; exceptions that end a program are raised."""
        self.assertEqual(catch(int, "7"), 7)
        self.assertEqual(catch(int, "11", base=2), 3)
        self.assertIsInstance(catch(int, "x"), ValueError)
        self.assertRaises(SystemExit, catch, exit)

    def test_garbage(self) -> None:
        """A refusal among the results is freed with them; a fault keeps the traceback that the log shows."""

        def refuse(error: Exception) -> None:
            raise error

        def results(error: type[Refusal]) -> list[object]:
            return [catch(refuse, error("x"))]

        gc.disable()
        self.addCleanup(gc.enable)
        for error, kept in ((NotFound, False), (Internal, True)):
            found = results(error)
            left = weakref.ref(found[0])
            del found
            self.assertEqual(left() is not None, kept)
        gc.collect()
        self.assertIsNone(left())


class ResultsOfTests(SynchronousTestCase):
    """Results of one call for many items."""

    def test_results(self) -> None:
        """One for each item, in order; without items nothing is called."""
        self.assertEqual(results_of(lambda items: [item + 1 for item in items], [1, 2]), [2, 3])
        self.assertEqual(len(results_of(self.fail, [])), 0)

    def test_miscount(self) -> None:
        """All that a defective store opened is closed, also where closing one file fails."""
        store = MiscountingStore(1)
        error = self.assertRaises(RuntimeError, results_of, lambda items: store.open_many(items, 0), [parse("a")])
        self.assertEqual(str(error), "the store gave 2 results for 1 items")
        self.assertEqual(store.still_open, [])

        class Unclosable(BytesFile):
            def close(self) -> None:
                raise OSError("the disk is gone")

        opened = [*store.open_many([parse("a")], 0), Unclosable(Entry("", "file"), b""), NotFound("nothing")]
        self.assertRaises(OSError, results_of, lambda items: opened, [1])
        self.assertEqual(store.still_open, [])


class ForAllowedTests(SynchronousTestCase):
    """Results for items of which some are refused."""

    def test_order(self) -> None:
        """Each item has its own result; the refused ones are not asked for."""
        asked: list[int] = []

        def many(items: Sequence[int]) -> Sequence[int | Exception]:
            asked.extend(items)
            return [item * 10 for item in items]

        refusal = NotFound("odd")
        results = for_allowed(many, [1, 2, 3, 4], lambda item: refusal if item % 2 else item + 100)
        self.assertEqual((results, asked), ([refusal, 1020, refusal, 1040], [102, 104]))
