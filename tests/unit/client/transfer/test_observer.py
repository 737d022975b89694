"""What a transfer reports, and what it does not repeat after a lost connection."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.transfer.model import FileResult, FileTask, Outcome
from homeftp.client.transfer.observer import ResultFilter, TransferObserver, unfinished
from homeftp.model import Entry


class ObserverTests(SynchronousTestCase):
    """Results and bytes."""

    def setUp(self) -> None:
        self.results: list[FileResult] = []
        self.sizes: list[int] = []
        self.progress = 0
        self.observer = TransferObserver(
            on_result=self.results.append, on_bytes=self.sizes.append, on_progress=self.count
        )

    def count(self) -> None:
        """Progress was made."""
        self.progress += 1

    def test_counts(self) -> None:
        """Results are counted by outcome and by kind; each is progress."""
        for kind in ("file", "file", "directory"):
            self.observer.add_result(FileResult(Outcome.NEW, f"{kind}{len(self.results)}", kind=kind))
        self.assertEqual(self.observer.counts, {Outcome.NEW: 3})
        self.assertEqual(self.observer.kinds, {(Outcome.NEW, "file"): 2, (Outcome.NEW, "directory"): 1})
        self.assertEqual((len(self.results), self.progress), (3, 3))

    def test_bytes(self) -> None:
        """All bytes are reported; only the transferred ones are counted, and are progress."""
        self.observer.add_bytes(5, moved=True)
        self.observer.add_bytes(7, moved=False)
        self.assertEqual((self.sizes, self.observer.bytes_moved, self.progress), ([5, 7], 5, 1))

    def test_many(self) -> None:
        """Many files are reported as each of them would be."""
        outcomes = {"a": Outcome.SAME, "b": Outcome.NEW, "c": Outcome.NEW}
        results = [FileResult(outcome, name, 3) for name, outcome in outcomes.items()]
        endpoints = [f"lib/{name}" for name in outcomes]
        for moved in (False, True):
            one_by_one = TransferObserver()
            for result, endpoint in zip(results, endpoints, strict=True):
                one_by_one.add_result(result, endpoint)
                one_by_one.add_bytes(result.size, moved=moved)
            self.setUp()
            self.observer.add_files(results, endpoints, 9, moved=moved)
            self.assertEqual((self.results, self.sizes), (results, [9]))
            self.assertEqual(set(self.observer.finished), set(one_by_one.finished))
            for field in ("counts", "kinds", "bytes_moved"):
                self.assertEqual(getattr(self.observer, field), getattr(one_by_one, field), field)
            self.assertGreaterEqual(self.progress, 1)

    def test_same(self) -> None:
        """Files in folders that are the same are counted without their names, once also after a restart."""
        counted: list[int] = []
        self.observer.on_same = counted.append
        self.observer.add_same({"lib": (2, 30), "lib/d": (0, 0)})
        self.observer.restart()
        self.observer.add_same({"lib": (2, 30), "other": (1, 5)})
        self.assertEqual(self.observer.counts, {Outcome.SAME: 3})
        self.assertEqual(self.observer.kinds, {(Outcome.SAME, "file"): 3})
        self.assertEqual((counted, self.sizes, self.results), ([2, 1], [30, 35], []))
        self.assertFalse(self.observer.finished)

    def test_restart(self) -> None:
        """A result without an endpoint is not reported again after a restart, except with another outcome."""
        self.observer.add_result(FileResult(Outcome.SKIPPED, "link", kind="other"))
        self.observer.restart()
        self.observer.add_result(FileResult(Outcome.SKIPPED, "link", kind="other"))
        self.observer.add_result(FileResult(Outcome.FAILED, "link", kind="other"))
        self.assertEqual([result.outcome for result in self.results], [Outcome.SKIPPED, Outcome.FAILED])

    def test_unfinished(self) -> None:
        """Finished files are not tried again; their bytes are reported as finished."""
        self.observer.add_result(FileResult(Outcome.NEW, "a"), "base/a")
        tasks = [FileTask(name, None, Entry(name, "file", size)) for name, size in (("a", 5), ("b", 7))]
        left = unfinished(tasks, lambda name: f"base/{name}", self.observer)
        self.assertEqual([task.name for task in left], ["b"])
        self.assertEqual(self.sizes, [5])


class ResultFilterTests(SynchronousTestCase):
    """Results on their way to the observer's receiver."""

    def test_passed_on(self) -> None:
        """Each result is reported on, and recorded while something records; what is not done is remembered."""
        results: list[FileResult] = []
        observer = TransferObserver(on_result=results.append)
        found = ResultFilter(observer)
        one, other, wrong = (
            FileResult(outcome, name)
            for outcome, name in ((Outcome.NEW, "one"), (Outcome.SAME, "other"), (Outcome.REFUSED, "wrong"))
        )
        recorded: list[FileResult] = []
        observer.add_result(one)
        found.record = recorded.append
        observer.add_result(other)
        observer.add_result(wrong)
        self.assertEqual((recorded, results), ([other, wrong], [one, other, wrong]))
        self.assertEqual((found.unfinished, found.refused), ({"wrong"}, {"wrong": ""}))
