"""sshfs: programs that know nothing of SFTP work in a folder that is mounted."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess

from tests.support.needs import device, program, root
from tests.support.sftpserver import SftpCase
from tests.support.waiting import WITHIN, wait_until

BIG = random.Random(2).randbytes(1_000_000)


class MountedTests(SftpCase):
    """A folder that is mounted with sshfs."""

    def setUp(self) -> None:
        root()
        device("/dev/fuse")
        super().setUp()
        self.mounted = os.path.join(self.here, "mounted")
        os.mkdir(self.mounted)
        self.mount = subprocess.Popen(
            [
                program("sshfs"), "-f", "-p", str(self.server.port), *self.server.options, "-o", "idmap=user",
                f"ann@127.0.0.1:/{self.there}", self.mounted,
            ]
        )  # fmt: skip
        self.addCleanup(self.unmount)
        wait_until(lambda: os.path.ismount(self.mounted) or self.mount.poll() is not None)
        self.assertTrue(os.path.ismount(self.mounted))

    def unmount(self) -> None:
        """Unmount it once no program uses it: git leaves one in the background."""
        unmount = [program("fusermount3"), "-u", self.mounted]
        wait_until(lambda: self.mount.poll() is not None or not subprocess.run(unmount, timeout=WITHIN).returncode)
        self.mount.wait(WITHIN)

    def at(self, name: str) -> str:
        """A path in the mounted folder."""
        return os.path.join(self.mounted, name)

    def test_size(self) -> None:
        """`df` sees the size of the disk, and what of it is free: both that of the server's to two digits."""
        seen, real = os.statvfs(self.mounted), os.statvfs(self.server.root)
        whole = (real.f_blocks - real.f_bfree + real.f_bavail) * real.f_frsize
        self.assertLess(abs(seen.f_blocks * seen.f_frsize - whole), whole / 20)
        self.assertLess(abs(seen.f_bavail * seen.f_frsize - real.f_bavail * real.f_frsize), whole / 10)
        self.assertLess(seen.f_bavail, seen.f_blocks)

    def test_tar(self) -> None:
        """A tree is packed and unpacked in place, with its times and modes."""
        for number in range(50):
            path = self.local(f"tree/{number % 5}/{number}", b"x" * number)
            os.utime(path, (1_600_000_000 + number, 1_600_000_000 + number))
            os.chmod(path, 0o640 if number % 2 else 0o600)
        self.run_program("tar", "cf", self.at("a.tar"), "tree")
        self.run_program("tar", "xf", self.at("a.tar"), cwd=self.mounted)
        self.run_program("diff", "-r", "tree", self.at("tree"))
        for number in (7, 8):
            here, there = (os.stat(os.path.join(at, f"tree/{number % 5}/{number}")) for at in (self.here, self.mounted))
            self.assertEqual((there.st_mtime, there.st_mode), (here.st_mtime, here.st_mode))
        self.run_program("rm", "-r", self.at("tree"))
        wait_until(lambda: self.names() == ["a.tar"], self.names)

    def test_git(self) -> None:
        """A repository is made, filled, packed and checked."""
        git = ("git", "-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "safe.directory=*")
        repository = self.at("repository")
        self.run_program("git", "init", "-q", repository)
        for number in range(3):
            for name in range(10):
                with open(os.path.join(repository, f"{name}"), "w", encoding="utf-8") as file:
                    file.write(f"{name} {number}\n" * 50)
            self.run_program(*git, "add", ".", cwd=repository)
            self.run_program(*git, "commit", "-q", "-m", f"{number}", cwd=repository)
        self.run_program(*git, "gc", "-q", cwd=repository)
        self.run_program(*git, "fsck", "--strict", cwd=repository)
        self.assertEqual(self.run_program(*git, "status", "--porcelain", cwd=repository), "")
        self.assertEqual(len(self.run_program(*git, "log", "--format=%h", cwd=repository).split()), 3)
        stored = os.path.join(self.server.root, self.there, "repository")
        self.assertEqual(len(self.run_program(*git, "log", "--format=%h", cwd=stored).split()), 3)

    def test_sqlite(self) -> None:
        """A database takes transactions, of which others see the committed ones, and is whole afterwards."""
        path = self.at("a.db")
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE t (number INTEGER, text TEXT)")
        for number in range(5):
            with contextlib.closing(sqlite3.connect(path)) as database, database:
                database.executemany("INSERT INTO t VALUES (?, ?)", [(number, "x" * 100)] * 100)
        stored = os.path.join(self.server.root, self.there, "a.db")
        for where in (path, stored):
            said = self.run_program("sqlite3", where, "PRAGMA integrity_check; SELECT count(*), max(number) FROM t;")
            self.assertEqual(said.split(), ["ok", "500|4"])

    def test_in_place(self) -> None:
        """Bytes in the middle of a file are changed, appended and cut; others see it when it is closed."""
        with open(self.at("big"), "wb") as file:
            file.write(BIG)
        wait_until(lambda: self.names() == ["big"], self.names)
        patch = self.local("patch", b"PATCH" * 100)
        self.run_program("dd", f"if={patch}", f"of={self.at('big')}", "bs=1", "seek=300000", "conv=notrunc")
        changed = BIG[:300_000] + b"PATCH" * 100 + BIG[300_500:]
        wait_until(lambda: self.stored("big") == changed)
        with open(self.at("big"), "ab") as file:
            file.write(b"end")
            file.flush()
            self.assertEqual(os.stat(self.at("big")).st_size, len(BIG) + 3)
            self.assertEqual(len(self.stored("big")), len(BIG), "it is not closed yet")
        wait_until(lambda: self.stored("big") == changed + b"end")
        os.truncate(self.at("big"), 10)
        wait_until(lambda: self.stored("big") == BIG[:10])

    def test_read_back(self) -> None:
        """What one program writes another one reads at once, before and after it is closed."""
        with open(self.at("a"), "wb", buffering=0) as file:
            file.write(b"one")
            with open(self.at("a"), "rb") as reader:
                self.assertEqual(reader.read(), b"one")
            self.assertEqual(os.listdir(self.mounted), ["a"])
        with open(self.at("a"), "rb") as reader:
            self.assertEqual(reader.read(), b"one")
        os.rename(self.at("a"), self.at("b"))
        with open(self.at("b"), "rb") as reader:
            self.assertEqual(reader.read(), b"one")
        os.remove(self.at("b"))
        self.assertEqual(os.listdir(self.mounted), [])
