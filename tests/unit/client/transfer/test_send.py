"""Sending one file: a large one, one that changes meanwhile, and one that somebody else stores meanwhile."""

from __future__ import annotations

import errno
import os
from typing import Any, Callable, TypeVar
from unittest import mock

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from homeftp.client import (
    FileResult,
    Outcome,
    TransferContext,
)
from homeftp.client.files.read import read_many
from homeftp.client.files.source import SourceFile
from homeftp.client.plan import push
from homeftp.config import MIB, STREAM_PIECE
from homeftp.errors import ShuttingDown
from homeftp.hashing import filehash
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.reconnects import ReconnectCase
from tests.support.transfers import BIG, NEW, TransferCase

T = TypeVar("T")


class LargeTests(TransferCase):
    """Large files."""

    def test_started(self) -> None:
        """The name of a large file is told when its content begins to be sent, and when it begins to be fetched."""
        for name, content in (("folder/big", BIG), ("folder/small", b"content")):
            self.make_file(name, content)
        self.push(f"{self.here}/folder", "folder", recursive=True)
        self.assertEqual((self.started, set(self.outcomes())), (["big"], {"", "big", "small"}))
        self.get("folder", f"{self.here}/back", recursive=True)
        self.assertEqual((self.started, set(self.outcomes())), (["big"], {"", "big", "small"}))

    def test_changed_while_sent(self) -> None:
        """A file that changes while it is sent fails, and the server keeps the old one. The controls: it does not.

        Of a file that only grows, as logs do, what it held is stored, and the result says so.
        """

        def longer(path: str) -> None:
            with open(path, "ab") as file:
                file.write(b"more")

        def other(path: str) -> None:
            with open(path, "r+b") as file:
                file.write(b"other")

        changes: tuple[Callable[[str], object], ...] = (other, lambda path: os.truncate(path, STREAM_PIECE + 1))
        for change in (None, longer, *changes):
            path = self.make_file("lib/big", BIG)
            self.make_file("lib/small")
            self.make_remote_file("lib/big", b"old")
            reads = 0
            original = SourceFile.read

            def read(file: SourceFile, original: Any = original, change: Any = change, path: str = path) -> Any:
                nonlocal reads
                reads += 1
                if reads == 2 and change is not None:
                    change(path)
                return original(file)

            with self.subTest(change=change):
                patched = self.patch(SourceFile, "read", read)
                self.push(f"{self.here}/lib", "lib", recursive=True, force=True)
                patched.restore()
                self.assertGreater(reads, 2)
                changed = change in changes
                (reason,) = [result.reason for result in self.results if result.name == "big"]
                self.assertEqual("it grew while being read" in reason, change is longer, reason)
                self.assertEqual(self.outcomes()["big"], Outcome.FAILED if changed else Outcome.REPLACED)
                self.assertIn(self.outcomes()["small"], (Outcome.NEW, Outcome.SAME))
                self.assertEqual(self.remote_files()["lib/big"], b"old" if changed else BIG)
        self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "incoming")), [])

    def test_broken_disk(self) -> None:
        """A file that cannot be read to its end fails with the reason, and nothing of it is stored."""
        path = self.make_file("big", BIG)
        original = filehash.read_at

        def read_at(fd: int, offset: int, length: int) -> bytes:
            if offset:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return original(fd, offset, length)

        self.patch(filehash, "read_at", read_at)
        self.push(path, "big")
        (result,) = self.results
        self.assertEqual((result.outcome, result.reason), (Outcome.FAILED, "cannot be read: Input/output error"))
        self.assertEqual(self.remote_files(), {})

    def read(self, there: bytes | None) -> int:
        """How many bytes are read here to push a large file to where `there` is."""
        path = self.make_file("big", BIG)
        if there is not None:
            self.run_work(self.client.push("big", there, meta_data=[("mtime_us", 1)]))
            self.have_seen("big", there)
        took = 0
        here = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, here)
        original = filehash.read_at

        def read_at(fd: int, offset: int, length: int) -> bytes:
            nonlocal took
            data = original(fd, offset, length)
            took += len(data) * os.path.sameopenfile(fd, here)
            return data

        patched = self.patch(filehash, "read_at", read_at)
        self.push(path, "big")
        patched.restore()
        self.assertEqual(self.remote_files(), {"big": BIG})
        return took

    def test_read_once(self) -> None:
        """A file that is sent anyway is hashed while it is sent. The control: one that may be the same, before."""
        self.assertEqual(self.read(None), len(BIG))
        self.assertEqual(self.read(b"shorter"), len(BIG))
        self.assertEqual(self.read(BIG[:-1] + b"?"), 2 * len(BIG))

    def test_hash_cached(self) -> None:
        """The hash that was computed while it was sent is cached."""
        cache = self.new_cache()
        path = self.make_file("big", BIG)
        self.push(path, "big")
        known = cache.lookup(os.path.realpath(self.here), {"big": os.stat(path)})
        self.assertEqual(known, {"big": filehash.hash_bytes(BIG)})


class _Meanwhile(InlineWorkers):
    """Lets something happen right after the server was asked what it has, before the first file is read."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run it."""
        act = self._act
        if job in (read_many, SourceFile) and act is not None:
            self._act = None
            act()
        return super().run(job, *args)


class SameMeanwhileTests(TransferCase):
    """Another push stores the same file while this one is under way."""

    def pushed(self, content: bytes, there: bytes, mtime: int) -> FileResult:
        """The result, where the server got a file meanwhile."""
        self.setUp()
        path = self.make_file("file", content, mtime=mtime)
        self.context = TransferContext(_Meanwhile(lambda: self.make_remote_file("file", there, mtime=mtime)), System())
        self.push(path, "file")
        (result,) = self.results
        self.assertEqual(self.remote_files(), {"file": there})
        return result

    def test_same(self) -> None:
        """What is there already as it was to be is the same, for small files and large ones."""
        for content in (b"content", b"", BIG):
            self.assertEqual(self.pushed(content, content, NEW).outcome, Outcome.SAME)

    def test_other(self) -> None:
        """The control: another content is not replaced."""
        for content in (b"content", BIG):
            result = self.pushed(content, content[:-1] + b"!", NEW)
            self.assertEqual(result.outcome, Outcome.CONFLICT)


class RestartTests(ReconnectCase):
    """A server that is restarted while it is asked about a file."""

    def restarting(self) -> Any:
        return mock.patch.object(self.client, "cmp", side_effect=[self.listed(), ShuttingDown("it restarts")])

    def listed(self) -> Any:
        """What the server says of the target before anything is sent."""
        return self.run_work(self.client.cmp("file"))

    def test_large(self) -> None:
        """It has refused nothing: a large file is sent over a new connection."""
        path = self.make_file("file", BIG)
        with self.restarting():
            self.push(path, "file")
        self.assertEqual(self.outcomes(), {"file": Outcome.NEW})
        self.assertEqual((self.remote_files(), len(self.wires)), ({"file": BIG}, 2), "with the control")

    def test_compared_again(self) -> None:
        """Nor has it refused a file that it is asked about again: that is the same over the new connection."""
        path = self.make_file("file", b"content", mtime=NEW)
        reconnector = self.reconnector
        act = _Meanwhile(lambda: self.make_remote_file("file", b"content", mtime=NEW))
        self.context = TransferContext(act, System(), reconnector=reconnector)
        with self.restarting():
            self.push(path, "file")
        self.assertEqual(self.outcomes(), {"file": Outcome.SAME})
        self.assertEqual(len(self.wires), 2, "the control")


class _SlowDisk(InlineWorkers):
    """Each job ends when the clock goes on, so that the server has answered what was sent before it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run it later."""
        return deferLater(self._clock, 0, job, *args)


class RefusedTests(ReconnectCase):
    """A large file that the server refuses while it is sent."""

    def sent(self, size: int) -> tuple[int, int]:
        """Bytes that are sent, and connections, to push a file of that size, which is refused, and one that is not."""
        self.setUp()
        self.context = attrs.evolve(self.context, workers=_SlowDisk(self.server.clock))
        self.patch(push, "leave_out_refused", lambda *arguments: None)  # the client does not know it beforehand
        self.make_remote_file("folder/REFUSED", b"")
        os.truncate(self.make_file("folder/refused"), size)
        self.make_file("folder/stored", BIG)
        self.push(f"{self.here}/folder", "folder", recursive=True)
        self.assertEqual(self.outcomes(), {"refused": Outcome.REFUSED, "stored": Outcome.NEW})
        self.assertEqual(self.remote_files(), {"folder/REFUSED": b"", "folder/stored": BIG})
        self.assertEqual(self.messages, [], "nothing went wrong with the connection")
        return self.moved(), len(self.wires)

    def test_rest(self) -> None:
        """Its rest is not sent: another connection takes less time. The control: of a smaller one it is."""
        size = 12 * MIB
        sent, connections = self.sent(size)
        self.assertGreater(sent, size)
        self.assertEqual(connections, 1)
        sent, connections = self.sent(64 * MIB)
        self.assertLess(sent, 32 * MIB)
        self.assertEqual(connections, 2)
