"""Fetching files, against a real server and with faults of the local disk."""

from __future__ import annotations

import errno
import os
import stat
from unittest import mock

from twisted.internet.defer import Deferred

from homeftp.client import (
    ConnectionFailed,
    Outcome,
    TransferContext,
    TransferOptions,
)
from homeftp.client.files.write import DownloadTarget
from homeftp.client.plan.get import get
from homeftp.endpoint import RESERVED_PREFIX
from homeftp.errors import (
    OperatorError,
)
from homeftp.syscalls import System
from homeftp.testing.memorylink import BUFFER_SIZE
from homeftp.workers import InlineWorkers
from tests.support.transfers import BIG, NEW, OLD, TransferCase, stamp, tree


class LocalTests(TransferCase):
    """What is in the way locally, and what the disk refuses."""

    def test_kinds_in_the_way(self) -> None:
        """A file does not replace a folder, nor a folder a file; the rest is fetched."""
        self.make_file("lib/a", b"a file")
        self.make_file("lib/b/inner", b"in a folder")
        self.make_remote_file("lib/a/inner")
        self.make_remote_file("lib/b")
        self.make_remote_file("lib/c")
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(self.outcomes()["a/inner"], Outcome.FAILED)
        self.assertEqual(self.outcomes()["b"], Outcome.FAILED)
        self.assertEqual(self.outcomes()["c"], Outcome.NEW)
        self.assertEqual(tree(self.here)["lib/a"], b"a file")

    def test_links_and_devices(self) -> None:
        """A link of that name stays unless --force replaces it; a pipe or device always stays. Both say what to do."""
        self.make_remote_file("a")
        self.make_file("kept")
        os.symlink("kept", f"{self.here}/a")
        self.get("a", f"{self.here}/a")
        ((reason, outcome),) = {(each.reason, each.outcome) for each in self.results}
        self.assertEqual(outcome, Outcome.FAILED)
        self.assertIn("there is a symbolic link of that name here. Use --force to replace the link", reason)
        self.get("a", f"{self.here}/a", force=True)
        self.assertFalse(os.path.islink(f"{self.here}/a"))
        self.make_remote_file("pipe")
        os.mkfifo(f"{self.here}/pipe")
        for force in (False, True):
            self.get("pipe", f"{self.here}/pipe", force=force)
            self.assertIn("homeftp get NAME:PATH - > FILE", self.results[0].reason)
            self.assertTrue(stat.S_ISFIFO(os.lstat(f"{self.here}/pipe").st_mode))

    def test_modes_of_folders(self) -> None:
        """A folder that exists keeps its mode, unless that is asked for; a new one gets the server's."""
        for name in ("shared", "new"):
            self.make_remote_file(f"lib/{name}/a")
            os.chmod(f"{self.server.root}/lib/{name}", 0o750)
        shared = f"{self.here}/lib/shared"
        os.makedirs(shared)
        os.chmod(shared, 0o775)
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual((stamp(shared)[1], stamp(f"{self.here}/lib/new")[1]), (0o775, 0o750))
        self.get("lib", f"{self.here}/lib", recursive=True, perms=True)
        self.assertEqual(stamp(shared)[1], 0o750)

    def test_cut_short(self) -> None:
        """Where a transfer is cut short, its new folders have the server's modes; their owner may write into them."""
        for name, mode in (("shared", 0o775), ("readable", 0o555)):
            self.make_remote_file(f"lib/{name}/a")
            os.chmod(f"{self.server.root}/lib/{name}", mode)
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with mock.patch.object(DownloadTarget, "write_many", side_effect=full), self.assertRaises(OperatorError):
            self.get("lib", f"{self.here}/lib", recursive=True)
        modes = [stamp(f"{self.here}/lib/{name}")[1] for name in ("shared", "readable")]
        self.assertEqual(modes, [0o775, 0o755])
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(tree(self.here), {"lib/shared/a": b"content", "lib/readable/a": b"content"})

    def test_disk_full(self) -> None:
        """A full disk ends the transfer with a message; the old file stays and no other, large or small."""
        for content in (BIG, b"new"):
            self.make_remote_file("a", content, mtime=NEW)
            path = self.make_file("a", b"old", mtime=OLD)
            self.context = TransferContext(InlineWorkers(), BrokenDisk(errno.ENOSPC))
            with self.assertRaisesRegex(OperatorError, "a cannot be written: No space left"):
                self.get("a", path)
            self.assertEqual(tree(self.here), {"a": b"old"})

    def test_disk_failure(self) -> None:
        """A file that cannot be written for another reason fails, large or small; the connection can still be used."""
        self.make_remote_file("lib/big", BIG)
        self.make_remote_file("lib/small", b"new")
        self.context = TransferContext(InlineWorkers(), BrokenDisk(errno.EIO))
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(
            {name: outcome for name, outcome in self.outcomes().items() if name},
            {"big": Outcome.FAILED, "small": Outcome.FAILED},
        )
        self.assertEqual(tree(self.here), {})
        self.run_work(self.client.hello())

    def test_unreadable(self) -> None:
        """A local file that cannot be read is left, with what to do about it; --force replaces it unseen."""
        self.make_remote_file("a", b"new", mtime=NEW)
        path = self.make_file("a", b"old", mtime=OLD)
        denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with mock.patch("homeftp.client.files.read.open_regular", side_effect=denied):
            self.get("a", path)
            self.assertEqual((self.results[0].outcome, tree(self.here)), (Outcome.FAILED, {"a": b"old"}))
            self.assertIn("use --force", self.results[0].reason)
            self.get("a", path, force=True)
        self.assertEqual((self.results[0].outcome, tree(self.here)), (Outcome.REPLACED, {"a": b"new"}))

    def test_link_in_the_way(self) -> None:
        """A file whose folder is a link fails, and the rest is fetched."""
        self.make_remote_file("lib/x/big", BIG)
        self.make_remote_file("lib/y", b"small")
        os.makedirs(f"{self.here}/out")
        os.symlink("/", f"{self.here}/out/x")
        self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(self.outcomes()["x/big"], Outcome.FAILED)
        self.assertEqual(self.outcomes()["y"], Outcome.NEW)


class ConnectionTests(TransferCase):
    """A lost connection."""

    def test_lost(self) -> None:
        """It ends the transfer with the reason; no temporary file is left."""
        for number in range(20):
            self.make_remote_file(f"lib/{number}", BIG if number == 5 else b"small")
        getting = Deferred.fromCoroutine(
            get(
                self.client, self.context, ["lib"], f"{self.here}/out", TransferOptions(recursive=True), self.observer()
            )
        )
        for _ in range(40):
            self.server.clock.advance(0)
            self.wire._deliver(self.wire.near, self.wire.far, 0)
            if any(f"/{RESERVED_PREFIX}" in name for name in tree(self.here)):
                break
            self.far_part()
        else:
            self.fail("the large file never began")
        self.assertNoResult(getting)
        self.wire.cut()
        self.failureResultOf(getting, ConnectionFailed)
        for content in tree(f"{self.here}/out").values():
            self.assertEqual(content, b"small")

    def far_part(self) -> None:
        """Deliver some of what the server has sent."""
        data = self.wire.far.take()
        if data:
            self.wire.near.protocol.dataReceived(data[:BUFFER_SIZE])
        self.wire.far.outgoing = data[BUFFER_SIZE:] + self.wire.far.outgoing
        if self.wire.far.producer is not None:
            self.wire.far.producer.resumeProducing()


class BrokenDisk(System):
    """A disk on which every write fails."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, fd: int, data: bytes | memoryview) -> int:
        raise OSError(self._number, os.strerror(self._number))
