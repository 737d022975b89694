"""The contract of edit, set_metadata and copy: what front ends need beyond whole writes."""

from __future__ import annotations

from functools import partial

from zope.interface.verify import verifyObject

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadRequest, Changed, Forbidden, NotFound, WrongKind
from homeftp.interfaces.store import IDraft
from homeftp.model import ABSENT, PRESENT, HashCondition, WriteRequest
from homeftp.testing.contract.case import ContractCase, request, sha


class EditingContract(ContractCase):
    """Drafts, metadata and copies. What the capabilities deny is refused."""

    def test_draft(self) -> None:
        """A draft begins with the content, is changed at any offset, and shows only when it is committed."""
        store = self.store()
        self.write(store, "a.txt", b"0123456789")
        if not store.capabilities.edit:
            self.assert_refused(Forbidden, store.edit, request("a.txt"))
            return
        draft = store.edit(request("a.txt"))
        verifyObject(IDraft, draft)
        self.assertEqual((draft.size, draft.read(2, 3), draft.read(9, 9), draft.read(20, 1)), (10, b"234", b"9", b""))
        draft.write(3, b"XY")
        draft.write(8, b"89AB")
        self.assertEqual((draft.size, draft.read(0, 99)), (12, b"012XY56789AB"))
        draft.truncate(5)
        draft.write(7, b"Z")
        draft.truncate(9)
        self.assertEqual(self.content(store, "a.txt"), b"0123456789")
        entry = draft.commit()
        edited = b"012XY\0\0Z\0"
        self.assertEqual((entry.size, entry.hash), (9, sha(edited)))
        self.assertEqual(self.content(store, "a.txt"), edited)
        draft.abort()
        if store.capabilities.versions:
            self.assertEqual([version.size for version in self.kept(store, "a.txt")], [10])

    def test_new_draft(self) -> None:
        """Where nothing exists a draft is empty; aborted it leaves nothing, committed a file with its parents."""
        store = self.store()
        if not store.capabilities.edit:
            return
        draft = store.edit(request("d/a.txt"))
        draft.write(0, b"content")
        draft.abort()
        draft.abort()
        self.assertEqual(self.names(store), [])
        draft = store.edit(request("d/a.txt", mtime_us=1_700_000_000_000_000, mode=0o600))
        self.assertEqual((draft.size, draft.read(0, 9)), (0, b""))
        draft.write(0, b"content")
        draft.commit()
        self.assertEqual(self.tree(store), {"d": None, "d/a.txt": b"content"})

    def test_draft_conditions(self) -> None:
        """The precondition of a draft is checked when it begins and when it is committed."""
        store = self.store()
        if not store.capabilities.edit:
            return
        self.write(store, "a.txt", b"first")
        self.assert_refused(Changed, store.edit, request("a.txt", precondition=ABSENT))
        self.assert_refused(Changed, store.edit, request("a.txt", precondition=sha(b"other")))
        self.assert_refused(Changed, store.edit, request("b.txt", precondition=PRESENT))
        self.assert_refused(WrongKind, store.edit, request(""))
        draft = store.edit(request("a.txt", precondition=sha(b"first")))
        draft.write(0, b"F")
        self.write(store, "a.txt", b"other")
        self.assert_refused(Changed, draft.commit)
        self.assertEqual(self.tree(store), {"a.txt": b"other"})

    def test_draft_ranges(self) -> None:
        """Offsets, lengths and sizes that no file has are refused, and the draft is unchanged."""
        store = self.store()
        if not store.capabilities.edit:
            return
        draft = store.edit(request("a.txt"))
        draft.write(0, b"content")
        for number in (-5, 2**63):
            self.assert_refused(BadRequest, draft.read, number, 1)
            self.assert_refused(BadRequest, draft.write, number, b"x")
            self.assert_refused(BadRequest, draft.truncate, number)
        self.assert_refused(BadRequest, draft.read, 0, -1)
        self.assertEqual((draft.size, draft.read(0, 9)), (7, b"content"))
        draft.abort()

    def test_draft_metadata(self) -> None:
        """A draft that is committed without a mode keeps the file's mode, and without a time is changed now."""
        store = self.store()
        if not (store.capabilities.edit and store.capabilities.metadata):
            return
        self.write(store, "a.txt", b"content", mtime_us=1_600_000_000_000_000, mode=0o640)
        entry = store.edit(request("a.txt")).commit()
        self.assertEqual(entry.mode, 0o640)
        self.assertGreater(entry.mtime_us or 0, 1_600_000_000_000_000)
        entry = store.edit(request("a.txt", mtime_us=1_650_000_000_000_000, mode=0o600)).commit()
        self.assertEqual((entry.mtime_us, entry.mode), (1_650_000_000_000_000, 0o600))

    def test_empty_draft(self) -> None:
        """A draft that was to begin empty has nothing of the content that it replaces, which becomes a version."""
        store = self.store()
        self.write(store, "a.txt", b"0123456789", mode=0o640)
        if not store.capabilities.edit:
            return
        draft = store.edit(request("a.txt", empty=True))
        self.assertEqual((draft.size, draft.read(0, 99)), (0, b""))
        draft.write(1, b"new")
        self.assertEqual(self.content(store, "a.txt"), b"0123456789")
        entry = draft.commit()
        self.assertEqual((self.content(store, "a.txt"), entry.hash), (b"\0new", sha(b"\0new")))
        if store.capabilities.metadata:
            self.assertEqual(entry.mode, 0o640)
        if store.capabilities.versions:
            self.assertEqual([version.size for version in self.kept(store, "a.txt")], [10])

    def test_draft_metadata_late(self) -> None:
        """Time and mode that are known only at the commit count instead of those of the request."""
        store = self.store()
        if not (store.capabilities.edit and store.capabilities.metadata):
            return
        draft = store.edit(request("a.txt", mtime_us=1_600_000_000_000_000, mode=0o600))
        draft.write(0, b"content")
        draft.commit(mtime_us=1_700_000_000_000_000, mode=0o640)
        self.assertEqual(self.metadata(store, "a.txt"), (1_700_000_000_000_000, 0o640))
        store.edit(request("a.txt")).commit(mtime_us=1_650_000_000_000_000)
        self.assertEqual(self.metadata(store, "a.txt"), (1_650_000_000_000_000, 0o640))

    def test_draft_ended(self) -> None:
        """A draft that was committed or aborted can be neither read nor changed nor committed."""
        store = self.store()
        if not store.capabilities.edit:
            return
        for end in ("commit", "abort"):
            draft = store.edit(request(f"{end}.txt"))
            draft.write(0, b"abc")
            getattr(draft, end)()
            for act in (
                partial(draft.read, 0, 1),
                partial(draft.write, 0, b"d"),
                partial(draft.truncate, 1),
                draft.commit,
            ):
                self.assertRaises(ValueError, act)
        self.assertEqual(self.tree(store), {"commit.txt": b"abc"})

    def test_metadata(self) -> None:
        """Time and mode are changed alone or together; content, hash and versions stay, and the tag changes."""
        store = self.store()
        old = self.write(store, "d/a.txt", b"content", mtime_us=1_600_000_000_000_000, mode=0o644)
        where = parse("d/a.txt")
        if not store.capabilities.metadata:
            self.assert_refused(Forbidden, store.set_metadata, where, mtime_us=1, mode=None, precondition=None)
            return
        entry = store.set_metadata(where, mtime_us=1_700_000_000_654_321, mode=None, precondition=None)
        self.assertEqual((entry.mtime_us, entry.mode), (1_700_000_000_654_321, 0o644))
        entry = store.set_metadata(where, mtime_us=None, mode=0o600, precondition=sha(b"content"))
        self.assertEqual((entry.mtime_us, entry.mode), (1_700_000_000_654_321, 0o600))
        found = store.stat(where)
        assert found is not None
        self.assertEqual((found.mtime_us, found.mode, found.size), (1_700_000_000_654_321, 0o600, 7))
        self.assertEqual((self.content(store, "d/a.txt"), self.kept(store)), (b"content", []))
        if old.tag:
            self.assertNotEqual(found.tag, old.tag)
        folder = store.set_metadata(parse("d"), mtime_us=1_650_000_000_000_000, mode=0o700, precondition=None)
        self.assertEqual((folder.kind, folder.mtime_us, folder.mode), ("directory", 1_650_000_000_000_000, 0o700))

    def test_metadata_refused(self) -> None:
        """Metadata is changed of what exists, on its condition, and to times that exist."""
        store = self.store()
        if not store.capabilities.metadata:
            return
        before = self.write(store, "d/a.txt", b"content")
        for path, condition, kind in (
            ("none.txt", None, NotFound),
            ("d/a.txt", sha(b"other"), Changed),
            ("d/a.txt", ABSENT, Changed),
            ("d", sha(b""), WrongKind),
        ):
            change = {"mtime_us": 1, "mode": 0o600, "precondition": condition}
            self.assert_refused(kind, lambda p=path, c=change: store.set_metadata(parse(p), **c))
        where = parse("d/a.txt")
        self.assert_refused(BadRequest, store.set_metadata, where, mtime_us=2**63, mode=None, precondition=None)
        found = store.stat(where)
        assert found is not None
        self.assertEqual((found.mtime_us, found.mode), (before.mtime_us, before.mode))

    def test_many_metadata(self) -> None:
        """Many get metadata at once: the results are in order, and a refused one leaves the others be.

        Each finds the effect of those before it: of the same file the last one counts. A directory and what is in it
        may be among them.
        """
        store = self.store()
        for name in ("a.txt", "b.txt", "d/c.txt"):
            self.write(store, name, b"content", mtime_us=1_600_000_000_000_000, mode=0o644)
        changes = [
            request("a.txt", mtime_us=1_700_000_000_000_000),
            request("none.txt", mode=0o600),
            request("d", mtime_us=1_650_000_000_000_000, mode=0o700),
            request("d/c.txt", mode=0o600, precondition=sha(b"content")),
            request("b.txt", mode=0o600, precondition=sha(b"other")),
            request("a.txt", mode=0o640, precondition=sha(b"content")),
            request("a.txt", mode=0o600),
        ]
        results = store.set_metadata_many(changes)
        if not store.capabilities.metadata:
            self.assertEqual({type(each) for each in results}, {Forbidden})
            return
        kinds = [type(each) if isinstance(each, Exception) else (each.mtime_us, each.mode) for each in results]
        old, new = 1_600_000_000_000_000, 1_700_000_000_000_000
        self.assertEqual(kinds[:3], [(new, 0o644), NotFound, (1_650_000_000_000_000, 0o700)])
        self.assertEqual(kinds[3:], [(old, 0o600), Changed, (new, 0o640), (new, 0o600)])
        self.assertEqual(self.metadata(store, "a.txt"), (new, 0o600))
        self.assertEqual(self.metadata(store, "b.txt"), (old, 0o644))
        self.assertEqual(self.metadata(store, "d/c.txt"), (old, 0o600))
        self.assertEqual((self.content(store, "a.txt"), self.kept(store)), (b"content", []))
        self.assertEqual(list(store.set_metadata_many([])), [])

    def test_modes(self) -> None:
        """Whatever mode is asked for, by whatever call, the server can still read the file and use the directory."""
        store = self.store()
        if not store.capabilities.metadata:
            return
        made = [
            self.write(store, "d/a.txt", b"a", mode=0),
            self.write(store, "d/a.txt", b"b", mode=0o077),
            self.upload(store, "d/b.txt", b"b", mode=0o200),
            store.set_metadata(parse("d/b.txt"), mtime_us=None, mode=0o011, precondition=None),
        ]
        self.assertEqual([entry.mode for entry in made], [0o400, 0o477, 0o600, 0o411])
        special = [
            self.write(store, "special.txt", b"a", mode=0o6755),
            self.upload(store, "special.txt", b"b", mode=0o4711),
            store.set_metadata(parse("special.txt"), mtime_us=None, mode=0o7750, precondition=None),
            store.make_directory(request("special", mode=0o3755)),
        ]
        self.assertEqual([entry.mode for entry in special], [0o755, 0o711, 0o750, 0o755])
        if store.capabilities.edit:
            draft = store.edit(request("d/a.txt", mode=0o100))
            self.assertEqual(draft.commit().mode, 0o500)
        if store.capabilities.copy:
            self.assertEqual(self.copy(store, "d/b.txt", "c.txt").mode, 0o411)
        if store.capabilities.versions:
            self.assertEqual(store.restore(parse("d/a.txt"), None, None).mode, 0o477)
        folders = [store.make_directory(request(path, mode=mode)) for path, mode in (("d", 0), ("e/f", 0o055))]
        folders.append(store.set_metadata(parse("e"), mtime_us=None, mode=0o123, precondition=None))
        self.assertEqual([entry.mode for entry in folders], [0o700, 0o755, 0o723])

    def test_mode_stays(self) -> None:
        """A file that is replaced by a write without a mode keeps its own, whatever call writes it."""
        store = self.store()
        if not store.capabilities.metadata:
            return
        new = self.write(store, "new.txt", b"new").mode
        for write in (self.write, self.upload):
            self.write(store, "a.txt", b"old", mode=0o600)
            write(store, "a.txt", b"new")
            found = store.stat(parse("a.txt"))
            assert found is not None
            self.assertEqual(found.mode, 0o600)
        self.assertNotEqual(new, 0o600, "the control: a new file has another")
        self.write(store, "a.txt", b"again", mode=0o640)
        if store.capabilities.edit:
            self.assertEqual(store.edit(request("a.txt")).commit().mode, 0o640)

    def test_top(self) -> None:
        """The time and mode of the root, and of the home that an account sees as its root, are not changed."""
        store = self.store()
        store.make_directory(request("home"))
        for top in (ROOT, Endpoint(("home",), home=1)):
            before = store.stat(top)
            asked = WriteRequest(endpoint=top, mtime_us=1_600_000_000_000_000, mode=0)
            self.assertEqual(store.make_directory(asked), before)
            if store.capabilities.metadata:
                change = {"mtime_us": 1_600_000_000_000_000, "mode": 0, "precondition": None}
                self.assert_refused(Forbidden, lambda t=top, c=change: store.set_metadata(t, **c))
            self.assertEqual(store.stat(top), before)

    def test_copy(self) -> None:
        """A copy has content, time and mode; what it replaces becomes a version, and the source stays."""
        store = self.store()
        self.write(store, "a.txt", b"content", mtime_us=1_600_000_000_000_000, mode=0o640)
        if not store.capabilities.copy:
            self.assert_refused(Forbidden, self.copy, store, "a.txt", "b.txt")
            return
        entry = self.copy(store, "a.txt", "n/b.txt", HashCondition(sha(b"content")), ABSENT)
        self.assertEqual((entry.size, entry.hash in (None, sha(b"content"))), (7, True))
        self.assertIn(type(entry.hash), (str, type(None)), "what is sent to a client is plain")
        if store.capabilities.metadata:
            self.assertEqual((entry.mtime_us, entry.mode), (1_600_000_000_000_000, 0o640))
        self.write(store, "c.txt", b"old")
        self.copy(store, "a.txt", "c.txt")
        self.write(store, "a.txt", b"changed later")
        there = {"a.txt": b"changed later", "c.txt": b"content", "n": None, "n/b.txt": b"content"}
        self.assertEqual(self.tree(store), there)
        if store.capabilities.versions:
            self.assertEqual([version.size for version in self.kept(store, "c.txt")], [3])

    def test_copy_refused(self) -> None:
        """Only files are copied, on both conditions, and not to themselves."""
        store = self.store()
        if not store.capabilities.copy:
            return
        self.write(store, "d.txt/a.txt", b"a")
        self.write(store, "d.txt/b.txt", b"b")
        before = self.tree(store)
        self.assert_refused(NotFound, self.copy, store, "none.txt", "c.txt")
        self.assert_refused(WrongKind, self.copy, store, "d.txt", "e.txt")
        self.assert_refused(WrongKind, self.copy, store, "d.txt/a.txt", "d.txt")
        self.assert_refused(BadRequest, self.copy, store, "d.txt/a.txt", "d.txt/a.txt")
        self.assert_refused(Changed, self.copy, store, "d.txt/a.txt", "c.txt", sha(b"other"))
        self.assertEqual(self.tree(store), before)
