"""The contract of a store that cannot be changed: it is read as any other, and refuses every change."""

from __future__ import annotations

from typing import Any, Mapping

from homeftp.endpoint import parse
from homeftp.errors import Forbidden
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.testing.contract.case import ContractCase, request, sha
from homeftp.testing.contract.reading import ReadingContract


class ReadOnlyContract(ContractCase):
    """Refusing every change."""

    def test_read_only(self) -> None:
        """A store that cannot be changed says why, is read as any other, and refuses every change."""
        store = self.make_read_only_store({"a.txt": b"a"}, self.options)
        if store is None:
            return
        self.addCleanup(store.close)
        self.assertTrue(store.read_only)
        self.assertEqual(self.names(store), ["a.txt"])
        self.assertEqual(self.content(store, "a.txt"), b"a")
        acts = [
            lambda: self.upload(store, "b.txt", b""),
            lambda: store.make_directory(request("d")),
            lambda: self.move(store, "a.txt", "b.txt"),
            lambda: self.remove(store, "a.txt"),
            lambda: store.restore(parse("a.txt"), None, None),
            lambda: store.set_metadata(parse("a.txt"), mtime_us=1, mode=None, precondition=None),
            lambda: self.copy(store, "a.txt", "b.txt"),
            lambda: store.edit(request("a.txt")),
            lambda: store.write_many([(request("b.txt", hash=sha(b"")), b"")]),
        ]
        for act in acts[:-1]:
            self.assert_refused(Forbidden, act)
        try:
            (refused,) = store.write_many([(request("b.txt"), b"")])
        except Forbidden:
            pass
        else:
            self.assertIsInstance(refused, Forbidden)
        self.assertEqual(self.names(store), ["a.txt"])
        self.assertIsNone(store.resume_point(parse("b.txt"), sha(b""), 0, 0))


class ReadOnlyStoreContract(ReadingContract, ReadOnlyContract):
    """Every promise of `IStore` that concerns a store which is always read-only.

    Mix it into a TestCase, and write `make_read_only_store`.
    """

    def make_store(self, options: StoreOptions) -> IStore:
        """An empty store."""
        return self.filled({})

    def filled(self, files: Mapping[str, bytes], **options: Any) -> IStore:
        """A store with the contents of these paths; it is closed after the test."""
        store = self.make_read_only_store(files, self.with_options(**options))
        if store is None:
            raise NotImplementedError("write make_read_only_store: it returns a store with these files and options")
        self.addCleanup(store.close)
        return store

    def test_other_types_exist(self) -> None:
        """Files of types that the owner does not allow are named as skipped, and are not read."""
        self.assert_skipped(self.filled({"a.exe": b"a", "b.txt": b"b"}, filetypes=(".txt",)))
