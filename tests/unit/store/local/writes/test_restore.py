"""A version is put back; the current file becomes a version."""

from __future__ import annotations

import errno
import os
import shutil
import time
from unittest import mock

from homeftp.config import SLICE, Retention
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Changed, NotFound, WrongKind
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.store.local.disk.privatefiles import open_private_file
from homeftp.wire.messages import meta_data
from tests.support.outsidereplacement import OTHER, OWN, OutsideReplacement
from tests.support.storecases import VersionsCase
from tests.support.stores import LONG_AGO, StoreCase, put_of, sha, snapshot


class RestoreTests(VersionsCase):
    """Restoring."""

    def test_restore(self) -> None:
        """The newest version is restored, or the requested one; the current file becomes a version."""
        store = self.store()
        for content in (b"one", b"two", b"three"):
            self.put(store, "a/file.txt", content, mtime_us=LONG_AGO + len(content), mode=0o640)
        entry = store.restore(parse("a/file.txt"), None, None)
        self.assertEqual((self.content("a/file.txt"), self.contents()), (b"two", [b"one", b"three"]))
        self.assertEqual((entry.size, dict(meta_data(entry))), (3, {"mtime_us": LONG_AGO + 3, "mode": 0o640}))
        oldest = self.versions(store, "a/file.txt")[-1]
        store.restore(parse("a/file.txt"), oldest.at_us, None)
        self.assertEqual((self.content("a/file.txt"), self.contents()), (b"one", [b"three", b"two"]))

    def test_removed(self) -> None:
        """A file that was removed together with its folder is restored with the folder."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a/b/file.txt", content)
        os.unlink(self.path("a/b/file.txt"))
        os.removedirs(self.path("a/b"))
        store.restore(parse("a/b/file.txt"), None, ABSENT)
        self.assertEqual((self.content("a/b/file.txt"), self.contents()), (b"one", []))

    def test_marked(self) -> None:
        """A link among the versions says what was put back, and when; no more than that is left of it."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a/file.txt", content)
        self.assertEqual(self.marks(), {}, "the control")
        (version,) = self.versions(store)
        store.restore(parse("a/file.txt"), None, None)
        ((mark, says),) = self.marks().items()
        self.assertRegex(mark, r"^\d{4}-\d\d-\d\d/a/\.homeftp-[\d.]{15}-file\.txt$")
        self.assertEqual(says, f"homeftp restored the version of {version.at_us}")
        self.assertEqual([each.size for each in self.versions(store)], [3])

    def test_mark_time(self) -> None:
        """However long a restore takes, no moment of it seems to be one at which the file was not there."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "file.txt", content)
        (version,) = self.versions(store)

        def wait(fd: int) -> None:
            moments.append(time.time_ns() // 1000)

        moments: list[int] = []
        with mock.patch.object(os, "fsync", wait):
            store.restore(parse("file.txt"), version.at_us, None)
        history = store.history()
        assert history is not None and moments
        (timeline,) = [each for page in history.timelines(parse("file.txt")) for each in page]
        (restored,) = timeline.restored
        self.assertEqual(restored.at_us, timeline.versions[-1].at_us + 1)
        self.assertNotIn(None, [timeline.at(each) for each in moments])

    def test_same_content(self) -> None:
        """Where the file that is replaced does not become a version, its time is not told as one of nothing."""
        store = self.store()
        for number, content in enumerate((b"one", b"two", b"one")):
            self.put(store, "file.txt", content, mtime_us=number)
        store.restore(parse("file.txt"), self.versions(store)[-1].at_us, sha(b"one"))
        self.assertEqual((self.contents(), self.marks()), ([b"two"], {}))

    def test_taken_time(self) -> None:
        """Where the time of a mark is taken there is none: at a later one it would tell of a gap."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "file.txt", content)
        with mock.patch(
            "homeftp.store.local.versions.archive.make_private_link", side_effect=FileExistsError
        ) as marked:
            store.restore(parse("file.txt"), None, None)
        self.assertEqual((marked.call_count, self.marks()), (1, {}))
        self.assertEqual((self.content("file.txt"), self.contents()), (b"one", [b"two"]))

    def test_long_name(self) -> None:
        """What has no space in the name of a version has a folder, and its mark as well."""
        store, name = self.store(), f"{'n' * 250}.txt"
        self.put(store, name, b"one")
        sum(store.remove(parse(name), None, False))
        store.restore(parse(name), None, None)
        self.assertEqual([os.path.basename(os.path.dirname(each)) for each in self.marks()], [name])
        self.assertEqual((self.content(name), self.contents()), (b"one", []))

    def test_unmarked(self) -> None:
        """Where no mark can be made the version is put back all the same; where none are kept there is no mark."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a/file.txt", content)
        for failure in (PermissionError(errno.EPERM, "no links"), OSError(errno.ENOSPC, "full"), NotFound("moved")):
            with mock.patch.object(os, "symlink", side_effect=failure) as linked:
                store.restore(parse("a/file.txt"), None, None)
            self.assertEqual((linked.call_count, self.marks()), (1, {}))
        self.assertEqual((self.content("a/file.txt"), self.contents()), (b"one", [b"two"]))
        store.close()
        store = self.store(retention=Retention(seconds=0))
        store.restore(parse("a/file.txt"), None, None)
        self.assertEqual((self.content("a/file.txt"), self.marks()), (b"two", {}))

    def test_refused_unmarked(self) -> None:
        """What is refused leaves no mark."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a/file.txt", content)
        self.assertRaises(Changed, store.restore, parse("a/file.txt"), None, sha(b"other"))
        self.assertRaises(Changed, store.restore, parse("a/file.txt"), None, ABSENT)
        self.assertEqual((self.marks(), self.contents()), ({}, [b"one"]))

    def test_another_kind(self) -> None:
        """The versions of files below a directory are listed even if a file has the directory's name now."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a/b/file.txt", content)
        shutil.rmtree(self.path("a"))
        self.lay("a")
        self.assertEqual([version.name for version in self.versions(store, "a")], ["b/file.txt"])
        self.assertEqual([version.name for version in self.versions(store, "a/b/file.txt")], [""])

    def test_unreadable(self) -> None:
        """A version that the server may not read can still be restored."""

        refused: list[bytes] = []

        def refuse(directory: int, name: bytes, **how: bool) -> int:
            if name.endswith(b"-file.txt"):
                refused.append(name)
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return open_private_file(directory, name, **how)

        for module in ("writes.restore", "disk.fsync"):
            patched = mock.patch(f"homeftp.store.local.{module}.open_private_file", refuse)
            patched.start()
            self.addCleanup(patched.stop)
        store = self.store()
        unknown_us = time.time_ns() // 1000 + 1_000_000  # the hash of a file that is about to be changed is not known
        for content in (b"one", b"two"):
            self.put(store, "file.txt", content, mode=0, mtime_us=unknown_us)
        store.restore(parse("file.txt"), None, None)
        self.assertEqual(self.content("file.txt"), b"one")
        self.assertEqual(len(refused), 2, "the control")

    def test_refused(self) -> None:
        """Wrong preconditions, missing versions and wrong kinds are refused, and nothing changes."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "file.txt", content)
        at = self.versions(store, "file.txt")[0].at_us
        os.mkdir(self.path("folder"))
        before = snapshot(self.root)
        for name, when, condition, refusal in (
            ("file.txt", None, ABSENT, Changed),
            ("file.txt", None, sha(b"one"), Changed),
            ("file.txt", at + 1, None, NotFound),
            ("other.txt", None, None, NotFound),
            ("folder", None, None, NotFound),
            ("file.txt/below", None, None, NotFound),
        ):
            with self.assertRaises(refusal, msg=name):
                store.restore(parse(name), when, condition)
        with self.assertRaises(WrongKind):
            store.restore(ROOT, None, None)
        self.assertEqual(
            {path: found[-1] for path, found in snapshot(self.root).items()}, {p: f[-1] for p, f in before.items()}
        )
        store.restore(parse("file.txt"), at, sha(b"two"))
        self.assertEqual(self.content("file.txt"), b"one", "the control")

    def test_not_evicted_meanwhile(self) -> None:
        """A version is not evicted for the file that it replaces."""
        store = self.store(retention=Retention(percent=None, size=8192))
        for content in (b"1" * 5000, b"2" * 100):
            self.put(store, "file.txt", content)
        self.assertEqual(self.contents(), [b"1" * 5000])
        store.restore(parse("file.txt"), None, None)
        self.assertEqual(self.content("file.txt"), b"1" * 5000)

    def test_hash(self) -> None:
        """The hash that was a precondition is known for the version, and for the restored file."""
        store = self.store()
        self.put(store, "file.txt", b"one")
        self.put(store, "file.txt", b"two", precondition=sha(b"one"))
        self.assertEqual(store.restore(parse("file.txt"), None, sha(b"two")).hash, sha(b"one"))
        look = store.stat(parse("file.txt"))
        assert look is not None
        self.assertEqual(look.hash, sha(b"one"))

    def test_large(self) -> None:
        """A large version of unknown hash is put back without being read: whoever asks for its hash reads it."""
        content = bytes(SLICE + 1)
        for size, known in ((SLICE, True), (SLICE + 1, False)):
            self.lay("file.txt", content[:size])
            store = self.store()
            self.put(store, "file.txt", b"new")
            entry = store.restore(parse("file.txt"), None, None)
            self.assertEqual(entry.hash, sha(content[:size]) if known else None)
            self.assertEqual(self.content("file.txt"), content[:size])
            store.close()


class RestoreRaceTests(StoreCase):
    """Another program replaces the file right after the rename."""

    def setUp(self) -> None:
        super().setUp()
        self.system = OutsideReplacement()
        self.served = self.store(system=self.system)

    def check(self, answer: object) -> None:
        """Check the answer, and what the store reports about the other program's file."""
        self.assertIsInstance(answer, Entry)
        assert isinstance(answer, Entry)
        self.assertEqual((answer.hash, answer.size), (sha(OWN), len(OWN)))
        self.assertEqual(answer.mtime_us, LONG_AGO + 1)
        self.assertGreater(self.system.times, 0, "the control: another program replaced it")
        self.assertEqual(self.content("file"), OTHER)
        there = self.served.stat(parse("file"))
        assert there is not None
        self.assertIn(there.hash, (None, sha(OTHER)))

    def request(self, name: str) -> tuple[WriteRequest, bytes]:
        """A write request."""
        return put_of(name, OWN, mtime_us=LONG_AGO + 1)

    def test_restore(self) -> None:
        """A version whose hash is known."""
        self.served.write_many([self.request("file")])
        self.served.write_many([put_of("file", b"next", precondition=sha(OWN))])
        self.system.armed = True
        self.check(self.served.restore(parse("file"), None, None))
