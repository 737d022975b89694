"""A file that is replaced or removed becomes a version, by a second name."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
import time
from typing import Any
from unittest import mock

from homeftp.config import Retention
from homeftp.endpoint import MAX_PARTS, ROOT, parse
from homeftp.errors import Changed, Forbidden, Internal, WrongKind
from homeftp.model import ABSENT
from homeftp.syscalls import System
from homeftp.wire.messages import meta_data
from tests.support.storecases import VersionsCase
from tests.support.stores import LONG_AGO, Failing, Walking, put_of, sha


class Moving(System):
    """Directories are moved out and in again while they are looked up: the kernel reports that like a mount."""

    def openat2(self, directory: int, path: bytes, flags: int, **options: bool) -> int:
        """See above."""
        if options.get("one_mount") and options.get("beneath", True):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return super().openat2(directory, path, flags, **options)


class NoLinks(System):
    """A file system, or a file, without hard links."""

    def link(self, source: bytes, target: bytes, **directories: object) -> None:
        """Refuse."""
        raise PermissionError(1, "no links here")


class NeitherWay(NoLinks):
    """A file system that cannot exchange two files either."""

    def exchange(self, one: bytes, other: bytes, **directories: object) -> None:
        """Refuse."""
        raise OSError(95, "no exchange here")


class ArchiveTests(VersionsCase):
    """Files that become versions."""

    def test_archived(self) -> None:
        """A replaced file becomes a version with its mtime and mode, however it was written, and no byte is copied."""
        store = self.store()
        self.put(store, "a/small.txt", b"one", mode=0o600)
        self.put(store, "a/large.txt", b"one" * 1000)
        inode = os.stat(self.path("a/small.txt")).st_ino
        self.assertEqual(self.versions(store), [])
        self.put(store, "a/small.txt", b"two", precondition=sha(b"one"))
        self.stream(store, "a/large.txt", b"two" * 1000)
        self.assertEqual(self.contents(), [b"one", b"one" * 1000])
        (small,) = self.versions(store, "a/small.txt")
        self.assertEqual((small.name, small.size, small.hash), ("", 3, sha(b"one")))
        self.assertEqual(dict(meta_data(small)), {"mtime_us": LONG_AGO, "mode": 0o600})
        self.assertLess(abs(small.at_us / 1e6 - time.time()), 60)
        folder, _, names = list(os.walk(self.path(".homeftp/versions")))[-1]
        self.assertIn(inode, [os.stat(os.path.join(folder, name)).st_ino for name in names])
        self.assertEqual({version.name for version in self.versions(store, "a")}, {"small.txt", "large.txt"})
        self.assertEqual({version.name for version in self.versions(store)}, {"a/small.txt", "a/large.txt"})

    def test_readable_by_the_owner(self) -> None:
        """An owner finds a version by day, folder and name."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a/b/photo.jpg", content)
        (path,) = self.archived()
        today = time.strftime("%Y-%m-%d", time.gmtime())
        self.assertRegex(path, rf"\A{today}/a/b/\.homeftp-\d\d\.\d\d\.\d\d\.\d{{6}}-photo\.jpg\Z")

    def test_newest_first(self) -> None:
        """The versions of a file are sorted newest first, even if the clock is set back."""
        store = self.store()
        now = time.time_ns()
        for number in range(10):
            with mock.patch("time.time_ns", return_value=now - number * 1_000_000_000):
                self.put(store, "a/file.txt", b"%d" % number)
        found = self.versions(store, "a/file.txt")
        self.assertEqual([version.hash for version in found], [sha(b"%d" % number) for number in reversed(range(9))])
        self.assertEqual(
            [version.at_us for version in found], sorted({version.at_us for version in found}, reverse=True)
        )
        self.assertEqual(len(found), 9)
        for folder in ("a", ""):
            self.assertEqual(
                [version.at_us for version in self.versions(store, folder)], [each.at_us for each in found]
            )

    def test_same_content(self) -> None:
        """Replacing a file by the same content, to change its mtime, makes no version."""
        store = self.store()
        self.put(store, "file.txt", b"same")
        self.put(store, "file.txt", b"same", precondition=sha(b"same"), mtime_us=LONG_AGO + 1)
        self.assertEqual(self.contents(), [])
        self.put(store, "file.txt", b"other", precondition=sha(b"same"))
        self.assertEqual(self.contents(), [b"same"], "the control")

    def test_refused(self) -> None:
        """A refused replacement makes no version."""
        store = self.store()
        self.put(store, "file.txt", b"old")
        for condition in (ABSENT, sha(b"other")):
            with self.assertRaises(Changed):
                self.put(store, "file.txt", b"new", precondition=condition)
        self.assertEqual((self.contents(), self.content("file.txt")), ([], b"old"))

    def test_twice_in_a_batch(self) -> None:
        """Several writes of one endpoint in a batch are made in order, and each content becomes a version."""
        store = self.store()
        self.put(store, "file.txt", b"zero")
        puts = [put_of("file.txt", content) for content in (b"one", b"two", b"three")]
        puts.append(put_of("file.txt", b"four", precondition=sha(b"zero")))
        results = store.write_many(puts)
        self.assertIsInstance(results[3], Changed)
        self.assertEqual(self.content("file.txt"), b"three")
        self.assertEqual(self.contents(), [b"one", b"two", b"zero"])

    def test_long_names(self) -> None:
        """A name of 255 bytes and a path of nearly 4,096 bytes can have versions."""
        store = self.store()
        deep = "/".join(["d" * 250] * 15)
        for top in (self.path("d" * 250), self.path(".homeftp")):
            self.addCleanup(shutil.rmtree, top)  # trial would do it by the whole path
        for name in ("x" * 255, "é" * 127, f"{deep}/{'y' * 255}"):
            for content in (b"one", b"two"):
                self.put(store, name, content)
            (version,) = self.versions(store, name)
            self.assertEqual(version.name, "")
            self.assertEqual([v.name for v in self.versions(store) if v.name == name], [name])
            store.restore(parse(name), None, None)
            self.assertEqual(self.versions(store, name)[0].size, 3)
            with open(os.open(self.path(name), os.O_RDONLY) if len(name) < 4000 else self.reach(name), "rb") as file:
                self.assertEqual(file.read(), b"one")

    def reach(self, name: str) -> int:
        """Open a file whose path is too long for one call."""
        directory = os.open(self.root, os.O_RDONLY)
        for part in name.split("/"):
            below = os.open(part, os.O_RDONLY, dir_fd=directory)
            os.close(directory)
            directory = below
        return directory

    def test_deep(self) -> None:
        """A path of many levels can have versions, and they are found."""
        self.root = tempfile.mkdtemp()  # elsewhere: what removes the folders of tests cannot remove these
        self.addCleanup(subprocess.run, ["rm", "-r", self.root], check=True)
        store = self.store()
        deep = "d/" * (MAX_PARTS - 1) + "file"
        for content in (b"one", b"two"):
            self.put(store, deep, content)
        self.assertEqual([version.name for version in self.versions(store, deep)], [""])
        store.restore(parse(deep), None, None)
        self.assertEqual(sum(store.remove(parse("d"), None, True)), MAX_PARTS)

    def test_removed_by_the_owner(self) -> None:
        """An owner may remove versions, or all of them with their folder, while the server runs."""
        store = self.store(retention=Retention(percent=None, size=4 * 4096))
        for number in range(5):
            self.put(store, "a/file.txt", b"%d" % number)
        for folder in ("versions", "versions/" + time.strftime("%Y-%m-%d", time.gmtime())):
            shutil.rmtree(self.path(f".homeftp/{folder}"))
            self.assertEqual(self.versions(store), [])
            store.maintain()
            for number in range(5, 10):
                self.put(store, "a/file.txt", b"%d" % number)
            self.assertEqual(len(self.versions(store, "a/file.txt")), 4)
        shutil.rmtree(self.path(".homeftp"))
        with self.assertRaisesRegex(Internal, "restart the server"):
            self.put(store, "a/file.txt", b"new")

    def test_file_then_directory(self) -> None:
        """A file that became a directory has versions of both, each under its own name."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "thing", content)
        os.unlink(self.path("thing"))
        at = self.versions(store, "thing")[0].at_us
        for content in (b"inner one", b"inner two"):
            self.put(store, "thing/inner", content)
            self.put(store, f"thing/{at}", content)
        names = sorted(version.name for version in self.versions(store, "thing"))
        self.assertEqual(names, sorted(["", "inner", str(at)]))
        with self.assertRaises(WrongKind):
            store.restore(parse("thing"), None, None)

    def test_walking(self) -> None:
        """Versions work without openat2 and renameat2 too."""
        store = self.store(Walking())
        for content in (b"one", b"two", b"three"):
            self.put(store, "a/file.txt", content)
        self.assertEqual(self.contents(), [b"one", b"two"])

    def test_none(self) -> None:
        """With `--keep-versions 0` there are no versions."""
        store = self.store(retention=Retention(seconds=0))
        for content in (b"", b"one", b"two"):
            self.put(store, "file.txt", content)
        self.assertEqual(self.contents(), [])

    def test_hidden(self) -> None:
        """No listing shows versions, and no endpoint names one."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "a/file.txt", content)
        listed = [entry.name for page in store.list(ROOT, True) for entry in page.entries]
        self.assertEqual(listed, ["a", "a/file.txt"])

    def test_target_appears(self) -> None:
        """A file that another program creates right before the rename becomes a version too."""

        class ChangingSystem(System):
            """Another program is quicker, once."""

            done = False

            def rename_new(inner, source: bytes, target: bytes, **directories: Any) -> None:
                inner.change(target)
                super().rename_new(source, target, **directories)

            def name_new(inner, fd: int, target: bytes, *, target_dir: int) -> None:
                inner.change(target)
                super().name_new(fd, target, target_dir=target_dir)

            def change(inner, target: bytes) -> None:
                if target == b"file.txt" and not inner.done:
                    inner.done = True
                    self.lay("file.txt", b"theirs")

        store = self.store(ChangingSystem())
        self.put(store, "file.txt", b"ours")
        self.assertEqual((self.content("file.txt"), self.contents()), (b"ours", [b"theirs"]))

    def test_unsynced_folder(self) -> None:
        """A version folder that was made but not made durable is made durable by the next replacement that uses it."""

        class Syncing(Failing):
            """Remembers which directories were made durable."""

            synced: set[int]

            def fsync_directory(self, fd: int) -> None:
                super().fsync_directory(fd)
                self.synced.add(os.fstat(fd).st_ino)

        self.lay("a/b/file.txt")
        system = Syncing(3, syncfs=False)
        system.synced = set()
        store = self.store(system)
        (first,) = self.together(store, put_of("a/b/file.txt", b"new"))
        self.assertEqual((type(first), system.failed), (Internal, "link"))
        (second,) = self.together(store, put_of("a/b/file.txt", b"new"))
        self.assertNotIsInstance(second, Exception)
        today = time.strftime("%Y-%m-%d", time.gmtime())
        for folder in (".homeftp/versions", *(f".homeftp/versions/{today}{each}" for each in ("", "/a", "/a/b"))):
            self.assertIn(os.stat(self.path(folder)).st_ino, system.synced, folder)


class OtherMountTests(VersionsCase):
    """A version folder that cannot be linked into."""

    def test_no_mount(self) -> None:
        """A directory that is moved while a file in it is replaced gets no metadata directory."""
        store = self.store(system=Moving())
        for content in (b"one", b"two"):
            self.put(store, "a/b/file.txt", content)
        self.assertEqual(self.contents(), [b"one"])
        self.assertEqual(os.listdir(self.path("a")), ["b"])
        self.assertEqual(os.listdir(self.path("a/b")), ["file.txt"])


class NoLinkTests(VersionsCase):
    """Files that cannot be linked."""

    def test_moved(self) -> None:
        """The old file is moved to the version folder in the moment in which the new one gets its name."""
        store = self.store(NoLinks())
        for content in (b"one", b"two", b"three"):
            self.put(store, "a/file.txt", content)
        self.assertEqual((self.content("a/file.txt"), self.contents()), (b"three", [b"one", b"two"]))
        store.restore(parse("a/file.txt"), self.versions(store, "a/file.txt")[1].at_us, None)
        self.assertEqual((self.content("a/file.txt"), self.contents()), (b"one", [b"three", b"two"]))
        self.assertEqual(self.left(), [])

    def test_full_of_versions(self) -> None:
        """Versions that are evicted by a batch leave the folders that its other versions are moved to.

        As they are moved after that, there may be too many until the next job.
        """
        store = self.store(NoLinks(), retention=Retention(percent=None, size=2 * 4096))
        for round in range(3):
            puts = [put_of(f"a/{number}", b"%d %d" % (round, number)) for number in range(12)]
            for result in store.write_many(puts):
                self.assertNotIsInstance(result, Exception)
        self.assertEqual(len(self.contents()), 12)
        self.put(store, "a/0", b"new")
        self.assertEqual(self.contents(), [b"1 11", b"2 0"])

    def test_not_at_all(self) -> None:
        """Without exchange nothing is replaced, and the message says what to do; new files are accepted."""
        store = self.store(NeitherWay())
        self.put(store, "file.txt", b"one")
        with self.assertRaisesRegex(Forbidden, "--keep-versions 0"):
            self.put(store, "file.txt", b"two")
        self.assertEqual((self.content("file.txt"), self.contents(), self.left()), (b"one", [], []))
        store.close()
        self.put(self.store(NeitherWay(), retention=Retention(seconds=0)), "file.txt", b"two")
        self.assertEqual(self.content("file.txt"), b"two")
