"""A read-only store refuses every change, and leaves little to write."""

from __future__ import annotations

from typing import Iterator

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, parse
from homeftp.errors import Forbidden, NotFound
from homeftp.interfaces.store import IOpenFile, IStore
from homeftp.model import Actor, Entry, ListingPage, WriteRequest
from homeftp.store.buffers import BytesFile
from homeftp.store.policy.wording import not_found
from homeftp.store.readonly import ReadOnlyStore

ENTRY = Entry("a.txt", "file", 1, hash="sha256:…")


class OneFile(ReadOnlyStore):
    """Has a.txt."""

    def stat(self, endpoint: Endpoint) -> Entry | None:
        return ENTRY if endpoint.parts == ("a.txt",) else None

    def open(self, endpoint: Endpoint) -> IOpenFile:
        if self.stat(endpoint) is None:
            raise not_found(endpoint)
        return BytesFile(ENTRY, b"a")

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        yield ListingPage((ENTRY,))


class ReadOnlyTests(SynchronousTestCase):
    """What the base class does."""

    def setUp(self) -> None:
        super().setUp()
        self.store = OneFile("it is a test")

    def test_reading(self) -> None:
        """Many are looked up and opened one by one; there are no versions, no partial uploads and no space."""
        verifyObject(IStore, self.store)
        a, b = parse("a.txt"), parse("b.txt")
        self.assertEqual(self.store.stat_many([b, a]), [None, ENTRY])
        opened, missing = self.store.open_many([a, b], 9)
        assert not isinstance(opened, Exception)
        self.assertEqual(opened.read(0, 9), b"a")
        self.assertIsInstance(missing, NotFound)
        self.assertEqual(list(self.store.versions(a)), [])
        self.assertIsNone(self.store.resume_point(a, None, 1, 1))
        self.assertEqual(self.store.space().free, 0)
        self.store.maintain()
        self.store.close()

    def test_changing(self) -> None:
        """Every change is refused, with the reason, for every actor."""
        store, a, request = self.store.bind(Actor("ann")), parse("a.txt"), WriteRequest(endpoint=parse("b.txt"))
        acts = [
            lambda: store.upload(request),
            lambda: store.edit(request),
            lambda: store.make_directory(request),
            lambda: store.set_metadata(a, mtime_us=1, mode=None, precondition=None),
            lambda: store.copy(a, request.endpoint, source_precondition=None, target_precondition=None),
            lambda: store.move(a, request.endpoint, None, None),
            lambda: next(store.remove(a, None, False)),
            lambda: store.restore(a, None, None),
        ]
        for act in acts:
            self.assertIn("it is a test", self.assertRaises(Forbidden, act).message)
        self.assertEqual([type(each) for each in store.write_many([(request, b""), (request, b"")])], [Forbidden] * 2)
