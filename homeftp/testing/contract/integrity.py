"""The contract of verify: what the store has not kept is found, marked, told, and mended from a copy."""

from __future__ import annotations

import attrs
from msgspec import structs

from homeftp.endpoint import NO_FOLDERS, ROOT, FolderSet, parse
from homeftp.errors import Damaged, Forbidden, NotFound
from homeftp.interfaces.store import IStore
from homeftp.model import MENDER, Actor, Allotment, Change, Damage, Verification
from homeftp.testing.contract.case import ContractCase, request, sha

GOOD, BAD = b"good content", b"gone content"

MTIME_US = 1_700_000_000_000_500
"""A time that is long over: a change of a file that was written just now might not show."""


class IntegrityContract(ContractCase):
    """The contract of verifying and mending."""

    def verified(self, store: IStore, path: str = "", hidden: FolderSet = NO_FOLDERS) -> Verification:
        """Verify everything at and beneath a path: the sum of the steps."""
        endpoint = parse(path) if path else ROOT
        return Verification.total(list(store.verify(endpoint, 0, hidden)))

    def damaged_store(self, changes: list[Change] | None = None, **contents: bytes) -> IStore | None:
        """A store in which `d/a.txt` had `GOOD`, and has `BAD`; None where that cannot be tested.

        It reports to `changes`.
        """
        store = self.store() if changes is None else self.store(record_changes=changes.extend)
        for name, content in {"d/a": GOOD, **contents}.items():
            self.write(store, f"{name}.txt", content, mtime_us=MTIME_US)
        if not store.capabilities.verify or not self.damage_file(store, "d/a.txt", BAD):
            return None
        return store

    def test_nothing_damaged(self) -> None:
        """Files and versions that are as they were stored are read, and nothing is reported."""
        store = self.filled({"a.txt": b"one", "d/b.txt": b"three"})
        if not store.capabilities.verify:
            self.assert_refused(Forbidden, lambda: list(store.verify(ROOT)))
            self.assertEqual(list(store.damaged()), [])
            return
        self.assertEqual(self.verified(store), Verification(2, 0, 8))
        self.assertEqual(self.verified(store, "d"), Verification(1, 0, 5))
        self.assertEqual(self.verified(store, "d/b.txt"), Verification(1, 0, 5))
        self.assertEqual(self.verified(store, "", FolderSet(frozenset({("d",)}))).files, 1)
        self.assertEqual(list(store.damaged()), [])
        self.assert_refused(NotFound, lambda: list(store.verify(parse("none"))))

    def test_only_hidden_left(self) -> None:
        """A directory that is gone is not there, whether versions are left in a hidden folder of it or not."""
        store = self.filled({"d/secret/a.txt": b"one"})
        if store.capabilities.verify and store.capabilities.versions:
            self.remove(store, "d", recursive=True)
            self.assertEqual(self.verified(store, "d").versions, 1, "the control")
            hidden = FolderSet(frozenset({("d", "secret")}))
            self.assert_refused(NotFound, self.verified, store, "d", hidden)

    def test_replaced(self) -> None:
        """A replaced content is no damage; the version of it is read as well."""
        store = self.filled({"a.txt": b"one"})
        self.write(store, "a.txt", b"other", precondition=sha(b"one"))
        if store.capabilities.verify:
            versions = int(store.capabilities.versions)
            self.assertEqual(self.verified(store), Verification(1, versions, 5 + 3 * versions))

    def test_found(self) -> None:
        """A damaged file is found, told by `stat`, and not given to anybody as if it were sound."""
        store = self.damaged_store()
        if store is None:
            return
        for path in ("", "d", "d/a.txt"):
            (damage,) = self.verified(store, path).damages
            name = "d/a.txt"[len(path) + bool(path) :]
            self.assertEqual(damage, Damage(name, "content", sha(GOOD)))
        self.assertEqual(list(store.damaged()), [Damage("d/a.txt", "content", sha(GOOD))])
        listed = {entry.name: entry for entry in self.listed(store)}["d/a.txt"]
        found = store.stat(parse("d/a.txt"))
        assert found is not None
        for entry in (listed, found):
            self.assertEqual((entry.hash, entry.damaged), (None, sha(GOOD)))
        self.assert_refused(Damaged, store.open, parse("d/a.txt"))
        self.assertIsInstance(store.open_many([parse("d/a.txt")], 100)[0], Damaged)
        if store.capabilities.copy:
            self.assert_refused(Damaged, self.copy, store, "d/a.txt", "b.txt")
        if store.capabilities.edit:
            self.assert_refused(Damaged, store.edit, request("d/a.txt"))

    def test_recorded_once(self) -> None:
        """A damage is recorded when it is found, and not again, wherever the damaged content is moved to."""
        changes: list[Change] = []
        store = self.store(record_changes=changes.extend)
        self.write(store, "a.txt", GOOD, mtime_us=MTIME_US)
        del changes[:]
        if not store.capabilities.verify or not self.damage_file(store, "a.txt", BAD):
            return
        self.verified(store)
        self.verified(store)
        self.move(store, "a.txt", "b.txt")
        self.assertEqual(len(self.verified(store).damages), 1)
        self.write(store, "b.txt", b"new", precondition=sha(GOOD))
        self.assertEqual(len(self.verified(store).damages), store.capabilities.versions)
        recorded = [(each.what, str(each.endpoint), each.hash) for each in changes if each.what == "damage"]
        self.assertEqual(recorded, [("damage", "a.txt", sha(GOOD))])

    def test_mended_by_the_same_content(self) -> None:
        """Storing the content again, on condition of the hash that it had, mends the file; nothing is lost."""
        store = self.damaged_store()
        if store is None:
            return
        self.verified(store)
        self.write(store, "d/a.txt", GOOD, precondition=sha(GOOD))
        self.assert_sound(store)
        if store.capabilities.versions:
            (version,) = self.kept(store, "d/a.txt")
            store.restore(parse("d/a.txt"), version.at_us, None)
            self.assertEqual(self.content(store, "d/a.txt"), BAD, "it counts as sound: its hash is its own")

    def test_mended_by_any_write(self) -> None:
        """Storing a content without any condition mends the file."""
        store = self.damaged_store()
        if store is None:
            return
        self.verified(store)
        self.upload(store, "d/a.txt", GOOD)
        self.assert_sound(store)

    def test_replaced_by_another(self) -> None:
        """Where another content takes the place of a damaged one, the version of it is known to be damaged."""
        store = self.damaged_store()
        if store is None or not store.capabilities.versions:
            return
        self.verified(store)
        self.write(store, "d/a.txt", b"new", precondition=sha(GOOD))
        self.assertEqual(self.content(store, "d/a.txt"), b"new")
        (version,) = self.kept(store, "d/a.txt")
        self.assertEqual(list(store.damaged()), [Damage("d/a.txt", "content", sha(GOOD), version.at_us)])
        self.assertEqual(self.verified(store, "d").damages, (Damage("a.txt", "content", sha(GOOD), version.at_us),))
        self.assert_refused(Damaged, store.restore, parse("d/a.txt"), version.at_us, None)

    def test_mended_from_another_file(self) -> None:
        """Another file with the content that was stored mends the damaged one; other files stay."""
        store = self.damaged_store(copy=GOOD, other=BAD)
        if store is None:
            return
        (damage,) = self.verified(store).damages
        self.assertTrue(damage.mended)
        self.assert_sound(store)
        self.assertEqual([self.content(store, f"{name}.txt") for name in ("copy", "other")], [GOOD, BAD])

    def test_mended_from_a_version(self) -> None:
        """A version with the content that was stored mends the damaged file, and stays a version."""
        store = self.store()
        self.write(store, "d/a.txt", GOOD, mtime_us=MTIME_US)
        self.write(store, "d/a.txt", b"in between", mtime_us=MTIME_US, precondition=sha(GOOD))
        self.write(store, "d/a.txt", GOOD, mtime_us=MTIME_US, precondition=sha(b"in between"))
        able = store.capabilities.verify and store.capabilities.versions
        if not able or not self.damage_file(store, "d/a.txt", BAD):
            return
        (damage,) = self.verified(store, "d/a.txt").damages
        self.assertTrue(damage.mended)
        self.assert_sound(store)
        self.assertEqual(len(self.kept(store, "d/a.txt")), 3)

    def test_not_mended_from_what_is_hidden(self) -> None:
        """An account that does not see the whole store does not learn by a verification who else has a content."""
        store = self.damaged_store(copy=GOOD)
        if store is None:
            return
        narrow = Allotment(parse("d"), None, may_discard=True, sees_all=False)
        for allotment in (narrow, structs.replace(narrow, sees_all=True)):  # the second one is the control
            (damage,) = self.verified(store.bind(Actor("ann", allotment=allotment)), "d").damages
            self.assertEqual(damage, Damage("a.txt", "content", sha(GOOD), mended=allotment.sees_all))
            self.assertEqual(bool(store.damaged()), not allotment.sees_all)

    def test_mended_from_its_own_versions(self) -> None:
        """Such an account's verification mends a file from a version of it, which the account sees too."""
        store = self.store()
        for content in (GOOD, b"in between", GOOD):
            self.write(store, "d/a.txt", content, mtime_us=MTIME_US)
        able = store.capabilities.verify and store.capabilities.versions
        if not able or not self.damage_file(store, "d/a.txt", BAD):
            return
        narrow = Allotment(parse("d"), None, may_discard=True, sees_all=False)
        (damage,) = self.verified(store.bind(Actor("ann", allotment=narrow)), "d").damages
        self.assertTrue(damage.mended)

    def test_version_is_mended(self) -> None:
        """A damaged version gets its content back from another file, and stays the version that it was."""
        changes: list[Change] = []
        store = self.damaged_store(changes)
        if store is None or not store.capabilities.versions:
            return
        self.verified(store)
        self.write(store, "d/a.txt", b"new", precondition=sha(GOOD))
        before = self.kept(store, "d/a.txt")
        self.write(store, "copy.txt", GOOD, mtime_us=MTIME_US)
        del changes[:]
        damage = Damage("d/a.txt", "content", sha(GOOD), before[0].at_us, mended=True)
        self.assertEqual(self.verified(store).damages, (damage,))
        self.assertEqual((list(store.damaged()), self.verified(store).damages), ([], ()))
        mends = [each for each in changes if each.what == "mend"]
        recorded = [(each.kind, str(each.endpoint), each.size, each.hash, each.actor == MENDER) for each in mends]
        self.assertEqual(recorded, [("version", "d/a.txt", len(GOOD), sha(GOOD), True)])
        (version,) = self.kept(store, "d/a.txt")
        self.assertEqual(attrs.evolve(version, hash=None), attrs.evolve(before[0], hash=None))
        store.restore(parse("d/a.txt"), version.at_us, None)
        self.assertEqual(self.content(store, "d/a.txt"), GOOD)

    def test_version_of_a_removed_file(self) -> None:
        """The versions of a file that was removed are read again, and mended, by its path."""
        store = self.damaged_store(copy=GOOD)
        if store is None or not store.capabilities.versions:
            return
        self.remove(store, "d/a.txt")
        (version,) = self.kept(store, "d/a.txt")
        damage = Damage("", "content", sha(GOOD), version.at_us, mended=True)
        found = self.verified(store, "d/a.txt")
        self.assertEqual((found.files, found.versions, found.damages), (0, 1, (damage,)))
        self.remove(store, "d")
        self.assertEqual(self.verified(store, "d").versions, 1)

    def test_moved(self) -> None:
        """A damaged file, or its directory, that is moved is still known to be damaged."""
        store = self.damaged_store()
        if store is None:
            return
        self.verified(store)
        self.move(store, "d/a.txt", "d/b.txt")
        self.assertEqual([each.name for each in store.damaged()], ["d/b.txt"])
        self.move(store, "d", "e")
        self.assertEqual([each.name for each in store.damaged()], ["e/b.txt"])
        self.assert_refused(Damaged, store.open, parse("e/b.txt"))

    def test_removed(self) -> None:
        """The version of a damaged file that is removed is known to be damaged."""
        store = self.damaged_store()
        if store is None:
            return
        self.verified(store)
        self.remove(store, "d/a.txt")
        kept = [(each.name, each.at_us is None) for each in store.damaged()]
        self.assertEqual(kept, [("d/a.txt", False)] if store.capabilities.versions else [])

    def assert_sound(self, store: IStore) -> None:
        """The file has its content, and nothing is known to be damaged."""
        self.assertEqual(self.content(store, "d/a.txt"), GOOD)
        self.assertEqual(list(store.damaged()), [])
        self.assertEqual(self.verified(store).damages, ())
