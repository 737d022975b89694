"""Our own folder: locked, nobody else's, and missing where a root can only be read."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from functools import partial

from homeftp.endpoint import parse
from homeftp.errors import Forbidden, OperatorError
from homeftp.store.local.disk.metadir import MetadataDir, ReadOnlyRoot
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.syscalls import System
from tests.support import needs
from tests.support.stores import StoreCase, put_of


class FolderTests(StoreCase):
    """Who has the folder."""

    def refused(self) -> str:
        """What keeps the root from being shared."""
        with self.assertRaises(OperatorError) as caught:
            self.store()
        message = str(caught.exception)
        self.assertIn(self.root, message)
        self.assertNotIn("\n", message)
        return message

    def test_made(self) -> None:
        """The folder is made for its owner alone, also where it was open before."""
        os.mkdir(self.path(".homeftp"), 0o777)
        self.store()
        for name in (".homeftp", ".homeftp/incoming", ".homeftp/partial", ".homeftp/versions"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o700)

    def test_not_usable(self) -> None:
        """Where our folder cannot be used nothing is shared, and one line says why."""

        class Full(SafeRoot):
            def open_private_directory(self, parent: int, name: bytes) -> int:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        root = Full(self.root, System())
        self.addCleanup(root.close)
        with self.assertRaisesRegex(OperatorError, "cannot share .*: its folder .homeftp.*No space left on device"):
            MetadataDir(root, self.root)

    def test_two_servers(self) -> None:
        """A root has one server: the second is told of the first, and takes nothing from it."""
        store = self.store()
        upload = store.upload(put_of("large", b"x" * 10)[0])
        upload.write(b"x" * 5)
        self.assertIn("another homeftp server", self.refused())
        upload.write(b"x" * 5)
        self.assertEqual(upload.commit().size, 10)

    def test_lock_ends_with_the_process(self) -> None:
        """A server that was killed leaves no lock behind."""
        code = (
            "import os, sys, signal\n"
            "from homeftp.hashing.hashcache import HashCache\n"
            "from homeftp.store.local.store import LocalStore\n"
            "from homeftp.model import WriteRequest\n"
            "from homeftp.endpoint import parse\n"
            "share = LocalStore(sys.argv[1], HashCache(sys.argv[2]))\n"
            "share.upload(WriteRequest(endpoint=parse('large'), size=10)).write(b'x' * 5)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        state = os.path.join(os.path.dirname(self.root), "killed.sqlite")
        ended = subprocess.run([sys.executable, "-c", code, self.root, state], check=False, env=_environment())
        self.assertEqual(ended.returncode, -9)
        self.assertEqual(len(self.left()), 1, "the control: there is an orphan")
        self.store()
        self.assertEqual(self.left(), [])

    def test_planted_links(self) -> None:
        """B3: a link in the place of our folder, or of a part of it, is not followed."""
        for name in ("", "incoming", "partial", "versions", "lock"):
            if name:
                os.mkdir(self.path(".homeftp"))
            os.symlink(self.outside, self.path(f".homeftp/{name}".rstrip("/")))
            self.refused()
            self.assertEqual(os.listdir(self.outside), ["secret.txt"])
            os.rename(self.path(".homeftp"), self.path(f"link as {name}"))
        self.store()

    def test_file_in_its_place(self) -> None:
        """A file in the place of our folder keeps the server from starting, with one line."""
        self.lay(".homeftp")
        self.assertIn(".homeftp", self.refused())

    def test_nothing_is_lost(self) -> None:
        """A start that fails closes what it opened."""
        self.store()
        before = len(os.listdir("/dev/fd"))
        self.refused()
        self.assertEqual(len(os.listdir("/dev/fd")), before)


class ReadOnlyTests(StoreCase):
    """A root that cannot be written is served to be read."""

    def test_not_writable(self) -> None:
        """What keeps it from being written is said, with what to do about it."""

        class Closed(SafeRoot):
            number = 0

            def open_private_directory(self, parent: int, name: bytes) -> int:
                raise OSError(self.number, os.strerror(self.number))

        root = Closed(self.root, System())
        self.addCleanup(root.close)
        for number, remedy in (
            (errno.EROFS, "is mounted read-only: mount it writable"),
            (errno.EACCES, "may not write to it: give it the folder with chown"),
            (errno.EPERM, "may not write to it: give it the folder with chown"),
        ):
            root.number = number
            with self.assertRaisesRegex(ReadOnlyRoot, remedy):
                MetadataDir(root, self.root)

    def mounted(self, *options: str) -> None:
        """Another disk is the root."""
        needs.root()
        mount, umount = needs.program("mount"), needs.program("umount")
        subprocess.run([mount, "-t", "tmpfs", *options, "tmpfs", self.root], check=True)
        self.addCleanup(subprocess.run, [umount, "--lazy", self.root], check=True)

    def test_read_only(self) -> None:
        """On a disk that is mounted read-only everything can be read, and what would change something says why not."""
        for there_before in (False, True):
            self.mounted()
            self.lay("file.txt", b"content")
            if there_before:
                store = self.store()
                self.assertIsNone(store.read_only, "the control")
                self.put(store, "other.txt", b"other")
                store.close()
            subprocess.run([needs.program("mount"), "-o", "remount,ro", self.root], check=True)
            store = self.store()
            self.assertIn("mount it writable", str(store.read_only))
            file = store.open(parse("file.txt"))
            self.assertEqual(file.read(0, 100), b"content")
            file.close()
            self.assertIn("file.txt", [entry.name for page in store.list(parse(""), True) for entry in page.entries])
            put, content = put_of("new.txt", b"new")
            for change in (
                partial(store.upload, put),
                partial(store.write_many, [(put, content)]),
                partial(store.make_directory, put_of("folder", b"")[0]),
                partial(store.restore, parse("file.txt"), None, None),
                partial(store.versions, parse("")),
            ):
                with self.assertRaisesRegex(Forbidden, "read-only: .*mount it writable"):
                    change()
            store.maintain()
            store.close()


def _environment() -> dict[str, str]:
    """For a program that imports what this one imports."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
