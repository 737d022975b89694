"""The contract of versions and restore: a replaced or removed file can be restored."""

from __future__ import annotations

from typing import Sequence

from homeftp.config import Retention
from homeftp.endpoint import ROOT, FolderSet, parse
from homeftp.errors import Changed, NotFound, WrongKind
from homeftp.interfaces.store import IStore
from homeftp.model import ABSENT
from homeftp.testing.contract.case import ContractCase, request, sha


class VersionsContract(ContractCase):
    """Versions. Where the capabilities deny them there are none: listed empty, and none is found to restore."""

    def test_kept(self) -> None:
        """A replaced file and a removed one become versions, the newest first."""
        store = self.store()
        self.write(store, "a.txt", b"1", mtime_us=1_600_000_000_000_000, mode=0o640)
        self.write(store, "a.txt", b"22")
        self.upload(store, "a.txt", b"333")
        self.remove(store, "a.txt")
        kept = self.kept(store, "a.txt")
        if not store.capabilities.versions:
            self.assertEqual(kept, [])
            self.assert_refused(NotFound, store.restore, parse("a.txt"), None, None)
            return
        self.assertEqual([(version.name, version.size) for version in kept], [("", 3), ("", 2), ("", 1)])
        if store.capabilities.metadata:
            self.assertEqual((kept[-1].mtime_us, kept[-1].mode), (1_600_000_000_000_000, 0o640))
        for version, content in zip(kept, (b"333", b"22", b"1"), strict=True):
            self.assertIn(version.hash, (None, sha(content)))
        times = [version.at_us for version in kept]
        self.assertEqual(times, sorted(set(times), reverse=True))

    def test_empty_replaced(self) -> None:
        """An empty file that is replaced leaves no version where the request says so; all others do."""
        store = self.store()
        for act in (self.write, self.upload):
            for content, keeps_empty, kept in ((b"", True, 1), (b"", False, 0), (b"x", False, 1)):
                self.write(store, "a.txt", content)
                before = len(self.kept(store, "a.txt"))
                act(store, "a.txt", b"new", keeps_empty=keeps_empty)
                found = len(self.kept(store, "a.txt")) - before
                self.assertEqual(found, kept if store.capabilities.versions else 0, (content, keeps_empty))

    def test_beneath(self) -> None:
        """Asked of a directory, versions of all files beneath it come, file by file, with their names from there."""
        store = self.store()
        for path in ("d/b.txt", "d/a/c.txt", "d/a.txt", "e.txt"):
            self.write(store, path, b"1")
        self.remove(store, "d", recursive=True)
        self.write(store, "e.txt", b"2")
        if store.capabilities.versions:
            self.write(store, "e.txt", b"3")
            self.assertEqual(len({version.at_us for version in self.kept(store, "d")}), 1, "they went at one time")
            beneath = {version.name for version in self.kept(store, "d")}
            self.assertEqual(beneath, {"a/c.txt", "a.txt", "b.txt"})
            everything = [version.name for version in self.kept(store)]
            self.assertEqual(sorted(everything), ["d/a.txt", "d/a/c.txt", "d/b.txt", "e.txt", "e.txt"])
            self.assertEqual(everything.index("e.txt") + 1, len(everything) - everything[::-1].index("e.txt") - 1)
        self.assertEqual(self.kept(store, "none"), [])

    def test_hidden_versions(self) -> None:
        """Versions in hidden folders are left out, in any case; pages are as if there were none."""
        store = self.store()
        if not store.capabilities.versions:
            return
        folders = FolderSet(frozenset({("b",), ("d", "Secret"), ("e.txt",)}))
        visible = [f"d/{number:04}.txt" for number in range(20)]
        self.replaced(store, visible)
        before = [list(store.versions(parse(path), folders)) for path in ("", "d")]
        hidden = [f"{folder}/{number:03}.txt" for folder in ("b/c", "d/secret") for number in range(300)] + ["e.txt"]
        self.replaced(store, hidden)
        after = [list(store.versions(parse(path), folders)) for path in ("", "d")]
        self.assertEqual(after, before)
        self.assertEqual({each.name for each in self.kept(store)}, {*visible, *hidden}, "the control: they exist")

    def replaced(self, store: IStore, paths: Sequence[str]) -> None:
        """Each of these files has a version."""
        for content in (b"1", b"2"):
            store.write_many([(request(path, size=1), content) for path in paths])

    def test_restore(self) -> None:
        """The newest version is restored, or that of a time; the current file becomes a version in its place."""
        store = self.store()
        if not store.capabilities.versions:
            return
        for content in (b"1", b"22", b"333"):
            self.write(store, "d/a.txt", content)
        entry = store.restore(parse("d/a.txt"), None, sha(b"333"))
        self.assertEqual((entry.kind, entry.size), ("file", 2))
        self.assertEqual(self.content(store, "d/a.txt"), b"22")
        self.assertEqual(sorted(version.size for version in self.kept(store, "d/a.txt")), [1, 3])
        (oldest,) = [version for version in self.kept(store, "d/a.txt") if version.size == 1]
        store.restore(parse("d/a.txt"), oldest.at_us, None)
        self.assertEqual(self.content(store, "d/a.txt"), b"1")
        self.assertEqual(sorted(version.size for version in self.kept(store, "d/a.txt")), [2, 3])

    def test_restore_removed(self) -> None:
        """A removed file is put back with its time, and so are the directories on the way."""
        store = self.store()
        if not store.capabilities.versions:
            return
        self.write(store, "d/e/a.txt", b"content", mtime_us=1_600_000_000_000_000)
        self.remove(store, "d", recursive=True)
        entry = store.restore(parse("d/e/a.txt"), None, ABSENT)
        if store.capabilities.metadata:
            self.assertEqual(entry.mtime_us, 1_600_000_000_000_000)
        self.assertEqual(self.tree(store), {"d": None, "d/e": None, "d/e/a.txt": b"content"})
        self.assertEqual(self.kept(store), [])

    def test_restore_refused(self) -> None:
        """Only versions that exist are put back, on the condition, and only of files; then all stays as it is."""
        store = self.store()
        if not store.capabilities.versions:
            return
        self.write(store, "a.txt", b"1")
        self.write(store, "a.txt", b"22")
        (version,) = self.kept(store, "a.txt")
        self.assert_refused(NotFound, store.restore, parse("none.txt"), None, None)
        self.assert_refused(NotFound, store.restore, parse("a.txt"), version.at_us + 1, None)
        self.assert_refused(WrongKind, store.restore, ROOT, None, None)
        self.assert_refused(Changed, store.restore, parse("a.txt"), None, ABSENT)
        self.assert_refused(Changed, store.restore, parse("a.txt"), None, sha(b"other"))
        self.assertEqual(self.content(store, "a.txt"), b"22")
        self.assertEqual(self.kept(store, "a.txt"), [version])

    def test_no_versions(self) -> None:
        """Where the owner wants none, none is kept, and the capabilities say so."""
        store = self.store(retention=Retention(seconds=0))
        self.write(store, "a.txt", b"1")
        self.write(store, "a.txt", b"2")
        self.remove(store, "a.txt")
        self.assertFalse(store.capabilities.versions)
        self.assertEqual(self.kept(store), [])
        self.assert_refused(NotFound, store.restore, parse("a.txt"), None, None)

    def test_expire(self) -> None:
        """`maintain` removes what was kept long enough, and nothing else."""
        store = self.store(retention=Retention(seconds=3600))
        brief = self.store(retention=Retention(seconds=1e-6))
        for each in (store, brief):
            self.write(each, "a.txt", b"1")
            self.write(each, "a.txt", b"2")
            each.maintain()
            self.assertEqual(self.tree(each), {"a.txt": b"2"})
        self.assertEqual(self.kept(brief), [])
        self.assertEqual(len(self.kept(store)), int(store.capabilities.versions))
