"""A partial upload is written by one upload at a time."""

from __future__ import annotations

import hashlib
import json
import os

from homeftp.config import CHECKPOINT, MIB, RESUMABLE
from homeftp.errors import Changed
from homeftp.model import ResumePoint
from homeftp.store.local.staging.resumerecord import SUFFIX
from tests.support.storecases import CONTENT, HALF, PartialCase
from tests.support.stores import LONG_AGO, put_of, sha


class HolderTests(PartialCase):
    """Taking over."""

    def test_taken_over(self) -> None:
        """A client resumes an upload although its old connection still has it; the old upload has ended."""
        store = self.store()
        put, content = put_of("a/file", os.urandom(CHECKPOINT + 3 * MIB))
        old = store.upload(put)
        for start in range(0, CHECKPOINT + 2 * MIB, MIB):
            old.write(content[start : start + MIB])
        found = store.resume_point(put.endpoint, put.hash, None, None)
        assert found is not None
        self.assertGreater(found.size, CHECKPOINT)
        new = store.upload(put_of("a/file", content, offset=found.size)[0])
        list(new.verify_resumed())
        with self.assertRaisesRegex(Changed, "took over: this one ended"):
            old.write(content[CHECKPOINT + 2 * MIB :])
        old.suspend()
        old.abort()
        new.write(content[found.size :])
        self.assertEqual(new.commit().hash, sha(content))
        self.assertEqual(self.left(), [])

    def test_offered_after_verification(self) -> None:
        """After a resume from an earlier byte, and once that part is verified, only that part is offered."""
        store = self.store()
        put = self.cut(store)
        whole = ResumePoint(HALF, sha(CONTENT[:HALF]))
        first = store.upload(put_of("a/file", CONTENT, offset=RESUMABLE)[0])
        self.assertEqual(self.arrived(store, put), whole)
        for _ in first.verify_resumed():
            self.assertEqual(self.arrived(store, put), whole)
        self.assertEqual(self.arrived(store, put), ResumePoint(RESUMABLE, sha(CONTENT[:RESUMABLE])))
        first.write(CONTENT[RESUMABLE : RESUMABLE + 10])
        first.suspend()
        there = self.arrived(store, put)
        assert there is not None
        self.assertEqual(there.size, RESUMABLE + 10)
        self.resume(store, there.size).commit()
        self.assertEqual(self.content("a/file"), CONTENT)

    def test_interrupted_verification(self) -> None:
        """A client that disconnects while its upload is verified has lost nothing."""
        for offset in (RESUMABLE + 5, HALF):
            store = self.store()
            put = self.cut(store)
            again = store.upload(put_of("a/file", CONTENT, offset=offset)[0])
            next(again.verify_resumed())
            again.suspend()
            self.assertEqual(self.arrived(store, put), ResumePoint(HALF, sha(CONTENT[:HALF])))
            with open(self.file(), "rb") as file:
                self.assertEqual(file.read(), CONTENT[:HALF])
            self.resume(store, HALF).commit()
            self.assertEqual((self.content("a/file"), self.left()), (CONTENT, []))
            store.close()

    def test_newest(self) -> None:
        """Everything written can be resumed at once; it is recorded for a crash at each checkpoint."""
        store = self.store()
        put, content = put_of("a/file", os.urandom(CHECKPOINT + 3 * MIB))
        old = store.upload(put)
        self.addCleanup(old.abort)
        sizes, written = [], hashlib.sha256()
        for start in range(0, CHECKPOINT + 2 * MIB, MIB):
            old.write(content[start : start + MIB])
            written.update(content[start : start + MIB])
            self.assertEqual(self.arrived(store, put), ResumePoint(start + MIB, f"sha256:{written.hexdigest()}"))
            with open(self.file() + SUFFIX.decode()) as note:
                sizes.append(json.loads(note.readlines()[-1])["size"])
        self.assertEqual(sorted(set(sizes)), [MIB, CHECKPOINT + MIB])

    def test_complete(self) -> None:
        """A complete upload cannot be taken over."""
        store = self.store()
        self.cut(store)
        first = self.resume(store, HALF)
        second = self.resume(store, HALF)
        with self.assertRaises(Changed):
            first.commit()
        self.assertEqual(second.commit().hash, sha(CONTENT))
        with self.assertRaises(Changed):
            self.resume(store, HALF)

    def test_never_mixed(self) -> None:
        """Two uploads of different contents to one endpoint are never mixed."""
        store = self.store()
        contents = [os.urandom(3 * MIB) for _ in range(2)]
        for number, content in enumerate(contents):
            upload = store.upload(put_of("a/file", content, mtime_us=LONG_AGO + number)[0])
            upload.write(content[:HALF])
            upload.suspend()
        for number, content in enumerate(contents):
            upload = store.upload(put_of("a/file", content, mtime_us=LONG_AGO + number, offset=HALF)[0])
            list(upload.verify_resumed())
            upload.write(content[HALF:])
            upload.commit()
            self.assertEqual(self.content("a/file"), content)
