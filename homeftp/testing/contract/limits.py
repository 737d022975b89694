"""The contract of the owner's limits: types, sizes and quota."""

from __future__ import annotations

from msgspec import structs

from homeftp.config import NAME_COST
from homeftp.endpoint import parse
from homeftp.errors import FiletypeNotAllowed, NoSpace, TooLarge
from homeftp.interfaces.store import IStore
from homeftp.model import Actor, Allotment, ResumePoint
from homeftp.testing.contract.case import ContractCase, request, sha
from homeftp.testing.contract.resuming import PART


class LimitsContract(ContractCase):
    """The contract of the owner's limits: types, sizes and quota."""

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
        store = self.store(quota=quota, retention=structs.replace(self.options.retention, protected_seconds=0))
        if not store.capabilities.quota:
            return
        store.maintain()
        free = store.space().free
        assert free is not None
        self.assertLessEqual(free, quota)
        self.write(store, "a.txt", b"x" * 300_000)
        less = store.space().free
        assert less is not None
        self.assertLessEqual(less, free - 300_000)
        used = store.space().used
        assert used is not None
        self.assertTrue(300_000 <= used <= quota, used)
        for act in (self.write, self.upload):
            self.assert_refused(NoSpace, act, store, "b.txt", bytes(quota))
            self.assertEqual(self.names(store), ["a.txt"])
        for number in range(10):
            self.write(store, "b.txt", b"%d" % number * 300_000)
        self.assertEqual(self.content(store, "b.txt"), b"9" * 300_000)
        self.assertEqual(self.content(store, "a.txt"), b"x" * 300_000)
        self.assertLess(len(self.kept(store)), 3)
        if store.capabilities.copy:
            self.copy(store, "a.txt", "c.txt")
            self.assert_refused(NoSpace, self.copy, store, "a.txt", "d.txt")
            self.remove(store, "c.txt")
        if store.capabilities.edit:
            draft = store.edit(request("a.txt"))
            self.assert_refused(NoSpace, draft.write, 300_000, bytes(quota))
            draft.abort()
        self.assertEqual(self.names(store), ["a.txt", "b.txt"])

    def test_over_quota(self) -> None:
        """Not one byte more than the quota is written."""
        quota = 1_000_000
        store = self.store(quota=quota)
        if not store.capabilities.quota:
            return
        store.maintain()
        for act in (self.write, self.upload):
            self.assert_refused(NoSpace, act, store, "a.txt", bytes(quota + 1))
            self.assertEqual(self.names(store), [])

    def test_declared_size(self) -> None:
        """Versions are removed for bytes that have arrived, and not for a size that is only declared."""
        quota = 4 * PART
        store = self.store(quota=quota, retention=structs.replace(self.options.retention, protected_seconds=0))
        if not (store.capabilities.quota and store.capabilities.versions):
            return
        store.maintain()
        self.write(store, "a.txt", bytes(2 * PART))
        self.write(store, "a.txt", b"")
        content = bytes(3 * PART)
        upload = store.upload(request("b.txt", size=len(content)))
        self.assertEqual(len(self.kept(store)), 1)
        upload.abort()
        self.upload(store, "b.txt", content)
        self.assertEqual(self.kept(store), [], "the control: it goes when they arrive")

    def test_kept_from_others(self) -> None:
        """For a declared size nothing is removed; young versions and others' uploads are not, whatever arrives."""
        quota = 4 * PART
        store = self.store(quota=quota)
        if not (store.capabilities.quota and store.capabilities.resume and store.capabilities.versions):
            return
        store.maintain()
        ann, bob = store.bind(Actor("ann")), store.bind(Actor("bob"))
        self.write(store, "a.txt", bytes(PART // 2))
        self.write(store, "a.txt", b"")
        known = sha(bytes(2 * PART)), 2 * PART, None
        upload = ann.upload(request("b.txt", size=2 * PART, hash=known[0]))
        upload.write(bytes(PART))
        upload.suspend()
        content = bytes(5 * PART // 2)
        for size in (len(content), None):
            self.assert_refused(NoSpace, self.upload, bob, "c.txt", content, size=size)
            self.assertEqual(len(self.kept(store)), 1)
            self.assertIsNotNone(ann.resume_point(parse("b.txt"), *known))
        declared = ann.upload(request("c.txt", size=3 * PART))
        self.assertIsNotNone(ann.resume_point(parse("b.txt"), *known))
        declared.abort()
        self.upload(ann, "c.txt", bytes(3 * PART))
        self.assertIsNone(ann.resume_point(parse("b.txt"), *known), "its own uploads may go")

    def test_suspended_without_space(self) -> None:
        """Where space ends while a content arrives, what has arrived is not lost."""
        quota = 4 * PART
        store = self.store(quota=quota)
        if not (store.capabilities.quota and store.capabilities.resume):
            return
        store.maintain()
        ann, bob = store.bind(Actor("ann")), store.bind(Actor("bob"))
        size = quota - PART
        upload = ann.upload(request("a.txt", size=size, mtime_us=5))
        upload.write(bytes(PART))
        self.upload(bob, "b.txt", bytes(2 * PART))
        self.assert_refused(NoSpace, upload.write, bytes(size - PART))
        self.assertEqual(ann.resume_point(parse("a.txt"), None, size, 5), ResumePoint(PART, sha(bytes(PART))))
        self.remove(store, "b.txt")

    def test_account_quota(self) -> None:
        """The files beneath an account's home never exceed its quota; that stops no other account."""
        store = self.store()
        if not store.capabilities.account_quotas:
            return
        quota = 1_000_000
        ann = store.bind(
            Actor("ann", allotment=Allotment(parse("ann"), quota, may_discard=False, sees_all=False)),
        )
        bob = store.bind(Actor("bob"))
        self.write(store, "d.txt", bytes(quota))
        self.write(bob, "ann/b.txt", bytes(300_000))
        for act in (self.write, self.upload):
            refused = self.assert_refused(NoSpace, act, ann, "ann/c.txt", bytes(800_000))
            self.assertIn("your account's quota", refused.message)
        self.write(ann, "ann/c.txt", bytes(600_000))
        self.assert_refused(NoSpace, self.write, ann, "ann/e.txt", bytes(200_000))
        self.write(bob, "ann/e.txt", bytes(200_000))
        self.remove(store, "ann/e.txt")
        free = ann.space().free
        assert free is not None
        self.assertLessEqual(free, 100_000)
        used = ann.space().used
        assert used is not None
        self.assertGreaterEqual(used, 900_000, "what others wrote there counts too")

    def test_secret_quota(self) -> None:
        """An account that may not read all that its quota counts learns only roughly what is left."""
        store = self.store()
        if not store.capabilities.account_quotas:
            return
        self.write(store, "ann/b.txt", bytes(345_678))
        for sees_home in (True, False):
            allotment = Allotment(parse("ann"), 1_000_000, may_discard=False, sees_all=False, sees_home=sees_home)
            ann = store.bind(Actor("ann", allotment=allotment))
            for act in (self.write, self.upload):
                refused = self.assert_refused(NoSpace, act, ann, "ann/c.txt", bytes(800_000))
                self.assertEqual("are free" in refused.message, sees_home, act)
            free = ann.space().free
            assert free is not None
            self.assertEqual(len(str(free).rstrip("0")) <= 2, not sees_home, free)  # the control: it is told exactly

    def test_secret_versions(self) -> None:
        """To declare sizes tells no account exactly what a quota leaves, also where versions could go for them."""
        most, retention = 2_000_000, structs.replace(self.options.retention, protected_seconds=0)
        for own in (True, False):
            store = self.store(quota=None if own else most, retention=retention)
            if not (store.capabilities.account_quotas if own else store.capabilities.quota):
                continue
            store.maintain()
            allotment = Allotment(
                parse("ann"), most if own else None, may_discard=False, sees_all=False, sees_home=False
            )
            accepted: list[list[int]] = []
            for size in (345_678, 310_000, 350_000, 450_000):
                self.write(store, "ann/b.txt", bytes(size))  # what it had is a version, which could go
                accepted.append(self.accepted(store.bind(Actor("ann", allotment=allotment))))
            self.assertEqual(accepted[1], accepted[2])
            self.assertNotEqual(accepted[2], accepted[3], "the control: roughly it shows")

    def accepted(self, store: IStore) -> list[int]:
        """Which of some sizes a store lets a client declare."""
        found = []
        for size in range(1_600_000, 1_800_000, 20_000):
            try:
                store.upload(request("ann/c.txt", size=size)).abort()
            except NoSpace:
                continue
            found.append(size)
        return found

    def test_names_count(self) -> None:
        """Each name counts for a quota, of an empty file or a directory too, until it is removed."""
        most = 16

        def made(store: IStore, path: str) -> object:
            return store.make_directory(request(path))

        def written(store: IStore, path: str) -> object:
            return self.write(store, path, b"")

        def uploaded(store: IStore, path: str) -> object:
            return self.upload(store, path, b"")

        def edited(store: IStore, path: str) -> object:
            return store.edit(request(path)).commit()

        def copied(store: IStore, path: str) -> object:
            return self.copy(store, "empty.txt", path)

        def beneath(store: IStore, path: str) -> object:
            return self.write(store, f"{path}/a.txt", b"")

        for act, names in ((made, 1), (written, 1), (uploaded, 1), (edited, 1), (copied, 1), (beneath, 2)):
            store = self.store()
            if not store.capabilities.account_quotas:
                return
            if (act is copied and not store.capabilities.copy) or (act is edited and not store.capabilities.edit):
                continue
            self.write(store, "empty.txt", b"")
            allotment = Allotment(parse("ann"), most * NAME_COST, may_discard=False, sees_all=False)
            ann = store.bind(Actor("ann", allotment=allotment))
            store.make_directory(request("ann"))
            for number in range(most // names):
                act(ann, f"ann/{number:02}.txt")
            before = self.tree(store)
            self.assert_refused(NoSpace, act, ann, "ann/more.txt")
            self.assertEqual(self.tree(store), before)
            act(store, "ann/others.txt")  # the control: only its quota keeps the account from it
            self.remove(store, "ann/others.txt", recursive=True)
            if act is made:
                self.remove(store, "ann/00.txt")
                act(ann, "ann/more.txt")

    def test_space_is_rounded(self) -> None:
        """The free space of the whole store is told to an account in two digits: the rest would tell what others do."""
        store = self.store(quota=1_000_000)
        if not store.capabilities.quota:
            return
        store.maintain()
        self.write(store, "a.txt", bytes(123_456))
        left = store.space().free
        assert left is not None
        allotment = Allotment(parse("ann"), None, may_discard=False, sees_all=False)
        shown = store.bind(Actor("ann", allotment=allotment)).space().free
        assert shown is not None
        self.assertLessEqual(shown, left)
        self.assertLessEqual(len(str(shown).rstrip("0")), 2, shown)

    def test_space(self) -> None:
        """The space that is left, and the space in use, are numbers of bytes, or not known."""
        space = self.store().space()
        for each in (space.free, space.used):
            self.assertTrue(each is None or each >= 0)
