"""The contract of the owner's limits: types, sizes and quota."""

from __future__ import annotations

from homeftp.endpoint import parse
from homeftp.errors import FiletypeNotAllowed, NoSpace, TooLarge
from homeftp.testing.contract.case import ContractCase, request


class LimitsContract(ContractCase):
    """Limits."""

    def test_filetypes(self) -> None:
        """Only files of the allowed types are written, whatever the case of their suffix; directories are free."""
        store = self.store(filetypes=(".txt", ".jpg"))
        self.write(store, "d.exe/a.txt", b"a")
        self.write(store, "b.JPG", b"b")
        before = self.tree(store)
        acts = [
            lambda: self.write(store, "a.exe", b""),
            lambda: self.upload(store, "a.exe", b""),
            lambda: self.write(store, "txt", b""),
            lambda: self.move(store, "b.JPG", "b.exe"),
            lambda: store.open(parse("a.exe")),
            lambda: store.stat(parse("a.exe")),
            lambda: store.restore(parse("a.exe"), None, None),
        ]
        if store.capabilities.copy:
            acts.append(lambda: self.copy(store, "b.JPG", "b.exe"))
        if store.capabilities.edit:
            acts.append(lambda: store.edit(request("a.exe")))
        for act in acts:
            self.assertIn(".txt, .jpg", self.assert_refused(FiletypeNotAllowed, act).message)
        self.assertEqual(self.tree(store), before)
        self.assertIsNone(store.stat(parse("none")))

    def test_other_types_exist(self) -> None:
        """Files of other types that exist already are named as skipped, and are neither read nor changed."""
        store = self.store(filetypes=())
        self.write(store, "a.exe", b"a")
        self.write(store, "b.txt", b"b")
        store.close()
        again = self.reopen_store(store, self.with_options(filetypes=(".txt",)))
        if again is None:
            return
        self.addCleanup(again.close)
        self.assert_skipped(again)
        self.assert_refused(FiletypeNotAllowed, self.remove, again, "a.exe")

    def test_file_size(self) -> None:
        """A file over the owner's limit is refused, as soon as it is known to be."""
        store = self.store(file_size=1000)
        self.write(store, "a.txt", bytes(1000))
        before = self.tree(store)
        self.assert_refused(TooLarge, self.write, store, "b.txt", bytes(1001))
        self.assert_refused(TooLarge, store.upload, request("b.txt", size=1001))
        self.assert_refused(TooLarge, self.upload, store, "b.txt", bytes(1001), size=None)
        if store.capabilities.edit:
            draft = store.edit(request("a.txt"))
            self.assert_refused(TooLarge, draft.write, 1000, b"x")
            self.assert_refused(TooLarge, draft.truncate, 1001)
            self.assertEqual(draft.size, 1000)
            draft.abort()
        self.assertEqual(self.tree(store), before)

    def test_quota(self) -> None:
        """A write over the quota is refused and the old content stays; versions are removed before that."""
        quota = 1_000_000
        store = self.store(quota=quota)
        if not store.capabilities.quota:
            return
        store.maintain()
        free = store.free_space()
        assert free is not None
        self.assertLessEqual(free, quota)
        self.write(store, "a.txt", b"x" * 300_000)
        less = store.free_space()
        assert less is not None
        self.assertLessEqual(less, free - 300_000)
        for act in (self.write, self.upload):
            self.assert_refused(NoSpace, act, store, "b.txt", bytes(quota))
            self.assertEqual(self.names(store), ["a.txt"])
        for number in range(10):
            self.write(store, "b.txt", b"%d" % number * 300_000)
        self.assertEqual(self.content(store, "b.txt"), b"9" * 300_000)
        self.assertEqual(self.content(store, "a.txt"), b"x" * 300_000)
        self.assertLess(len(self.kept(store)), 3)

    def test_free_space(self) -> None:
        """Free space is a number of bytes, or not known."""
        free = self.store().free_space()
        self.assertTrue(free is None or free >= 0)
