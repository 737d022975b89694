"""An import brings all that a store has and had, in batches, and tells what could not be brought."""

from __future__ import annotations

from typing import Sequence
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.config import Retention
from homeftp.endpoint import parse
from homeftp.errors import Busy, Changed, Forbidden
from homeftp.interfaces.importing import IImportingStore, Imported
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from homeftp.store import importing
from homeftp.store.importing import ImportFailure, ImportStep, import_store
from homeftp.store.memory import MemoryStore


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
