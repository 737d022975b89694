"""Verifying a local store: what the store contract does not say."""

from __future__ import annotations

import errno
import os
import time
from unittest import mock

from homeftp.config import SLICE
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Damaged, Forbidden, Internal
from homeftp.hashing.filehash import read_at
from homeftp.interfaces import StoreOptions
from homeftp.model import ONLY_MARKED, SECOND_US, Change, Damage, Verification
from homeftp.store.local.disk import sortednames
from homeftp.store.local.store import LocalStore
from tests.support.coarsedisks import CoarseDisk
from tests.support.flips import FlipCase
from tests.support.stores import content_of, damages_in, put_of, sha


class VerifierCase(FlipCase):
    """A store, and a disk that cannot read some of its files."""

    def setUp(self) -> None:
        super().setUp()
        self.unreadable: set[int] = set()
        """The inodes of files that cannot be read."""

        def pread(fd: int, length: int, offset: int) -> bytes:
            if os.fstat(fd).st_ino in self.unreadable:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return original(fd, length, offset)

        original = os.pread
        patched = mock.patch("os.pread", pread)
        patched.start()
        self.addCleanup(patched.stop)

    def lose(self, name: str) -> None:
        """The disk cannot read that file any more."""
        self.unreadable.add(os.stat(self.path(name)).st_ino)

    def verified(self, store: LocalStore, since_us: int = 0) -> list[Verification]:
        """All steps."""
        return list(store.verify(ROOT, since_us))


class VerifierTests(VerifierCase):
    """`Verifier`."""

    def test_unreadable(self) -> None:
        """A file that cannot be read is damaged, also one that never was; once it can be read it is not any more."""
        changes: list[Change] = []
        store = self.store(record_changes=changes.extend)
        self.put(store, "a", b"known")
        self.lay("b", b"never read")
        del changes[:]
        for name in "ab":
            self.lose(name)
        (step,) = self.verified(store)
        lost = (Damage("a", "unreadable", sha(b"known")), Damage("b", "unreadable", None))
        self.assertEqual((step.damages, step.files), (lost, 2))
        self.assertEqual(list(store.damaged()), list(lost))
        self.assertEqual([(each.what, each.hash) for each in changes], [("damage", sha(b"known")), ("damage", None)])
        found = [store.stat(parse(name)) for name in "ab"]
        self.assertEqual([each and each.damaged for each in found], [sha(b"known"), ""])
        for name in "ab":
            self.assertRaises(Damaged, store.open, parse(name))
        self.unreadable.clear()
        self.assertEqual(damages_in(store), [])
        self.assertEqual((list(store.damaged()), content_of(store, "b")), ([], b"never read"))

    def test_without_ctime(self) -> None:
        """Where only size and mtime count, what differs is marked, and left for a push: it may be a change."""
        store = self.store(CoarseDisk())
        for name in "abcd":
            self.put(store, name, b"good")
        time_us = os.stat(self.path("a")).st_mtime_ns // 1000
        self.lay("a", b"evil", mtime_us=time_us)
        self.lay("b", b"mine", mtime_us=time_us + 2 * SECOND_US)
        self.lose("c")
        (step,) = self.verified(store)
        found = [(damage.name, damage.damage, damage.mended) for damage in step.damages]
        self.assertEqual(found, [("a", "content", False), ("c", "unreadable", True)])
        self.assertEqual(self.content("a"), b"evil")
        self.assertRaises(Damaged, store.open, parse("a"))
        self.assertEqual(content_of(store, "b"), b"mine")
        self.put(store, "a", b"good", precondition=sha(b"good"))
        self.assertEqual(damages_in(store), [])
        self.assertEqual([version.hash for page in store.versions(parse("a")) for version in page], [sha(b"evil")])

    def test_touched(self) -> None:
        """Where only size and mtime count, a file that was marked wrongly is served once it has another mtime."""
        store = self.store(CoarseDisk())
        self.put(store, "a", b"good")
        self.lay("a", b"mine", mtime_us=os.stat(self.path("a")).st_mtime_ns // 1000)
        self.assertEqual([damage.mended for damage in damages_in(store)], [False])
        os.utime(self.path("a"))
        self.assertEqual((content_of(store, "a"), list(store.damaged())), (b"mine", []))

    def test_met_by_a_reader(self) -> None:
        """A reader who meets a file that cannot be read marks it; it is recorded when it is read again."""
        changes: list[Change] = []
        store = self.store(record_changes=changes.extend)
        large = b"x" * 100_000
        for name, content in (("small", b"x"), ("large", large), ("hashed", large)):
            self.put(store, name, content)
        self.lay("new", large)
        files = [store.open(parse(name)) for name in ("large", "new")]
        for name in ("small", "large", "new"):
            self.lose(name)
        del changes[:]
        self.assertIsInstance(store.open_many([parse("small")], 10)[0], Damaged)
        self.assertRaises(Damaged, files[0].read, 0, 10)
        self.assertRaises(Damaged, list, files[1].hash_steps())
        for file in files:
            file.close()
        self.assertEqual([damage.name for damage in store.damaged()], ["large", "new", "small"])
        self.assertEqual(changes, [])
        (step,) = self.verified(store)
        mended = {damage.name: damage.mended for damage in step.damages}
        self.assertEqual(mended, {"large": True, "new": False, "small": False})
        self.assertEqual([each.what for each in changes], ["damage", "replace", "damage", "damage"])

    def test_found_by_two(self) -> None:
        """Of two that find the same damage at the same time one records it; both report it."""
        changes: list[Change] = []
        store = self.store(record_changes=changes.extend)
        self.put(store, "a", b"x" * (SLICE + 1))
        del changes[:]
        self.flip("a", b"y" * (SLICE + 1))
        runs = [store.verify(ROOT), store.verify(ROOT)]
        steps = [[next(run)] for run in runs]
        self.assertEqual([each[0].damages for each in steps], [(), ()], "the control: neither has read all of it")
        for run, read in zip(runs, steps, strict=True):
            read += run
            self.assertEqual(len(Verification.total(read).damages), 1)
        self.assertEqual([each.what for each in changes], ["damage"])

    def test_unreadable_is_mended(self) -> None:
        """A file that cannot be read gets the content of another one again."""
        store = self.store()
        for name in "ab":
            self.put(store, name, b"content")
        self.lose("a")
        (step,) = self.verified(store)
        self.assertEqual(step.damages, (Damage("a", "unreadable", sha(b"content"), mended=True),))
        self.assertEqual(self.content("a"), b"content")

    def test_disk_fails(self) -> None:
        """Where nothing can be read any more it ends, instead of marking everything."""
        store = self.store()
        names = [f"{number:03}" for number in range(300)]
        for name in names:
            self.lay(name)
            self.lose(name)
        with self.assertRaisesRegex(Internal, "disk fails at one file after another"):
            self.verified(store)
        self.assertLess(len(store.damaged()), 200)

    def test_since(self) -> None:
        """What was read since a time is left out: files, versions and what is damaged; a new file is read."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a", content)
        self.put(store, "b", b"bbb")
        self.flip("b", b"ccc")
        since_us = time.time_ns() // 1000
        self.assertEqual([len(step.damages) for step in self.verified(store, since_us)], [1])
        self.put(store, "new", b"new")
        self.assertEqual(self.verified(store, since_us), [Verification(files=1, size=3)])
        again = self.verified(store, time.time_ns() // 1000)
        self.assertEqual([(step.files, step.versions) for step in again], [(3, 1)], "the control")

    def test_only_marked(self) -> None:
        """To mend what is marked nothing else is read: no sound file, and no version of the damaged one."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a", content)
        self.lay("b", b"never read")
        self.assertEqual(self.verified(store, ONLY_MARKED), [Verification()])
        self.flip("a", b"six")
        self.verified(store)
        lost = (Damage("a", "content", sha(b"two")),)
        self.assertEqual(self.verified(store, ONLY_MARKED), [Verification(1, 0, 6, lost)], "it is read twice")
        self.put(store, "copy", b"two")
        ((mended,),) = (step.damages for step in self.verified(store, ONLY_MARKED))
        self.assertEqual((mended.name, mended.mended), ("a", True))

    def test_changed(self) -> None:
        """What another program has written, replaced or made is not damaged, and is known from then on."""
        store = self.store()
        for name in "ab":
            self.put(store, name, b"old")
        for name in "abc":
            self.lay(name, b"new")
        self.assertEqual(damages_in(store), [])
        self.flip("a", b"odd")
        self.assertEqual([damage.hash for damage in damages_in(store)], [sha(b"new")])

    def test_second_name(self) -> None:
        """A damaged file that got a second name, as on its way to be a version, is still damaged; a changed one not."""
        store = self.store()
        self.put(store, "a", b"good")
        self.flip("a", b"evil")
        self.verified(store)
        os.link(self.path("a"), self.path("second"))
        self.assertEqual([each.name for each in store.damaged()], ["a"])
        self.assertEqual([each.hash for each in damages_in(store)], [sha(b"good")])
        before = os.stat(self.path("a"))
        with open(self.path("a"), "r+b") as file:
            file.write(b"mine")
        os.utime(self.path("a"), ns=(0, before.st_mtime_ns))
        self.assertEqual(damages_in(store), [])
        self.assertEqual((list(store.damaged()), content_of(store, "a")), ([], b"mine"))

    def test_marked_before_mended(self) -> None:
        """An end in the middle of mending leaves the damaged file as it is, marked; what is verified next mends it."""
        store = self.store()
        content = b"x" * 1_000_000
        for name in "ab":
            self.put(store, name, content)
        self.flip("a", b"y" * len(content))
        steps = store.verify(ROOT)
        pieces: list[object] = []

        def copied(fd: int, offset: int, length: int) -> bytes:
            pieces.append(offset)
            if len(pieces) == 2:
                raise KeyboardInterrupt
            return read_at(fd, offset, length)

        with (
            mock.patch("homeftp.store.local.integrity.mender.read_at", copied),
            self.assertRaises(KeyboardInterrupt),
        ):
            list(steps)
        self.assertEqual(self.content("a"), b"y" * len(content))
        self.assertEqual([damage.name for damage in store.damaged()], ["a"])
        self.assertEqual([damage.mended for damage in damages_in(store)], [True])
        self.assertEqual(self.content("a"), content)

    def test_inspected(self) -> None:
        """A folder that a server has open can be verified beside it: the server knows the marks; nothing is mended."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a", content)
        self.put(store, "b", b"two")
        self.flip("a", b"six")
        inspected = LocalStore(self.root, self.cache, StoreOptions(), inspected=True)
        self.addCleanup(inspected.close)
        (step,) = inspected.verify(ROOT)
        self.assertEqual((step.damages, step.versions), ((Damage("a", "content", sha(b"two")),), 1))
        self.assertRaises(Forbidden, inspected.write_many, [put_of("c", b"c")])
        self.assertEqual([each.name for each in store.damaged()], ["a"])
        self.assertEqual([damage.mended for damage in damages_in(store, parse("a"))], [True])

    def test_steps(self) -> None:
        """Steps are short: few files, few bytes, and few names on each."""
        store = self.store()
        for number in range(150):
            self.lay(f"{number}", b"x")
        files = [step.files for step in self.verified(store)]
        self.assertEqual((sum(files), max(files)), (150, 16))
        self.patch(sortednames, "PART", 10)
        files = [step.files for step in self.verified(store)]
        self.assertEqual((sum(files), files[:15]), (150, [0] * 15), "the names are read in steps of their own")
