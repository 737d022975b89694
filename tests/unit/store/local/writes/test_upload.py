"""Large files are uploaded piece by piece."""

from __future__ import annotations

import os
import random
import threading
from typing import Any

from zope.interface.verify import verifyObject

from homeftp.endpoint import parse
from homeftp.errors import Changed, ContentMismatch, Internal, NoSpace, TooLarge
from homeftp.interfaces import IUpload
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.store.local.staging.writeback import WRITEBACK
from homeftp.store.local.store import LocalStore
from homeftp.store.local.writes.upload import LocalUpload
from tests.support.storecases import SpaceCase
from tests.support.stores import LONG_AGO, Failing, Queueing, StoreCase, put_of, sha


class UploadTests(StoreCase):
    """One upload."""

    def test_interface(self) -> None:
        """It provides its interface."""
        upload = self.store().upload(put_of("a", b"")[0])
        verifyObject(IUpload, upload)
        upload.abort()

    def test_stored(self) -> None:
        """It appears complete, with mtime and mode, in new directories, and its hash is known."""
        store = self.store()
        content = os.urandom(100_000)
        entry = self.stream(store, "a/b/large.bin", content, mode=0o600)
        mtime_us, mode = LONG_AGO, 0o600
        self.assertEqual(entry, Entry("", "file", len(content), mtime_us, mode, sha(content)))
        self.assertEqual(self.content("a/b/large.bin"), content)
        self.assertEqual(store.stat(parse("a/b/large.bin")), entry)
        self.assertEqual(self.left(), [])

    def test_nothing_before_commit(self) -> None:
        """Before the commit the old content is there, or nothing, not even a directory."""
        self.lay("old.txt", b"old")
        store = self.store()
        for name in ("old.txt", "new/dir/file.txt"):
            upload = store.upload(put_of(name, b"new")[0])
            upload.write(b"new")
            self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "old.txt"])
            self.assertEqual(self.content("old.txt"), b"old")
            upload.abort()
            upload.abort()
            self.assertEqual((sorted(os.listdir(self.root)), self.left()), ([".homeftp", "old.txt"], []))

    def test_abort_after_commit(self) -> None:
        """Once committed it stays."""
        upload = self.store().upload(put_of("a", b"content")[0])
        upload.write(b"content")
        upload.commit()
        upload.abort()
        self.assertEqual(self.content("a"), b"content")

    def test_too_long(self) -> None:
        """More than the declared size is refused at once, and the upload is aborted."""
        upload = self.store().upload(put_of("a", b"12345")[0])
        upload.write(b"12345")
        with self.assertRaises(ContentMismatch):
            upload.write(b"6")
        self.assertEqual(self.left(), [])

    def test_too_short(self) -> None:
        """Less than the declared size is not committed."""
        upload = self.store().upload(put_of("a", b"12345")[0])
        upload.write(b"1234")
        with self.assertRaises(ContentMismatch) as caught:
            upload.commit()
        self.assertIn("5 bytes declared, 4 arrived", str(caught.exception))
        self.assertEqual((self.left(), os.listdir(self.root)), ([], [".homeftp"]))

    def test_bit_flips(self) -> None:
        """C6: a single wrong bit prevents the commit."""
        store = self.store()
        chance = random.Random(6)
        for number in range(1000):
            content = chance.randbytes(chance.randrange(1, 200))
            flipped = bytearray(content)
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
            upload = store.upload(put_of(f"f{number}", content)[0])
            upload.write(bytes(flipped))
            with self.assertRaises(ContentMismatch):
                upload.commit()
        self.assertEqual((self.left(), os.listdir(self.root)), ([], [".homeftp"]))

    def test_early_precondition(self) -> None:
        """A failed precondition is refused before the content is sent."""
        self.lay("old.txt", b"old")
        store = self.store()
        for condition in (ABSENT, sha(b"other")):
            with self.assertRaises(Changed):
                store.upload(put_of("old.txt", b"new", precondition=condition)[0])
        self.assertEqual(self.left(), [])

    def test_full(self) -> None:
        """If the disk fills up, the space of the upload is freed, and counted as free."""
        store = self.store(Failing(3, 28))
        upload = store.upload(put_of("a", b"x" * 3000)[0])
        upload.write(b"x" * 1000)
        upload.write(b"x" * 1000)
        with self.assertRaises(NoSpace) as caught:
            upload.write(b"x" * 1000)
        self.assertIn("it needs 3.0 kB", str(caught.exception))
        self.assertEqual(self.left(), [])

    def test_writeback(self) -> None:
        """The disk has one part of an upload at a time, all through its content."""
        system = Queueing()
        upload = self.store(system).upload(WriteRequest(endpoint=parse("a"), size=20 * 2**20))
        for _ in range(20):
            upload.write(bytes(2**20))
        upload.commit()
        self.assertEqual((system.given, system.most), (20 * 2**20, WRITEBACK))

    def test_writeback_failed(self) -> None:
        """Where the disk could not write what it was given, the upload fails: an fsync would not tell it again."""
        system = Failing(5)
        upload = self.store(system).upload(WriteRequest(endpoint=parse("a"), size=20 * 2**20))
        with self.assertRaises(Internal):
            for _ in range(20):
                upload.write(bytes(2**20))
        self.assertEqual(system.failed, "await_writeback")
        self.assertEqual(self.left(), [])

    def test_shared_by_many(self) -> None:
        """After thirty-two uploads to one endpoint at once, the file is one of them, complete."""
        store = self.store()
        contents = [bytes([number]) * 50_000 for number in range(32)]
        threads = [threading.Thread(target=self.stream, args=(store, "same", content)) for content in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertIn(self.content("same"), contents)
        self.assertEqual(self.left(), [])


class UnknownSizeTests(SpaceCase):
    """Uploads whose size is known only at the end."""

    def begin(self, store: LocalStore, **changes: Any) -> LocalUpload:
        """Begin one."""
        return store.upload(WriteRequest(endpoint=parse("a"), size=None, **changes))

    def test_stored(self) -> None:
        """As much is stored as arrives, and the quota counts just that."""
        store = self.counted(2**30)
        left = store._writable.accounting.whole.left() or 0
        content = bytes(range(256)) * 40_000
        upload = self.begin(store)
        for start in range(0, len(content), 10**6):
            upload.write(content[start : start + 10**6])
        self.assertEqual(upload.commit(sha(content)).size, len(content))
        self.assertEqual(self.content("a"), content)
        self.assertEqual(left - (store._writable.accounting.whole.left() or 0), self.used())

    def test_given_back(self) -> None:
        """An upload that is suspended or aborted is not kept: nothing could tell when it is complete."""
        store = self.counted(2**30)
        left = store._writable.accounting.whole.left()
        for end in (LocalUpload.suspend, LocalUpload.abort):
            upload = self.begin(store, hash=sha(b""))
            upload.write(bytes(3 * 2**20))
            self.assertIsNone(store.resume_point(parse("a"), sha(b""), None, None))
            end(upload)
            self.assertEqual((store._writable.accounting.whole.left(), self.left()), (left, []))

    def test_too_much(self) -> None:
        """An upload past the owner's limit, or past the quota, is aborted."""
        for file_size, quota, kind in ((10**7, None, TooLarge), (None, 10**7, NoSpace)):
            store = self.store(file_size=file_size, quota=quota)
            store.maintain()
            upload = self.begin(store)
            with self.assertRaises(kind):
                for _ in range(20):
                    upload.write(bytes(10**6))
            self.assertEqual(self.left(), [])
            store.close()

    def test_wrong_hash(self) -> None:
        """The hash is checked."""
        upload = self.begin(self.store())
        upload.write(b"content")
        with self.assertRaises(ContentMismatch):
            upload.commit(sha(b"other"))
        self.assertEqual((self.left(), os.listdir(self.root)), ([], [".homeftp"]))
