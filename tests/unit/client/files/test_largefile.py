"""Large downloads that are written piece by piece, suspended and resumed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from threading import Event
from typing import Any

from twisted.internet.defer import CancelledError

from homeftp.client.files.largefile import LargeDownload
from homeftp.client.files.names import KEY_PART
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget
from homeftp.config import RESUMABLE
from homeftp.errors import (
    Changed,
    ContentMismatch,
)
from homeftp.hashing import filehash
from homeftp.syscalls import System
from tests.support.downloads import MTIME, DownloadCase
from tests.support.transfers import stamp, tree

KEY = "0123456789abcdef" * 2
BIG = os.urandom(2 * RESUMABLE)


class LargeCase(DownloadCase):
    """Large downloads into a target folder."""

    def begin(self, target: TargetFile, key: str = KEY) -> LargeDownload:
        """A large download that is open."""
        download = LargeDownload(self.folder, target, key)
        download.open()
        return download


class LargeTests(LargeCase):
    """Large files, piece by piece."""

    def target(self, **fields: Any) -> TargetFile:
        return self.small("x/big", **fields).target

    def test_whole(self) -> None:
        """The file appears when it is committed, with time and mode."""
        download = self.begin(self.target())
        download.write(b"con")
        download.write(b"tent")
        self.assertFalse(os.path.exists(f"{self.path}/x/big"))
        download.commit(filehash.hash_bytes(b"content"), self.target())
        download.close()
        download.close()
        self.assertEqual(tree(self.path), {"x/big": b"content"})
        self.assertEqual(stamp(f"{self.path}/x/big"), (MTIME, 0o640))

    def test_dropped(self) -> None:
        """A file that is not committed leaves nothing."""
        download = self.begin(self.target())
        download.write(b"con")
        download.close()
        self.assertEqual(tree(self.path), {})

    def test_left_alone(self) -> None:
        """A job that runs after `close`, because the transfer was cancelled, does nothing."""
        download = LargeDownload(self.folder, self.target(), KEY)
        download.close()
        hashed = filehash.hash_bytes(b"")
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
        """`close` waits for the running job, and then leaves nothing."""
        download = self.begin(self.target())
        checking = download.verify_resumed()
        download.close()
        self.assertRaises(CancelledError, next, checking)
        self.assertEqual(tree(self.path), {})
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
        self.assertEqual(tree(self.path), {})

    def test_wrong(self) -> None:
        """Content without the hash is not committed."""
        download = self.begin(self.target())
        download.write(b"content")
        with self.assertRaises(ContentMismatch):
            download.commit(filehash.hash_bytes(b"other"), self.target())
        download.close()
        self.assertEqual(tree(self.path), {})

    def test_changed_meanwhile(self) -> None:
        """A local file that changed while the download ran is kept."""
        found = self.make_file("x/big")
        download = self.begin(self.target(replaces=found))
        download.write(b"content")
        self.make_file("x/big", b"changed")
        with self.assertRaises(Changed):
            download.commit(filehash.hash_bytes(b"content"), self.target(replaces=found))
        download.close()
        self.assertEqual(tree(self.path), {"x/big": b"changed"})

    def test_no_folder(self) -> None:
        """A folder that cannot be made raises OSError when the file is opened."""
        self.make_file("x")
        with self.assertRaises(OSError):
            self.begin(self.target())


class ResumedTests(LargeCase):
    """Large downloads that were suspended."""

    def target(self) -> TargetFile:
        return self.small("x/big").target

    def cut(self, size: int = RESUMABLE) -> str:
        """Suspend a download after `size` bytes; gives the path of the partial download."""
        download = self.begin(self.target())
        download.write(BIG[:size])
        download.close(keep=True)
        return f"{self.path}/x/.homeftp-{KEY}"

    def test_gone_on_with(self) -> None:
        """The next download with the same key resumes it after verifying it; another key does not."""
        partial_path = self.cut()
        self.assertEqual(tree(self.path), {f"x/.homeftp-{KEY}": BIG[:RESUMABLE]})
        other = self.begin(self.target(), "0" * 32)
        self.assertEqual(other.size, 0)
        other.close()
        download = self.begin(self.target())
        self.assertEqual(download.size, RESUMABLE)
        list(download.verify_resumed())
        self.assertEqual(download.hash, filehash.hash_bytes(BIG[:RESUMABLE]))
        download.write(BIG[RESUMABLE:])
        download.commit(filehash.hash_bytes(BIG), self.target())
        download.close()
        self.assertEqual(tree(self.path), {"x/big": BIG})
        self.assertFalse(os.path.exists(partial_path))

    def test_restarted(self) -> None:
        """A restarted download discards it."""
        self.cut()
        download = self.begin(self.target())
        download.restart()
        download.write(b"content")
        download.commit(filehash.hash_bytes(b"content"), self.target())
        download.close()
        self.assertEqual(tree(self.path), {"x/big": b"content"})

    def test_damaged(self) -> None:
        """A damaged partial download fails at the commit: nothing appears, and nothing is left to resume."""
        with open(self.cut(), "r+b") as file:
            file.write(b"x")
        download = self.begin(self.target())
        list(download.verify_resumed())
        download.write(BIG[RESUMABLE:])
        with self.assertRaises(ContentMismatch):
            download.commit(filehash.hash_bytes(BIG), self.target())
        download.close()
        self.assertEqual(tree(self.path), {})

    def test_not_worth_it(self) -> None:
        """A download that has hardly begun is not kept."""
        self.cut(RESUMABLE - 1)
        self.assertEqual(tree(self.path), {})

    def test_only_one_has_it(self) -> None:
        """While one download resumes it another starts anew, under another name."""
        self.cut()
        first = self.begin(self.target())
        second = self.begin(self.target())
        self.assertEqual((first.size, second.size), (RESUMABLE, 0))
        second.close()
        first.close()
        self.assertEqual(tree(self.path), {})

    def test_planted(self) -> None:
        """Links and files with a second name in its place are not written to."""
        partial_path = self.cut()
        victim = os.path.abspath(f"{self.path}/victim")
        for plant in (os.symlink, os.link):
            os.unlink(partial_path)
            self.make_file("victim", BIG)
            plant(victim, partial_path)
            download = self.begin(self.target())
            self.assertEqual(download.size, 0)
            download.write(b"x")
            download.close()
            with open(victim, "rb") as file:
                self.assertEqual(file.read(), BIG)

    def test_swept(self) -> None:
        """A partial download that was not resumed for a day is removed, unless it is locked."""
        partial_path = self.cut()
        self.folder.remove_partials([f"x/.homeftp-{KEY}", "gone/too"], set())
        self.assertTrue(os.path.exists(partial_path))
        os.utime(partial_path, (0, 0))
        busy = self.begin(self.target())
        self.folder.remove_partials([f"x/.homeftp-{KEY}"], set())
        self.assertTrue(os.path.exists(partial_path))
        busy.close(keep=True)
        os.utime(partial_path, (0, 0))
        self.folder.remove_partials([f"x/.homeftp-{KEY}"], set())
        self.assertEqual(tree(self.path), {})

    def test_complete(self) -> None:
        """A partial download of a file that is complete is removed at once; those of others stay."""
        partial_path = self.cut()
        self.folder.remove_partials([f"x/.homeftp-{KEY}"], {"f" * KEY_PART})
        self.assertTrue(os.path.exists(partial_path), "the control: it is another file's")
        self.folder.remove_partials([f"x/.homeftp-{KEY}"], {KEY[:KEY_PART]})
        self.assertEqual(tree(self.path), {})
