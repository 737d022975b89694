"""Files are looked at without waiting for a disk, or not at all."""

from __future__ import annotations

import errno
import os
import time
from typing import Any
from unittest import mock

from zope.interface.verify import verifyObject

from homeftp.endpoint import ROOT, parse
from homeftp.hashing.hashcache import CONTENT as CONTENT_LOST
from homeftp.hashing.hashcache import CachedHash
from homeftp.interfaces import IOpenFile
from homeftp.interfaces.immediate import IImmediateStore
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support import needs
from tests.support.descriptors import count_descriptors
from tests.support.stores import StoreCase, sha

CONTENT = b"0123456789"
INLINE = 100
FILE = parse("folder/file.txt")


class Cold(System):
    """A computer that has no path in memory."""

    def openat2(self, directory: int, path: bytes, flags: int, *, cached: bool = False, **options: Any) -> int:
        """Refuse to look for what is not in memory."""
        if cached:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return super().openat2(directory, path, flags, **options)


class ImmediateCase(StoreCase):
    """A store with an old file in a folder."""

    def setUp(self) -> None:
        super().setUp()
        self.lay("folder/file.txt", CONTENT)
        needs.require("openat2(2) with RESOLVE_CACHED, preadv2(2) with RWF_NOWAIT", self.reads_cached)
        self.files = self.store()

    def reads_cached(self) -> bool:
        """Whether the kernel tells what it has in memory of the disk of these tests."""
        path = self.path("folder/file.txt")
        top = os.open(self.root, os.O_RDONLY)
        try:
            os.stat(path)
            fd = System().openat2(top, b"folder/file.txt", os.O_RDONLY, cached=True)
        except OSError:
            return False
        finally:
            os.close(top)
        try:
            return System().read_cached(fd, INLINE) == CONTENT
        except OSError:
            return False
        finally:
            os.close(fd)

    def job(self, store: LocalStore | None = None) -> None:
        """A job opens it, and hashes it."""
        (file,) = (store or self.files).open_many([FILE], INLINE)
        assert not isinstance(file, Exception), file

    def at_hand(self) -> bytes | None:
        """What is read at once."""
        file = self.files.open_at_once(FILE, INLINE)
        return None if file is None else file.content


class ImmediateTests(ImmediateCase):
    """What a job has found is told again without one."""

    def test_interface(self) -> None:
        """The store and the file provide their interfaces."""
        verifyObject(IImmediateStore, self.files)
        self.job()
        file = self.files.open_at_once(FILE, INLINE)
        assert file is not None
        verifyObject(IOpenFile, file)
        file.close()

    def test_same_as_job(self) -> None:
        """A file and a folder are told as a job tells them, once a job has looked; no descriptor stays open."""
        self.assertEqual((self.files.stat_at_once(FILE), self.at_hand()), (None, None))
        before = count_descriptors()
        self.job()
        file = self.files.open_at_once(FILE, INLINE)
        assert file is not None
        (opened,) = self.files.open_many([FILE], INLINE)
        assert not isinstance(opened, Exception)
        self.assertEqual((file.entry, file.content, file.read(2, 3)), (opened.entry, CONTENT, b"234"))
        self.assertEqual((file.close_verified(None), list(file.hash_steps())), (opened.entry, [sha(CONTENT)]))
        for endpoint in (FILE, parse("folder"), ROOT):
            self.assertEqual(self.files.stat_at_once(endpoint), self.files.stat(endpoint))
        self.assertEqual(count_descriptors(), before)

    def test_unhashed(self) -> None:
        """A file that no job has seen is told at once where its hash is not needed; its content, if no file is damaged.

        The controls: nothing is told where the hash is needed, nor of a file type that is not shared.
        """
        self.files.open_many([parse("none.txt")], INLINE)  # the job that looks for damage
        found = self.files.stat_at_once(FILE, hashed=False)
        file = self.files.open_at_once(FILE, INLINE, hashed=False)
        assert found is not None and file is not None
        self.assertEqual((self.files.stat_at_once(FILE), self.at_hand()), (None, None))
        self.assertEqual((found, file.entry, file.content), (self.files.stat(FILE), found, CONTENT))
        self.assertIsNone(file.entry.hash)
        self.files.close()
        self.files = self.store(filetypes=(".jpg",))
        self.files.open_many([parse("none.jpg")], INLINE)
        self.assertIsNone(self.files.stat_at_once(FILE, hashed=False))
        self.assertIsNone(self.files.open_at_once(FILE, INLINE, hashed=False))

    def test_unhashed_damage(self) -> None:
        """A file whose hash is not known is not read while any is marked as damaged, nor before a job has looked."""
        self.assertIsNone(self.files.open_at_once(FILE, INLINE, hashed=False))
        self.lay("other.txt", b"other")
        row = CachedHash(
            self.root, "other.txt", os.stat(self.path("other.txt")), sha(b"else"), time.time_ns(), CONTENT_LOST
        )
        self.cache.mark(row)
        self.files.open_many([parse("none.txt")], INLINE)
        self.assertIsNone(self.files.open_at_once(FILE, INLINE, hashed=False))

    def test_unsettled(self) -> None:
        """A file that is being written is left to a job, which reads it twice."""
        self.files.open_many([parse("none.txt")], INLINE)
        ahead = time.time_ns() - 1
        os.utime(self.path("folder/file.txt"), ns=(ahead, ahead))
        with mock.patch.object(time, "time_ns", lambda: ahead + 1):
            self.assertIsNone(self.files.open_at_once(FILE, INLINE, hashed=False))

    def test_new(self) -> None:
        """A name is known to be new once the server has changed its folder, until another program changes that."""
        self.assertFalse(self.files.is_new_at_once(parse("folder/new.txt")))
        self.put(self.files, "folder/Own.txt", b"own")
        known = [
            self.files.is_new_at_once(parse(f"folder/{name}")) for name in ("new.txt", "Own.txt", "own.txt", "file.txt")
        ]
        self.assertEqual(known, [True, False, False, False])
        self.lay("folder/other.txt", b"other")
        self.assertFalse(self.files.is_new_at_once(parse("folder/new.txt")))
        self.assertFalse(self.files.is_new_at_once(parse("missing/new.txt")))
        self.assertFalse(self.files.is_new_at_once(ROOT))

    def test_after_stat(self) -> None:
        """A file that a job has only stated is told at once where its hash is known."""
        self.job()
        self.lay("folder/other.txt", b"other")
        self.files.stat(parse("folder/other.txt"))
        self.assertIsNone(self.files.stat_at_once(parse("folder/other.txt")))
        self.files.close()
        self.files = self.store()
        self.files.stat(FILE)
        self.assertEqual(self.at_hand(), CONTENT)

    def test_changed(self) -> None:
        """What was changed since is not told: by whatever program, though size and mtime are the same."""
        self.job()
        self.assertEqual(self.at_hand(), CONTENT)
        before = os.stat(self.path("folder/file.txt"))
        os.chmod(self.path("folder/file.txt"), 0o600)
        with open(self.path("folder/file.txt"), "r+b") as file:
            file.write(b"abc")
        os.utime(self.path("folder/file.txt"), ns=(before.st_mtime_ns, before.st_mtime_ns))
        self.assertEqual((self.files.stat_at_once(FILE), self.at_hand()), (None, None))
        self.job()
        self.assertEqual(self.at_hand(), b"abc3456789")

    def test_replaced(self) -> None:
        """What has another thing in its place is not told: a link, a folder, a FIFO, nothing."""
        self.job()
        path = self.path("folder/file.txt")
        for make in (lambda: os.symlink("kept", path), lambda: os.mkdir(path), lambda: os.mkfifo(path), lambda: None):
            os.rename(path, self.path("folder/kept"))
            make()
            self.assertIsNone(self.at_hand())
            if os.path.lexists(path):
                (os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)
            os.rename(self.path("folder/kept"), path)
            self.job()
            self.assertEqual(self.at_hand(), CONTENT)

    def test_link_on_the_way(self) -> None:
        """No symbolic link is followed."""
        self.job()
        os.rename(self.path("folder"), os.path.join(self.outside, "folder"))
        os.symlink(os.path.join(self.outside, "folder"), self.path("folder"))
        self.assertEqual((self.files.stat_at_once(FILE), self.at_hand()), (None, None))
        self.assertIsNone(self.files.stat_at_once(parse("folder")))

    def test_large(self) -> None:
        """A file of more bytes than are wanted is left to a job."""
        self.job()
        self.assertIsNone(self.files.open_at_once(FILE, len(CONTENT) - 1))
        self.assertIsNotNone(self.files.open_at_once(FILE, len(CONTENT)))

    def test_damaged(self) -> None:
        """A file that is found damaged is refused from then on."""
        self.job()
        found = os.stat(self.path("folder/file.txt"))
        with open(self.path("folder/file.txt"), "r+b") as file:
            file.write(b"abc")
        os.utime(self.path("folder/file.txt"), ns=(found.st_mtime_ns, found.st_mtime_ns))
        for _ in self.files.verify(ROOT):
            pass
        self.assertIsNone(self.at_hand())

    def test_other_disks(self) -> None:
        """Where other disks belong into the folder, all is left to jobs: they see whether these are mounted."""
        self.job()
        self.files._folder.get().root.mounts.points = frozenset({("other",)})
        self.assertEqual((self.files.stat_at_once(FILE), self.at_hand()), (None, None))

    def test_gone(self) -> None:
        """Nothing is told of a folder that was given up because its path leads elsewhere."""
        self.job()
        os.rename(self.root, f"{self.root}.old")
        self.addCleanup(os.rename, f"{self.root}.old", self.root)
        self.files.problems()
        self.assertEqual((self.files.stat_at_once(FILE), self.at_hand()), (None, None))

    def test_cold(self) -> None:
        """What is not in memory is left to a job, and the disk is not asked for it."""
        self.files.close()
        self.files = self.store(system=Cold())
        self.job()
        self.assertEqual((self.files.stat_at_once(FILE), self.at_hand()), (None, None))
