"""The contract of write_many and upload: a content is put in place whole and on its condition, or not at all."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from homeftp.config import MIB
from homeftp.endpoint import parse
from homeftp.errors import BadRequest, Changed, ContentMismatch, WrongKind
from homeftp.interfaces.store import IUpload
from homeftp.model import ABSENT, PRESENT, Entry, WriteRequest
from homeftp.testing.contract.case import ContractCase, request, sha


class WritingContract(ContractCase):
    """The contract of writing files and making directories."""

    def test_write(self) -> None:
        """A write returns the entry that `stat` shows from then on; parents are made."""
        store = self.store()
        entry = self.write(store, "a/b/c.txt", b"content", mtime_us=1_700_000_000_000_001, mode=0o600)
        self.assertEqual((entry.name, entry.kind, entry.size, entry.hash), ("", "file", 7, sha(b"content")))
        found = store.stat(parse("a/b/c.txt"))
        assert found is not None
        self.assertEqual((found.size, found.mtime_us, found.mode), (7, entry.mtime_us, entry.mode))
        if store.capabilities.metadata:
            self.assertEqual((found.mtime_us, found.mode), (1_700_000_000_000_001, 0o600))
        self.assertEqual(self.tree(store), {"a": None, "a/b": None, "a/b/c.txt": b"content"})

    def test_replace(self) -> None:
        """A second write replaces the first, also by nothing at all; its tag is another."""
        store = self.store()
        first = self.write(store, "a.txt", b"first")
        second = self.write(store, "a.txt", b"")
        self.assertEqual((self.content(store, "a.txt"), second.size), (b"", 0))
        if first.tag:
            self.assertNotEqual(first.tag, second.tag)

    def test_wrong_content(self) -> None:
        """A content that has not the declared size or hash is refused, and the old one stands."""
        store = self.store()
        self.write(store, "a.txt", b"old")
        for content, fields in ((b"new", {"size": 4}), (b"new", {"size": 2}), (b"new", {"size": 3, "hash": sha(b"x")})):
            (result,) = store.write_many([(request("a.txt", **fields), content)])
            self.assertIs(type(result), ContentMismatch)
            upload = store.upload(request("a.txt", **fields))
            self.assert_refused(ContentMismatch, lambda u=upload, c=content: (u.write(c), u.commit()))
            upload.abort()
        self.assertEqual(self.tree(store), {"a.txt": b"old"})

    def test_each_on_its_own(self) -> None:
        """A refused one of several writes leaves the others be; the later one of two to one endpoint counts."""
        store = self.store()
        self.write(store, "old.txt", b"old")
        asked = [
            (request("a.txt", size=1), b"a"),
            (request("old.txt", size=3, precondition=ABSENT), b"new"),
            (request("b.txt", size=9), b"b"),
            (request("twice.txt", size=5), b"first"),
            (request("twice.txt", size=6, precondition=sha(b"first")), b"second"),
            (request("c/d.txt", size=1, hash=sha(b"d")), b"d"),
        ]
        results = store.write_many(asked)
        kinds = [type(result) for result in results]
        self.assertEqual(kinds[:4] + kinds[5:], [Entry, Changed, ContentMismatch, Entry, Entry])
        later = b"second" if kinds[4] is Entry else b"first"
        self.assertIn(kinds[4], (Entry, Changed))
        there = {"a.txt": b"a", "old.txt": b"old", "twice.txt": later, "c": None, "c/d.txt": b"d"}
        self.assertEqual(self.tree(store), there)
        self.assertEqual(list(store.write_many([])), [])

    def test_directories(self) -> None:
        """Directories are made among files as by `make_directory`, each after what comes before it."""
        store = self.store()
        asked: list[tuple[WriteRequest, bytes | None]] = [
            (request("d", mode=0o700), None),
            (request("d/f.txt", size=1), b"f"),
            (request("d/e"), None),
            (request("d/f.txt/g"), None),
            (request("d", precondition=ABSENT), None),
            (request("h.txt", precondition=PRESENT), None),
            (request("h.txt"), None),
            (request("h.txt", precondition=PRESENT), None),
            (request("h.txt", size=1), b"h"),
            (request("h.txt", precondition=sha(b"h")), None),
            (request("i/j.txt", size=1), b"j"),
            (request("i", mtime_us=1_600_000_000_000_000), None),
            (request("k", mtime_us=2**63), None),
        ]
        results = store.write_many(asked)
        expected: list[type] = [Entry, Entry, Entry, WrongKind, Changed, Changed, Entry, Entry]
        expected += [WrongKind, WrongKind, Entry, Entry, BadRequest]
        self.assertEqual([type(result) for result in results], expected)
        there = {"d": None, "d/e": None, "d/f.txt": b"f", "h.txt": None, "i": None, "i/j.txt": b"j"}
        self.assertEqual(self.tree(store), there)
        if store.capabilities.metadata:
            found = [store.stat(parse(path)) for path in ("d", "i")]
            self.assertEqual(found[0] and found[0].mode, 0o700)
            self.assertEqual(found[1] and found[1].mtime_us, 1_600_000_000_000_000)

    def test_kinds(self) -> None:
        """A file replaces no directory, and is in no file; the root is a directory."""
        store = self.store()
        self.write(store, "d.txt/a.txt", b"a")
        before = self.tree(store)
        for act in (self.write, self.upload):
            self.assert_refused(WrongKind, act, store, "d.txt", b"")
            self.assert_refused(WrongKind, act, store, "d.txt/a.txt/b.txt", b"")
            self.assert_refused(WrongKind, act, store, "d.txt/a.txt/b/c.txt", b"")
        self.assert_refused(WrongKind, store.upload, request("", size=0))
        self.assertIs(type(store.write_many([(request("", size=0), b"")])[0]), WrongKind)
        self.assertEqual(self.tree(store), before)
        self.assert_refused(BadRequest, self.write, store, "b.txt", b"", mtime_us=2**63)

    def test_upload(self) -> None:
        """Nothing of an upload is visible before `commit`, and all of it afterwards."""
        store = self.store()
        self.write(store, "a.txt", b"old")
        before = self.tree(store)
        for path in ("a.txt", "n/e/w.txt"):
            upload = store.upload(request(path, size=10, hash=sha(b"0123456789")))
            verifyObject(IUpload, upload)
            self.assertEqual(list(upload.verify_resumed()), [])
            upload.write(b"01234")
            self.assertEqual(self.tree(store), before)
            upload.write(b"56789")
            self.assertEqual(self.tree(store), before)
            entry = upload.commit()
            self.assertEqual((entry.size, entry.hash), (10, sha(b"0123456789")))
            self.assertEqual(self.content(store, path), b"0123456789")
            upload.abort()
            before = self.tree(store)
        self.assertEqual(self.names(store), ["a.txt", "n", "n/e", "n/e/w.txt"])

    def test_abort(self) -> None:
        """An aborted upload leaves nothing; to abort again, or after `commit`, does nothing."""
        store = self.store()
        upload = store.upload(request("d/a.txt", size=3))
        upload.write(b"abc")
        upload.abort()
        upload.abort()
        self.assertEqual(self.names(store), [])
        self.assertIsNone(store.resume_point(parse("d/a.txt"), None, 3, None))

    def test_hash_behind(self) -> None:
        """The hash may follow the content: then `commit` checks that one."""
        store = self.store()
        upload = store.upload(request("a.txt", size=3))
        upload.write(b"abc")
        self.assert_refused(ContentMismatch, upload.commit, sha(b"other"))
        self.assertEqual(self.names(store), [])
        upload = store.upload(request("a.txt", size=3))
        upload.write(b"abc")
        self.assertEqual(upload.commit(sha(b"abc")).hash, sha(b"abc"))

    def test_unknown_size(self) -> None:
        """Without a declared size as much is stored as comes."""
        store = self.store()
        for content in (b"", b"some", bytes(MIB) + b"more"):
            entry = self.upload(store, "a.txt", content, size=None)
            self.assertEqual((entry.size, entry.hash), (len(content), sha(content)))
            self.assertEqual(self.content(store, "a.txt"), content)

    def test_checked_again(self) -> None:
        """A file that changed since the upload began is not replaced."""
        store = self.store()
        self.write(store, "a.txt", b"first")
        conditional = store.upload(request("a.txt", size=3, precondition=sha(b"first")))
        absent = store.upload(request("b.txt", size=3, precondition=ABSENT))
        for upload in (conditional, absent):
            upload.write(b"new")
        self.write(store, "a.txt", b"other")
        self.write(store, "b.txt", b"other")
        self.assert_refused(Changed, conditional.commit)
        self.assert_refused(Changed, absent.commit)
        self.assertEqual(self.tree(store), {"a.txt": b"other", "b.txt": b"other"})

    def test_durable(self) -> None:
        """A written file is there after a restart."""
        store = self.store()
        self.write(store, "a.txt", b"a")
        self.upload(store, "d/b.txt", b"b")
        self.move(store, "a.txt", "c.txt")
        before = self.tree(store)
        store.close()
        again = self.reopen_store(store, self.options)
        if again is not None:
            self.addCleanup(again.close)
            self.assertEqual(self.tree(again), before)

    def test_no_size(self) -> None:
        """Where `write_many` gets no size, the content is as long as it is, and its hash is checked."""
        store = self.store()
        asked = [(request("a.txt", size=None), b"abc"), (request("b.txt", size=None, hash=sha(b"x")), b"abc")]
        written, refused = store.write_many([*asked, (request("c.txt", size=1), b"c")])[:2]
        assert isinstance(written, Entry)
        self.assertEqual((written.size, written.hash), (3, sha(b"abc")))
        self.assertIsInstance(refused, ContentMismatch)
        self.assertEqual(self.tree(store), {"a.txt": b"abc", "c.txt": b"c"})

    def test_numbers(self) -> None:
        """Sizes and offsets that no file has are refused, and so is an offset without a size."""
        store = self.store()
        for size, offset in ((-5, 0), (5, -2), (2**63, 0), (None, 5)):
            self.assert_refused(BadRequest, store.upload, request("a.txt", size=size, offset=offset))
        self.assertEqual(self.names(store), [])

    def test_ended(self) -> None:
        """An upload that has ended, in whatever way, takes no more bytes and is not committed again."""
        store = self.store()
        for end in ("commit", "suspend", "abort"):
            upload = store.upload(request(f"{end}.txt", size=3))
            upload.write(b"abc")
            getattr(upload, end)()
            self.assertRaises(ValueError, upload.write, b"d")
            self.assertRaises(ValueError, upload.commit)
        self.assertEqual(self.tree(store), {"commit.txt": b"abc"})
