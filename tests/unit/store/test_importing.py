"""An import brings all that a store has and had, in batches, and tells what could not be brought."""

from __future__ import annotations

import contextlib
from typing import Any, Sequence
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.config import Retention
from homeftp.endpoint import parse
from homeftp.errors import Busy, Changed, Forbidden, NotFound
from homeftp.history.changes import VersionId
from homeftp.interfaces.importing import IExportedHistory, IImportingStore, Imported
from homeftp.interfaces.store import IOpenFile, StoreOptions
from homeftp.model import WriteRequest
from homeftp.store import importing
from homeftp.store.importing import SMALL, ImportFailure, ImportStep, import_store
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.outcomes import catch


@implementer(IImportingStore)
class _Target:
    """Remembers what it is given; `results` are those of the next items, and then True."""

    def __init__(self, *results: bool | Exception) -> None:
        self.results = list(results)
        self.batches: list[Sequence[Imported]] = []

    def add_many(self, items: Sequence[Imported]) -> Sequence[bool | Exception]:
        self.batches.append(items)
        return [self.results.pop(0) if self.results else True for _ in items]


class ImportTests(SynchronousTestCase):
    """A store in memory."""

    def setUp(self) -> None:
        self.source = MemoryStore()
        self.target = _Target()

    def write(self, path: str, content: bytes) -> None:
        request = WriteRequest(endpoint=parse(path), size=len(content), mtime_us=len(content))
        (result,) = self.source.write_many([(request, content)])
        self.assertFalse(isinstance(result, Exception), result)

    def steps(self) -> list[ImportStep]:
        return list(import_store(self.source, self.target))

    def test_order(self) -> None:
        """A directory comes before what it holds, versions the oldest first, and also those of what is gone."""
        for content in (b"1", b"22", b"333"):
            self.write("d/a", content)
        self.write("gone", b"4444")
        list(self.source.remove(parse("gone"), None, False))
        (step,) = self.steps()
        found = [
            (each.endpoint.whole, each.kind, each.size, each.at_us is not None)
            for batch in self.target.batches
            for each in batch
        ]
        self.assertEqual(
            found,
            [
                ("d", "directory", 0, False),
                ("d/a", "file", 1, True),
                ("d/a", "file", 2, True),
                ("d/a", "file", 3, False),
                ("gone", "file", 4, True),
            ],
        )
        self.assertEqual(step, ImportStep(files=1, directories=1, versions=3, size=10))
        read = [each.open().read(0, 9) for each in self.target.batches[0] if each.open is not None]
        self.assertEqual(read, [b"1", b"22", b"333", b"4444"])

    def test_batches(self) -> None:
        """A batch has few items, and ends with the one that makes it large."""
        for name in "abcdef":
            self.write(name, b"1234")
        with mock.patch.object(importing, "BATCH_ITEMS", 4):
            self.steps()
        self.assertEqual([len(each) for each in self.target.batches], [4, 2])
        self.target.batches.clear()
        with mock.patch.object(importing, "BATCH_BYTES", 6):
            self.steps()
        self.assertEqual([len(each) for each in self.target.batches], [2, 2, 2])

    def test_failures(self) -> None:
        """What is refused is named with its reason, and its time if it is a version; the rest goes on."""
        self.write("a", b"1")
        self.write("a", b"22")
        self.write("b", b"333")
        self.target.results = [Changed("no"), False]
        (step,) = self.steps()
        at_us = self.target.batches[0][0].at_us
        self.assertEqual(step, ImportStep(files=1, size=3, there=1, failures=(ImportFailure("a", "no", at_us),)))

    def test_no_history(self) -> None:
        """A store whose versions cannot be listed is refused, rather than brought without them."""
        self.source = MemoryStore(StoreOptions(retention=Retention(seconds=0)))
        self.assertRaises(Forbidden, self.steps)
        self.assertEqual(self.target.batches, [])

    def test_busy(self) -> None:
        """Where the other store does not answer the import ends."""
        self.write("a", b"1")
        with mock.patch.object(self.target, "add_many", side_effect=Busy("later")):
            self.assertRaises(Busy, self.steps)

    def test_defect(self) -> None:
        """A fault that is no refusal is not taken for one."""
        self.write("a", b"1")
        self.target.results = [RuntimeError("a defect")]
        self.assertRaises(RuntimeError, self.steps)


@implementer(IExportedHistory)
class _ExportedHistory:
    """A history whose versions can be opened together; `asked` are those that were."""

    def __init__(self, whole: Any) -> None:
        self.timelines = whole.timelines
        self.open_version = whole.open_version
        self.asked: list[Sequence[VersionId]] = []

    def open_versions(self, asked: Sequence[VersionId], inline: int) -> Sequence[IOpenFile | Exception]:
        self.asked.append(asked)
        return [catch(self.open_version, each.endpoint, each.at_us) for each in asked]


class TogetherTests(SynchronousTestCase):
    """The contents of a batch are opened together."""

    def setUp(self) -> None:
        self.source, self.target = MemoryStore(), _Target()
        for content in (b"1", b"22"):
            for name in ("a", "b", "large"):
                whole = content * (SMALL if name == "large" else 1)
                self.source.write_many([(WriteRequest(endpoint=parse(name), size=len(whole)), whole)])
        self.history = _ExportedHistory(self.source.history())
        self.patch(self.source, "history", lambda: self.history)
        self.open_many = mock.Mock(wraps=self.source.open_many)
        self.patch(self.source, "open_many", self.open_many)

    def test_small(self) -> None:
        """All small ones at the first that is asked for, and a large one by itself."""
        with mock.patch.object(importing, "BATCH_BYTES", 10 * SMALL):
            list(import_store(self.source, self.target))
        (batch,) = self.target.batches
        self.open_many.assert_not_called()
        sizes = []
        for each in batch:
            assert each.open is not None
            with contextlib.closing(each.open()) as file:
                sizes.append((each.endpoint.whole, len(file.read(0, 9 * SMALL))))
        self.assertEqual(sizes, [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("large", SMALL), ("large", 2 * SMALL)])
        self.open_many.assert_called_once_with([parse("a"), parse("b")], SMALL)
        self.assertEqual(
            [[each.endpoint.whole for each in asked] for asked in self.history.asked], [["a", "b", "large"]]
        )

    def test_again(self) -> None:
        """What is asked for again is opened again, and by itself; what cannot be opened raises its refusal."""
        list(import_store(self.source, self.target))
        list(self.source.remove(parse("b"), None, False))
        item = self.target.batches[0][1]
        assert item.open is not None
        for _ in range(2):
            self.assertEqual(item.open().read(0, 9), b"22")
        gone = self.target.batches[0][3]
        assert gone.open is not None
        self.assertRaises(NotFound, gone.open)
