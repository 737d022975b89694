"""Where fetched files land: whole or not at all, and nowhere else."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from threading import Event
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.files.directory import DescriptorDirectory, PathDirectory, open_top_directory
from homeftp.client.files.largefile import LargeDownload
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget, LocalMetadata, SmallDownload
from homeftp.config import RESUMABLE
from homeftp.errors import Changed, ContentMismatch
from homeftp.hashing import filehash as tree
from homeftp.hashing.hashcache import HashCache
from homeftp.syscalls import System
from tests.support.homes import stamp
from tests.support.homes import tree as files

MTIME = 1_600_000_000_000_000

KEY = "0123456789abcdef" * 2
BIG = os.urandom(2 * RESUMABLE)


class Failing(System):
    """A system in which one call fails, and that remembers which were made."""

    def __init__(self, fails: str = "", *, whole: bool = True) -> None:
        super().__init__()
        self.fails = fails
        self.whole = whole
        self.calls: list[str] = []

    def _note(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self._note("write")
        return super().write(fd, data)

    def fsync(self, fd: int) -> None:
        self._note("fsync")
        super().fsync(fd)

    def syncs_whole(self, fd: int) -> bool:
        return self.whole

    def syncfs(self, fd: int) -> None:
        self._note("syncfs")

    def rename(self, source: bytes, target: bytes, **paths: Any) -> None:
        self._note("rename")
        super().rename(source, target, **paths)

    def rename_new(self, source: bytes, target: bytes, **paths: Any) -> None:
        self._note("rename")
        super().rename_new(source, target, **paths)


class DownloadCase(SynchronousTestCase):
    """A test with a landing."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.folder = DownloadTarget(self.path, System())

    def small(self, name: str, data: bytes = b"content", **fields: Any) -> SmallDownload:
        given: dict[str, Any] = {"mtime_us": MTIME, "mode": 0o640, "replaces": None, **fields}
        return SmallDownload(TargetFile(name, **given), data, tree.hash_bytes(data))

    def lay(self, name: str, data: bytes = b"old") -> os.stat_result:
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return os.lstat(path)


class SmallTests(DownloadCase):
    """Small files, many at once."""

    def test_new(self) -> None:
        """They appear with content, time and mode, in folders made for them."""
        results = self.folder.write_many([self.small("a"), self.small("x/y/b", b"")])
        self.assertTrue(all(isinstance(result, os.stat_result) for result in results))
        self.assertEqual(files(self.path), {"a": b"content", "x/y/b": b""})
        self.assertEqual(stamp(f"{self.path}/a"), (MTIME, 0o640))

    def test_replaced(self) -> None:
        """What was compared is replaced."""
        found = self.lay("a")
        self.folder.write_many([self.small("a", replaces=found)])
        self.assertEqual(files(self.path), {"a": b"content"})

    def test_not_what_was_compared(self) -> None:
        """Anything else stays: what was changed, removed, or appeared."""
        found = self.lay("changed")
        self.lay("changed", b"changed meanwhile")
        gone = self.lay("gone")
        os.unlink(f"{self.path}/gone")
        self.lay("appeared")
        results = self.folder.write_many(
            [self.small("changed", replaces=found), self.small("gone", replaces=gone), self.small("appeared")]
        )
        self.assertEqual([type(result) for result in results], [Changed] * 3)
        self.assertEqual(files(self.path), {"changed": b"changed meanwhile", "appeared": b"old"})

    def test_force(self) -> None:
        """Unless the person wanted it so."""
        self.lay("appeared")
        self.folder.write_many([self.small("appeared", force=True)])
        self.assertEqual(files(self.path), {"appeared": b"content"})

    def test_wrong_content(self) -> None:
        """What does not have its hash never gets its name; the others do."""
        wrong = self.small("wrong")._replace(data=b"c0ntent")
        results = self.folder.write_many([wrong, self.small("right")])
        self.assertIsInstance(results[0], ContentMismatch)
        self.assertEqual(files(self.path), {"right": b"content"})

    def test_links(self) -> None:
        """No link below the folder is followed: not as a parent, and not as the file itself."""
        outside = self.mktemp()
        os.makedirs(outside)
        os.makedirs(self.path)
        os.symlink(os.path.abspath(outside), f"{self.path}/parent")
        os.symlink(os.path.abspath(f"{outside}/made"), f"{self.path}/leaf")
        results = self.folder.write_many(
            [self.small("parent/a"), self.small("parent/x/b"), self.small("leaf"), self.small("fine")]
        )
        self.assertEqual([isinstance(result, Exception) for result in results], [True, True, True, False])
        self.assertEqual(os.listdir(outside), [])
        self.folder.write_many([self.small("leaf", force=True)])
        self.assertEqual(os.listdir(outside), [])
        self.assertFalse(os.path.islink(f"{self.path}/leaf"))

    def test_folder_in_the_way(self) -> None:
        """A folder is not replaced by a file, nor a file by a folder."""
        self.lay("folder/a")
        self.lay("file")
        results = self.folder.write_many([self.small("folder", force=True), self.small("file/a")])
        self.assertTrue(all(isinstance(result, OSError) for result in results))
        self.assertEqual(files(self.path), {"folder/a": b"old", "file": b"old"})

    def test_faults(self) -> None:
        """Whatever call fails, the old content stands, nothing is left over, and the failure is told."""
        for fails in ("write", "fsync", "syncfs", "rename"):
            for count in (1, 20):
                if (fails, count) in (("fsync", 20), ("syncfs", 1)):
                    continue
                self.setUp()
                found = self.lay("0")
                folder = DownloadTarget(self.path, Failing(fails))
                downloads = [self.small(str(number), replaces=None if number else found) for number in range(count)]
                results = folder.write_many(downloads)
                self.assertTrue(all(isinstance(result, OSError) for result in results), (fails, results))
                self.assertEqual(files(self.path), {"0": b"old"}, fails)

    def test_order(self) -> None:
        """Content is durable before any name is given: one sync for many, one each where there is no such call."""
        os.makedirs(self.path)
        for system, sync in ((Failing(), ["syncfs"]), (Failing(whole=False), [])):
            folder = DownloadTarget(self.path, system)
            folder.write_many([self.small(str(number), force=True) for number in range(10)])
            each = ["write"] if sync else ["write", "fsync"]
            self.assertEqual(system.calls, each * 10 + sync + ["rename"] * 10)
            system.calls.clear()
            folder.sync()
            self.assertEqual(system.calls, ["fsync"])
            folder.sync()
            self.assertEqual(system.calls, ["fsync"])

    def test_remembered(self) -> None:
        """What has arrived need not be hashed again."""
        index = HashCache(os.path.join(self.mktemp(), "index.sqlite"))
        self.addCleanup(index.close)
        DownloadTarget(self.path, System(), index).write_many([self.small("x/a")])
        folder = os.path.realpath(f"{self.path}/x")
        known = index.lookup(folder, {"a": os.lstat(f"{folder}/a")})
        self.assertEqual(known, {"a": tree.hash_bytes(b"content")})


class LargeCase(DownloadCase):
    """What the tests of large files share."""

    def begin(self, target: TargetFile, key: str = KEY) -> LargeDownload:
        """A large file that has begun to arrive."""
        download = LargeDownload(self.folder, target, key)
        download.open()
        return download


class LargeTests(LargeCase):
    """Large files, piece by piece."""

    def target(self, **fields: Any) -> TargetFile:
        return self.small("x/big", **fields).target

    def test_whole(self) -> None:
        """It appears at the end, with time and mode."""
        download = self.begin(self.target())
        download.write(b"con")
        download.write(b"tent")
        self.assertFalse(os.path.exists(f"{self.path}/x/big"))
        download.commit(tree.hash_bytes(b"content"), self.target())
        download.close()
        download.close()
        self.assertEqual(files(self.path), {"x/big": b"content"})
        self.assertEqual(stamp(f"{self.path}/x/big"), (MTIME, 0o640))

    def test_dropped(self) -> None:
        """What is not committed leaves no trace."""
        download = self.begin(self.target())
        download.write(b"con")
        download.close()
        self.assertEqual(files(self.path), {})

    def test_left_alone(self) -> None:
        """A job that comes after its end, because nobody waited for it any more, does nothing."""
        download = LargeDownload(self.folder, self.target(), KEY)
        download.close()
        hashed = tree.hash_bytes(b"")
        for job in (
            download.open,
            download.restart,
            partial(download.write, b""),
            lambda: list(download.verify_resumed()),
        ):
            self.assertRaises(CancelledError, job)
        self.assertRaises(CancelledError, download.commit, hashed, self.target())
        self.assertFalse(os.path.exists(f"{self.path}/x"))

    def test_closed_meanwhile(self) -> None:
        """The end waits for the job that is under way, and then leaves no trace of that either."""
        download = self.begin(self.target())
        checking = download.verify_resumed()
        download.close()
        self.assertRaises(CancelledError, next, checking)
        self.assertEqual(files(self.path), {})
        reached, go_on = Event(), Event()

        class Slow(System):
            def write(self, fd: int, data: bytes | memoryview) -> int:
                reached.set()
                go_on.wait(10)
                return super().write(fd, data)

        download = LargeDownload(DownloadTarget(self.path, Slow()), self.target(), KEY)
        with ThreadPoolExecutor(2) as pool:
            writing = pool.submit(download.write, b"content")
            reached.wait(10)
            closing = pool.submit(download.close)
            self.assertFalse(wait([closing], 0.05).done)
            go_on.set()
            writing.result()
            closing.result()
        self.assertEqual(files(self.path), {})

    def test_wrong(self) -> None:
        """What does not have its hash is not committed."""
        download = self.begin(self.target())
        download.write(b"content")
        with self.assertRaises(ContentMismatch):
            download.commit(tree.hash_bytes(b"other"), self.target())
        download.close()
        self.assertEqual(files(self.path), {})

    def test_changed_meanwhile(self) -> None:
        """What was changed here while it arrived stays."""
        found = self.lay("x/big")
        download = self.begin(self.target(replaces=found))
        download.write(b"content")
        self.lay("x/big", b"changed")
        with self.assertRaises(Changed):
            download.commit(tree.hash_bytes(b"content"), self.target(replaces=found))
        download.close()
        self.assertEqual(files(self.path), {"x/big": b"changed"})

    def test_no_room(self) -> None:
        """A folder that cannot be made is told at the beginning."""
        self.lay("x")
        with self.assertRaises(OSError):
            self.begin(self.target())


class ResumedTests(LargeCase):
    """Large files that were cut off."""

    def target(self) -> TargetFile:
        return self.small("x/big").target

    def cut(self, size: int = RESUMABLE) -> str:
        """What arrived before the cut is kept; the path of the draft."""
        download = self.begin(self.target())
        download.write(BIG[:size])
        download.close(keep=True)
        return f"{self.path}/x/.homeftp-{KEY}"

    def test_gone_on_with(self) -> None:
        """The next one with the same key goes on from there, once it has hashed that; another one does not."""
        partial_path = self.cut()
        self.assertEqual(files(self.path), {f"x/.homeftp-{KEY}": BIG[:RESUMABLE]})
        other = self.begin(self.target(), "0" * 32)
        self.assertEqual(other.size, 0)
        other.close()
        download = self.begin(self.target())
        self.assertEqual(download.size, RESUMABLE)
        list(download.verify_resumed())
        self.assertEqual(download.hash, tree.hash_bytes(BIG[:RESUMABLE]))
        download.write(BIG[RESUMABLE:])
        download.commit(tree.hash_bytes(BIG), self.target())
        download.close()
        self.assertEqual(files(self.path), {"x/big": BIG})
        self.assertFalse(os.path.exists(partial_path))

    def test_restarted(self) -> None:
        """Or it forgets what is there."""
        self.cut()
        download = self.begin(self.target())
        download.restart()
        download.write(b"content")
        download.commit(tree.hash_bytes(b"content"), self.target())
        download.close()
        self.assertEqual(files(self.path), {"x/big": b"content"})

    def test_damaged(self) -> None:
        """What was changed meanwhile shows at the end: nothing appears, and nothing is left to go on from."""
        with open(self.cut(), "r+b") as file:
            file.write(b"x")
        download = self.begin(self.target())
        list(download.verify_resumed())
        download.write(BIG[RESUMABLE:])
        with self.assertRaises(ContentMismatch):
            download.commit(tree.hash_bytes(BIG), self.target())
        download.close()
        self.assertEqual(files(self.path), {})

    def test_not_worth_it(self) -> None:
        """Of what has hardly begun nothing is kept."""
        self.cut(RESUMABLE - 1)
        self.assertEqual(files(self.path), {})

    def test_only_one_has_it(self) -> None:
        """While one goes on with it another begins anew, under another name."""
        self.cut()
        first = self.begin(self.target())
        second = self.begin(self.target())
        self.assertEqual((first.size, second.size), (RESUMABLE, 0))
        second.close()
        first.close()
        self.assertEqual(files(self.path), {})

    def test_planted(self) -> None:
        """What others put in its place is not written to: links, and files with a second name."""
        partial_path = self.cut()
        victim = os.path.abspath(f"{self.path}/victim")
        for plant in (os.symlink, os.link):
            os.unlink(partial_path)
            self.lay("victim", BIG)
            plant(victim, partial_path)
            download = self.begin(self.target())
            self.assertEqual(download.size, 0)
            download.write(b"x")
            download.close()
            with open(victim, "rb") as file:
                self.assertEqual(file.read(), BIG)

    def test_swept(self) -> None:
        """What nobody has gone on with for a day is removed, unless somebody does at this moment."""
        partial_path = self.cut()
        self.folder.remove_expired([f"x/.homeftp-{KEY}", "gone/too"])
        self.assertTrue(os.path.exists(partial_path))
        os.utime(partial_path, (0, 0))
        busy = self.begin(self.target())
        self.folder.remove_expired([f"x/.homeftp-{KEY}"])
        self.assertTrue(os.path.exists(partial_path))
        busy.close(keep=True)
        os.utime(partial_path, (0, 0))
        self.folder.remove_expired([f"x/.homeftp-{KEY}"])
        self.assertEqual(files(self.path), {})


class DressTests(DownloadCase):
    """Metadata alone."""

    def test_files(self) -> None:
        """A file that was compared gets time and mode; one that was changed does not."""
        found = {name: self.lay(name) for name in ("a", "changed", "link")}
        self.lay("changed", b"meanwhile")
        os.rename(f"{self.path}/link", f"{self.path}/moved")
        os.symlink("moved", f"{self.path}/link")
        results = self.folder.set_file_metadata([(LocalMetadata(name, MTIME, 0o600), found[name]) for name in found])
        self.assertEqual([isinstance(result, Exception) for result in results], [False, True, True])
        self.assertEqual(stamp(f"{self.path}/a"), (MTIME, 0o600))
        self.assertNotEqual(stamp(f"{self.path}/moved"), (MTIME, 0o600))

    def test_directories(self) -> None:
        """Directories are made and dressed; what failed is told by name."""
        self.lay("file")
        self.assertEqual([name for name, _ in self.folder.make_directories(["x/y", "file", "z"])], ["file"])
        failed = self.folder.set_directory_metadata(
            [LocalMetadata(name, MTIME, 0o700) for name in ("x/y", "file/deep", "")]
        )
        self.assertEqual([name for name, _ in failed], ["file/deep"])
        for name in ("x/y", ""):
            self.assertEqual(stamp(f"{self.path}/{name}"), (MTIME, 0o700))


class NamedFolderTests(SynchronousTestCase):
    """The folder of systems without descriptors of folders keeps to the same contract."""

    def test_same_contract(self) -> None:
        """Both kinds enter, create, place, replace, dress and remove alike, and follow no link."""
        for kind in (DescriptorDirectory, PathDirectory):
            path = self.mktemp()
            os.makedirs(f"{path}/real")
            os.symlink("real", f"{path}/link")
            system = System()
            held = DescriptorDirectory(os.open(path, os.O_RDONLY), system)
            top: Any = held if kind is DescriptorDirectory else PathDirectory(path, system)
            self.addCleanup(held.close)
            for name in ("link", "missing"):
                with self.assertRaises(OSError):
                    top.open_directory(name, make=False)
            with self.assertRaises(OSError):
                top.open_directory("link", make=True)
            top.open_directory("made", make=True).close()
            fd = top.create("temporary")
            with self.assertRaises(FileExistsError):
                top.create("temporary")
            os.write(fd, b"one")
            top.set_metadata(fd, "temporary", MTIME, 0o644)
            os.close(fd)
            top.rename_new("temporary", "a")
            os.close(top.create("temporary"))
            with self.assertRaises(FileExistsError):
                top.rename_new("temporary", "a")
            self.assertEqual(top.stat("a").st_size, 3)
            self.assertIsNone(top.stat("missing"))
            self.assertEqual(top.stat("a").st_mtime_ns, MTIME * 1000)
            top.replace("temporary", "a")
            self.assertEqual(top.stat("a").st_size, 0)
            os.close(top.open("a"))
            top.remove("a")
            inner = top.open_directory("made", make=False)
            inner.set_metadata(None, "", MTIME, None)
            inner.sync()
            inner.close()
            self.assertEqual(os.stat(f"{path}/made").st_mtime_ns, MTIME * 1000)
            self.assertEqual(sorted(os.listdir(path)), ["link", "made", "real"])

    def test_no_folder(self) -> None:
        """A path that is no folder is refused."""
        path = self.mktemp()
        with open(path, "wb"):
            pass
        with self.assertRaises(NotADirectoryError):
            open_top_directory(path, System())
