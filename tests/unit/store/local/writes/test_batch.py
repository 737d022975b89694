"""Many small files at once: each as if it were alone."""

from __future__ import annotations

import errno
import os
import random
import stat
from typing import Any, Iterable, Sequence

from homeftp.errors import (
    BadEndpoint,
    BadRequest,
    Changed,
    ContentMismatch,
    FiletypeNotAllowed,
    Internal,
    NoSpace,
    WrongKind,
)
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.model import ABSENT, PRESENT, Change, Entry, WriteRequest
from homeftp.store.local.disk.handles import WAYS_PARTS
from homeftp.store.local.writes.runs import BATCH
from homeftp.syscalls import System
from tests.support.descriptors import count_descriptors
from tests.support.stores import LONG_AGO, Failing, Recording, StoreCase, made_by_hand, put_of, sha


class _Counted(HashCache):
    """Notes how many rows each transaction has."""

    def __init__(self, path: str, transactions: list[int]) -> None:
        super().__init__(path)
        self._transactions = transactions

    def record(self, rows: Iterable[CachedHash]) -> None:
        """Note it."""
        found = list(rows)
        if found:
            self._transactions.append(len(found))
        super().record(found)


class BatchTests(StoreCase):
    """Batches."""

    def test_stored(self) -> None:
        """Files arrive with content, mtime and mode, in directories that are made for them."""
        store = self.store()
        puts = [put_of(f"a/{number % 3}/f{number}", b"%d" % number, mode=0o640) for number in range(10)]
        results = store.write_many(puts)
        for (put, content), result in zip(puts, results, strict=True):
            mtime_us, mode = LONG_AGO, 0o640
            self.assertEqual(result, Entry("", "file", len(content), mtime_us, mode, sha(content)))
            self.assertEqual(self.content(str(put.endpoint)), content)
            self.assertEqual(store.stat(put.endpoint), result)
        self.assertEqual(self.left(), [])

    def test_nothing(self) -> None:
        """An empty batch has no results."""
        self.assertEqual(self.store().write_many([]), [])

    def test_more_than_one_sync_holds(self) -> None:
        """A call may have any number of files."""
        store = self.store()
        count = 2 * BATCH + 1
        results = store.write_many([put_of(f"f{number}", b"%d" % number) for number in range(count)])
        self.assertEqual(
            [result.size for result in results if isinstance(result, Entry)], [len(b"%d" % n) for n in range(count)]
        )

    def test_one_sync_for_all(self) -> None:
        """The disk is waited for twice, whatever the number of files."""
        system = Recording()
        self.together(self.store(system), *(put_of(f"f{number}", b"") for number in range(50)))
        waits = [name for name, _ in system.calls if name != "rename"]
        self.assertEqual(waits, ["syncfs", "fsync_directory"])

    def test_one_write_for_all(self) -> None:
        """A batch is one transaction of the hash cache and one write of the audit log, whatever the number of files."""
        transactions: list[int] = []
        self.cache.close()
        self.cache = _Counted(self.cache_path, transactions)
        self.addCleanup(self.cache.close)
        recorded: list[int] = []
        store = self.store(record_changes=lambda changes: recorded.append(len(changes)))
        for content, rows in ((b"new", 50), (b"replaced", 100)):  # a version has a row too
            del transactions[:], recorded[:]
            self.together(store, *(put_of(f"f{number}", content) for number in range(50)))
            self.assertEqual((transactions, recorded), ([rows], [50]), content)
        for number in range(50):
            self.put(store, f"f{number}", b"alone")
        self.assertEqual((transactions[1:], recorded[1:]), ([2] * 50, [1] * 50), "the control")

    def test_few(self) -> None:
        """Few files get an fsync each, which does not write other programs' data."""
        system = Recording()
        self.together(self.store(system), *(put_of(f"f{number}", b"") for number in range(3)))
        waits = [name for name, _ in system.calls if name != "rename"]
        self.assertEqual(waits, ["fsync"] * 3 + ["fsync_directory"])

    def test_no_syncfs(self) -> None:
        """Without a reliable syncfs every file gets its fsync."""
        system = Recording(syncfs=False)
        self.together(self.store(system), *(put_of(f"d{number}/f", b"") for number in range(5)))
        waits = [name for name, _ in system.calls if name != "rename"]
        self.assertEqual(waits, ["fsync_directory"] * 6 + ["fsync"] * 5 + ["fsync_directory"] * 5)

    def test_separate_refusals(self) -> None:
        """A refused file has its own reason, and the others are stored."""
        self.lay("file")
        os.mkdir(self.path("directory.txt"))
        store = self.store(filetypes=(".txt",))
        bad = [
            (put_of("wrong.txt", b"x", hash=sha(b"y")), ContentMismatch),
            (put_of("short.txt", b"x", size=2, hash=None), ContentMismatch),
            (put_of("program.exe", b"x"), FiletypeNotAllowed),
            (put_of("file/x.txt", b"x"), WrongKind),
            (put_of("directory.txt", b"x"), WrongKind),
            ((WriteRequest(endpoint=made_by_hand("..", "x.txt"), size=1), b"x"), BadEndpoint),
        ]
        for item, kind in bad:
            results = store.write_many([put_of("one.txt", b"1"), item, put_of("two.txt", b"2")])
            self.assertEqual([type(result) for result in results], [Entry, kind, Entry], item)
        self.assertEqual(self.left(), [])

    def test_one_write_fails(self) -> None:
        """A disk error at one file concerns only that file."""
        store = self.store(Failing(2))
        results = self.together(store, put_of("a", b"a"), put_of("b", b"b"), put_of("c", b"c"))
        self.assertEqual([type(result) for result in results], [Entry, Internal, Entry])
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "a", "c"])

    def test_full(self) -> None:
        """On a full disk the message says what is needed, and the old content stays."""
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            self.lay("old.txt", b"old")
            store = self.store(Failing(1, number))
            (result,) = self.together(store, put_of("old.txt", b"n" * 2000))
            self.assertIsInstance(result, NoSpace)
            self.assertRegex(str(result), r"it needs 2\.0 kB, and .* exhausted")
            self.assertEqual((self.content("old.txt"), self.left()), (b"old", []))
            store.close()

    def test_few_descriptors(self) -> None:
        """Files in many deep directories are written in batches that open few directories together."""
        opened: list[int] = []

        class Counting(System):
            def syncfs(self, fd: int) -> None:
                opened.append(count_descriptors())
                super().syncfs(fd)

        store = self.store(Counting())
        before = count_descriptors()
        for content in (b"new", b"replaced"):
            puts = [put_of(f"{number}{'/e' * 60}/file", content) for number in range(12)]
            self.assertEqual([type(result) for result in store.write_many(puts)], [Entry] * 12)
        self.assertGreaterEqual(len(opened), 6)
        self.assertLess(max(opened) - before, 2 * WAYS_PARTS)
        self.assertEqual(count_descriptors(), before)

    def test_same_endpoint_twice(self) -> None:
        """Of two writes of one endpoint the later one wins; with ABSENT the first one does."""
        store = self.store()
        store.write_many([put_of("a", b"1"), put_of("a", b"2")])
        self.assertEqual(self.content("a"), b"2")
        results = store.write_many([put_of("b", b"1", precondition=ABSENT), put_of("b", b"2", precondition=ABSENT)])
        self.assertEqual([type(result).__name__ for result in results], ["Entry", "Changed"])
        self.assertEqual(self.content("b"), b"1")

    def test_modes(self) -> None:
        """Modes are the nine requested bits, or 0644, whatever the umask."""
        store = self.store()
        before = os.umask(0o077)
        try:
            store.write_many(
                [put_of("default", b""), put_of("open", b"", mode=0o666), put_of("suid", b"", mode=0o6755)]
            )
        finally:
            os.umask(before)
        modes = [stat.S_IMODE(os.stat(self.path(name)).st_mode) for name in ("default", "open", "suid")]
        self.assertEqual(modes, [0o644, 0o666, 0o755])

    def test_hard_link(self) -> None:
        """B4: a file with a second name outside the root is replaced, never written through."""
        secret = os.path.join(self.outside, "secret.txt")
        os.link(secret, self.path("linked.txt"))
        before = os.stat(secret).st_ino
        self.store().write_many([put_of("linked.txt", b"new")])
        self.assertEqual(self.content("linked.txt"), b"new")
        with open(secret, "rb") as file:
            self.assertEqual((file.read(), os.stat(secret).st_ino), (b"nobody may touch this", before))
        os.unlink(self.path("linked.txt"))
        os.link(secret, self.path("linked.txt"))
        with open(self.path("linked.txt"), "wb") as written:
            written.write(b"new")
        with open(secret, "rb") as file:
            self.assertEqual(file.read(), b"new", "the control: writing in place changes both")

    def test_bit_flips(self) -> None:
        """C6: of a thousand contents with one wrong bit none is stored."""
        store = self.store()
        chance = random.Random(6)
        puts = []
        for number in range(1000):
            put, content = put_of(f"f{number}", chance.randbytes(chance.randrange(1, 200)))
            flipped = bytearray(content)
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
            puts.append((put, bytes(flipped)))
        self.assertEqual({type(result) for result in store.write_many(puts)}, {ContentMismatch})
        self.assertEqual(os.listdir(self.root), [".homeftp"])
        unchecked = [put_of(str(put.endpoint), content, hash=None) for put, content in puts[:20]]
        self.assertEqual(
            {type(result) for result in store.write_many(unchecked)}, {Entry}, "the control: none was declared"
        )

    def test_known_at_once(self) -> None:
        """The hash cache knows what was just written."""
        self.together(self.store(System()), put_of("a/b", b"content"))
        found = self.cache.lookup(f"{self.root}/a", {"b": os.stat(self.path("a/b"))})
        self.assertEqual(found, {"b": sha(b"content")})

    def test_no_descriptor_is_lost(self) -> None:
        """No descriptor is left open, whatever the outcome."""
        store = self.store()
        puts: list[Any] = [put_of("a/b/c", b"1"), put_of("a/b/c/d", b"2"), put_of("x", b"3", hash=sha(b""))]
        store.write_many(puts)
        before = count_descriptors()
        store.write_many(puts)
        self.assertEqual(count_descriptors(), before)


class TreeTests(StoreCase):
    """Directories in a batch, with and without files."""

    def tree(self, count: int, **changes: Any) -> list[tuple[WriteRequest, bytes | None]]:
        """Directories, each with a file."""
        tree: list[tuple[WriteRequest, bytes | None]] = []
        for number in range(count):
            tree.append((put_of(f"d{number}", b"", hash=None, mode=0o700, **changes)[0], None))
            tree.append(put_of(f"d{number}/f", b"%d" % number))
        return tree

    def test_stored(self) -> None:
        """Directories get their mode and time, and files go into them; a directory after its files keeps its time."""
        store = self.store()
        tree = [*self.tree(5), *(each for each in self.tree(5, precondition=PRESENT) if each[1] is None)]
        results = store.write_many(tree)
        self.assertEqual([type(result) for result in results], [Entry] * 15)
        for number in range(5):
            found = os.stat(self.path(f"d{number}"))
            self.assertEqual((stat.S_IMODE(found.st_mode), found.st_mtime_ns), (0o700, LONG_AGO * 1000))
            self.assertEqual(self.content(f"d{number}/f"), b"%d" % number)
        self.assertEqual(results[0], Entry("", "directory", 0, LONG_AGO, 0o700))

    def test_few_syncs(self) -> None:
        """The disk is waited for once for all directories, and twice for all files in them."""
        for tree, syncs in ((self.tree(50), 3), (self.tree(50)[::2], 1)):
            system = Recording()
            store = self.store(system)
            self.assertEqual({type(result) for result in store.write_many(tree)}, {Entry})
            waits = [name for name, _ in system.calls if name != "rename"]
            self.assertEqual(waits, ["syncfs"] * syncs)
            store.close()

    def test_durable_before_files(self) -> None:
        """New directories are durable, the deepest first, before a file has a name in one."""
        system = Recording(syncfs=False)
        asked = [(put_of(name, b"", hash=None)[0], None) for name in ("a", "a/b", "a/b/c")]
        self.store(system).write_many([*asked, put_of("a/b/c/f", b"x")])
        inodes = [os.stat(self.path(name)).st_ino for name in ("a/b/c", "a/b", "a", "")]
        self.assertEqual(system.calls[:4], [("fsync_directory", inode) for inode in inodes])
        self.assertEqual(
            [name for name, _ in system.calls[4:]],
            ["fsync", "rename", "fsync_directory"],
            "then comes the file",
        )

    def test_few_records(self) -> None:
        """Directories are recorded with one write before their files are stored, and these with another one."""
        recorded: list[list[str]] = []
        store = self.store(record_changes=lambda changes: recorded.append([change.kind for change in changes]))
        store.write_many(self.tree(3))
        self.assertEqual(recorded, [["directory"] * 6, ["file"] * 3])
        for request, _ in self.tree(6)[6::2]:
            store.make_directory(request)
        self.assertEqual(recorded[2:], [["directory"] * 2] * 3, "the control")

    def test_separate_refusals(self) -> None:
        """A refused directory has its own reason; what is not needed is removed, and the others stand."""
        self.lay("file")
        os.mkdir(self.path("there"))
        store = self.store()
        bad: list[tuple[str, dict[str, Any], type[Exception]]] = [
            ("file", {}, WrongKind),
            ("file", {"precondition": ABSENT}, Changed),
            ("file/below", {}, WrongKind),
            ("new/there", {"precondition": sha(b"")}, WrongKind),
            ("there", {"precondition": ABSENT}, Changed),
            ("missing", {"precondition": PRESENT}, Changed),
            ("new/there", {"mtime_us": 2**63}, BadRequest),
            ("One", {}, BadEndpoint),
        ]
        for name, changes, kind in bad:
            item = put_of(name, b"", **{"hash": None, **changes})[0]
            results = store.write_many([(put_of("one", b"", hash=None)[0], None), (item, None), put_of("two/f", b"2")])
            self.assertEqual([type(result) for result in results], [Entry, kind, Entry], name)
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "file", "one", "there", "two"])

    def test_needed_by_a_file(self) -> None:
        """A directory that is refused, as it exists, gets the files; one that a refused file needed is removed."""
        os.mkdir(self.path("there"))
        results = self.store().write_many(
            [
                (put_of("there", b"", hash=None, precondition=ABSENT)[0], None),
                put_of("there/f", b"1"),
                (put_of("gone", b"", hash=None, precondition=PRESENT)[0], None),
                put_of("gone/f", b"2", hash=sha(b"other")),
            ]
        )
        self.assertEqual([type(result) for result in results], [Changed, Entry, Changed, ContentMismatch])
        self.assertEqual((self.content("there/f"), os.path.exists(self.path("gone"))), (b"1", False))

    def test_sync_fails(self) -> None:
        """Where directories cannot be made durable, none of the batch is stored, and none is left."""
        store = self.store(Failing(1))
        results = store.write_many(self.tree(5))
        self.assertEqual({type(result) for result in results}, {Internal})
        self.assertEqual(os.listdir(self.root), [".homeftp"])

    def test_unrecorded(self) -> None:
        """Where they cannot be recorded, nothing is stored in them, and nothing else is changed before they are."""
        recorded: list[str] = []
        failing = [OSError(errno.ENOSPC, "full")]

        def record(changes: Sequence[Change]) -> None:
            if failing:
                raise failing[0]
            recorded.extend(str(change.endpoint) for change in changes if change.what == "add")

        store = self.store(record_changes=record)
        self.assertEqual({type(result) for result in store.write_many(self.tree(2))}, {Internal})
        self.assertEqual({type(result) for result in store.write_many(self.tree(4)[4:])}, {Internal})
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "d0", "d1"])
        self.assertEqual([os.listdir(self.path(name)) for name in ("d0", "d1")], [[], []])
        failing.clear()
        self.assertEqual({type(result) for result in store.write_many(self.tree(2))}, {Entry})
        self.assertEqual(recorded, ["d0", "d1", "d0/f", "d1/f"])

    def test_no_descriptor_is_lost(self) -> None:
        """No descriptor is left open, whatever the outcome."""
        self.lay("file")
        store = self.store()
        store.write_many(self.tree(3))
        before = count_descriptors()
        wrong = [(put_of(name, b"", hash=None, precondition=ABSENT)[0], None) for name in ("d1", "file", "new/one")]
        store.write_many([*self.tree(5), *wrong])
        self.assertEqual(count_descriptors(), before)
