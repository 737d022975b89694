"""Disks that keep less of times and modes than the other side: nothing is sent twice."""

from __future__ import annotations

import os
from typing import Any

import attrs

from homeftp.client import Outcome, TransferContext
from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.coarsedisks import AnothersFiles, CoarseDisk
from tests.support.transfers import TransferCase

ODD = 1_714_560_001
"""An odd second, with which a file is not kept on FAT."""


class CoarseCase(TransferCase):
    """A tree `lib` with a file and a folder in it; `notices` are what is said of the whole transfer."""

    extra = (SetstatDispatcher(),)
    disk: type[System] = System
    """The kind of disk that the server has."""

    def setUp(self) -> None:
        super().setUp()
        self.make_file("lib/d/a", mtime=ODD, mode=0o640)
        os.utime(f"{self.here}/lib/d", (ODD, ODD))
        self.notices: list[str] = []

    def observer(self) -> Any:
        observer = super().observer()
        self.notices = []
        observer.on_notice = self.notices.append
        return observer

    def local_disk(self, system: System) -> None:
        """The client's files are on another disk from now on."""
        self.context = TransferContext(InlineWorkers(), system)

    def assert_same(self, local: str) -> None:
        """All commands find both sides the same, and say nothing."""
        for transfer in (self.push, self.get):
            paths = (local, "lib") if transfer == self.push else ("lib", local)
            observer = transfer(*paths, recursive=True)
            self.assertEqual((dict(observer.counts), self.notices), ({Outcome.SAME: 1}, []), transfer)
        self.assertEqual(dict(self.cmp(local, "lib", perms=True).counts), {Outcome.SAME: 1})


class LocalDiskTests(CoarseCase):
    """The local disk keeps no modes, and every other second."""

    def test_round_trip(self) -> None:
        """What was got to such a disk is the same as on the server, and pushing it changes nothing there."""
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.local_disk(CoarseDisk())
        self.get("lib", f"{self.here}/copy", recursive=True)
        self.assertEqual(self.notices, [], "that a disk has no modes needs not be said")
        self.assertEqual(os.stat(f"{self.here}/copy/d/a").st_mtime, ODD - 1, "the control: the disk rounds")
        self.assert_same(f"{self.here}/copy")
        self.assertEqual(os.stat(f"{self.server.root}/lib/d/a").st_mode & 0o777, 0o640)

    def test_changed_there(self) -> None:
        """A time that differs by more than the disk rounds is still another one."""
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.local_disk(CoarseDisk())
        os.utime(f"{self.here}/lib/d/a", (ODD + 2, ODD + 2))
        self.assertEqual(self.cmp(f"{self.here}/lib", "lib").counts[Outcome.DIFFERS], 1)

    def test_modes_are_not_sent(self) -> None:
        """A mode that only the disk makes up is not given to a file on the server."""
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.local_disk(CoarseDisk())
        self.make_file("lib/d/a", b"changed", mtime=ODD + 10, mode=0o777)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(os.stat(f"{self.server.root}/lib/d/a").st_mode & 0o777, 0o640)

    def test_range(self) -> None:
        """A time that the local disk does not keep becomes the nearest one; that is said once, and is the same then."""
        self.make_remote_file("lib/a", mtime=9_000_000_000)
        self.local_disk(CoarseDisk())
        self.get("lib", f"{self.here}/copy", recursive=True)
        self.assertEqual(os.stat(f"{self.here}/copy/a").st_mtime, 4_354_819_198)
        self.assertEqual(len(self.notices), 1)
        self.assertIn("a: the time or mode could not be set on this machine", self.notices[0])
        self.assert_same(f"{self.here}/copy")

    def test_exact(self) -> None:
        """The control: on a disk that keeps everything each difference counts."""
        self.push(f"{self.here}/lib", "lib", recursive=True)
        os.utime(f"{self.here}/lib/d/a", (ODD - 1, ODD - 1))
        self.assertEqual(self.cmp(f"{self.here}/lib", "lib").counts[Outcome.DIFFERS], 1)


class ServerDiskTests(CoarseCase):
    """The server's disk keeps no modes, and every other second."""

    disk: type[System] = CoarseDisk

    def setUp(self) -> None:
        super().setUp()
        self.server.store.close()
        store = LocalStore(self.server.root, HashCache(None), system=self.disk())
        self.addCleanup(store.close)
        self.swap(store)

    def swap(self, store: LocalStore) -> None:
        """Serve a store instead of the one that the server was made with."""
        vars(self.server.store).update(vars(store))

    def test_round_trip(self) -> None:
        """What was pushed to such a disk is the same; a copy that is got from there has the modes of new files."""
        self.context = attrs.evolve(self.context, umask=0o022)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.notices, [])
        self.assert_same(f"{self.here}/lib")
        self.get("lib", f"{self.here}/copy", recursive=True)
        self.assertEqual(os.stat(f"{self.here}/copy/d/a").st_mode & 0o777, 0o644)
        self.assertEqual(os.stat(f"{self.here}/copy/d").st_mode & 0o777, 0o755)
        self.assert_same(f"{self.here}/copy")
        self.make_remote_file("lib/d/a", b"changed", mtime=ODD + 11)
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(os.stat(f"{self.here}/lib/d/a").st_mode & 0o777, 0o640, "it replaced a file with that mode")

    def test_umask(self) -> None:
        """New files and folders lack the bits of the context's umask; that of the process is not set."""
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.context = attrs.evolve(self.context, umask=0o027)
        self.patch(os, "umask", lambda mask: self.fail("the umask was set"))
        self.get("lib", f"{self.here}/copy", recursive=True)
        modes = [os.stat(f"{self.here}/copy/{name}").st_mode & 0o777 for name in ("d", "d/a")]
        self.assertEqual(modes, [0o750, 0o640])

    def test_range(self) -> None:
        """A time that the disk does not keep becomes the nearest one; that is said once, and is the same then."""
        os.utime(f"{self.here}/lib/d/a", (-5_000_000_000, -5_000_000_000))
        self.make_file("lib/b", mtime=9_000_000_000)
        observer = self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(observer.counts[Outcome.NEW], 4)
        self.assertEqual(len(self.notices), 1, self.notices)
        self.assertIn(" and 1 other: the time or mode could not be set on the server", self.notices[0])
        self.assertEqual(os.stat(f"{self.server.root}/lib/d/a").st_mtime, 315_532_800)
        self.assertEqual(self.push(f"{self.here}/lib", "lib", recursive=True).counts, {Outcome.SAME: 2})
        self.assertEqual(self.cmp(f"{self.here}/lib", "lib").counts, {Outcome.SAME: 2})
        self.assertEqual(self.notices, [])


class OtherUserTests(ServerDiskTests):
    """The server's files and folders belong to another user than the server's."""

    disk = AnothersFiles

    def test_range(self) -> None:
        """What the server may not set is said once, and is no failure."""
        self.make_remote_file("lib/d/a", mtime=ODD + 60)
        os.chmod(f"{self.server.root}/lib/d/a", 0o600)
        for _ in range(2):
            observer = self.push(f"{self.here}/lib", "lib", recursive=True)
            self.assertEqual(dict(observer.counts), {Outcome.SAME: 1})

    def test_round_trip(self) -> None:
        """New files are stored although their time and mode cannot be set."""
        observer = self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(dict(observer.counts), {Outcome.NEW: 3})
