"""Sending files, against a real server and with faults of the local disk."""

from __future__ import annotations

import errno
import os
from typing import Any, Callable, TypeVar
from unittest import mock

import attrs
from twisted.internet.defer import Deferred

from homeftp.client import (
    ConnectionFailed,
    FileResult,
    Outcome,
    Selection,
    TransferContext,
    TransferOptions,
)
from homeftp.client.files.read import read_many
from homeftp.client.files.source import SourceFile
from homeftp.client.plan.push import push
from homeftp.config import STREAM_PIECE
from homeftp.dispatchers import push as push_dispatcher
from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry
from homeftp.syscalls import System
from homeftp.wire import messages
from homeftp.workers import InlineWorkers
from tests.support.transfers import BIG, NEW, OLD, TransferCase, stamp

T = TypeVar("T")


class ExcludedTests(TransferCase):
    """Files that cannot be sent."""

    def test_kinds_and_names(self) -> None:
        """Links and FIFOs are skipped, illegal names fail, each with a reason; the rest is sent."""
        self.make_file("lib/a")
        os.symlink("a", f"{self.here}/lib/link")
        os.symlink("/", f"{self.here}/lib/top")
        os.mkfifo(f"{self.here}/lib/fifo")
        os.mkfifo(f"{self.here}/lib/fifo?")
        os.symlink("a", f"{self.here}/lib/link?")
        self.make_file("lib/what?")
        self.make_file("lib/aux.txt")
        self.make_file("lib/why?/a")
        os.close(os.open(os.fsencode(f"{self.here}/lib/") + b"\xff", os.O_CREAT))
        observer = self.push(f"{self.here}/lib", "lib", recursive=True, selection=Selection(strict_names=True))
        self.assertEqual(self.remote_files(), {"lib/a": b"content"})
        self.assertEqual(observer.counts, {Outcome.SKIPPED: 5, Outcome.FAILED: 4, Outcome.NEW: 2})
        self.assertTrue(all(result.reason for result in self.results if result.outcome is not Outcome.NEW))
        failed = [name for name, outcome in self.outcomes().items() if outcome is Outcome.FAILED]
        self.assertEqual(failed, ["aux.txt", "what?", "why?", "\udcff"])

    def test_kinds_in_the_way(self) -> None:
        """A file does not replace a folder, nor a folder a file; the rest is sent."""
        self.make_remote_file("lib/a/inner")
        self.make_remote_file("lib/b")
        self.make_file("lib/a", b"a file")
        self.make_file("lib/b/inner", b"in a folder")
        self.make_file("lib/c", b"fine")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.outcomes()["a"], Outcome.REFUSED)
        self.assertEqual(self.outcomes()["b/inner"], Outcome.REFUSED)
        self.assertEqual(self.outcomes()["c"], Outcome.NEW)
        self.assertEqual(self.remote_files()["lib/b"], b"content")

    def test_unreadable(self) -> None:
        """A file that vanishes fails, and the rest is sent."""
        self.make_file("lib/a")
        self.make_file("lib/gone")
        self.make_file("lib/z-big", BIG)
        original = self.context.workers.run

        def run(job: Any, *arguments: Any) -> Any:
            if job is read_many:
                os.unlink(f"{self.here}/lib/gone")
            return original(job, *arguments)

        self.patch(InlineWorkers, "run", lambda self, *job: run(*job))
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(
            {name: outcome for name, outcome in self.outcomes().items() if name},
            {"a": Outcome.NEW, "gone": Outcome.FAILED, "z-big": Outcome.NEW},
        )

    def test_other_content_stored(self) -> None:
        """A server that says that it stored another content is not believed."""
        original = messages.entry_body

        def entry_body(entry: Entry) -> dict[str, Any]:
            return {**original(entry), "hash": filehash.hash_bytes(b"another")}

        for content in (b"small", BIG):
            path = self.make_file("a", content)
            for lies, outcome in ((True, Outcome.CORRUPT), (False, Outcome.NEW)):
                if lies:
                    patched = self.patch(push_dispatcher, "entry_body", entry_body)
                self.push(path, f"a{len(content)}{lies}")
                patched.restore()
                self.assertEqual([result.outcome for result in self.results], [outcome])


class LargeTests(TransferCase):
    """Large files."""

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
                self.assertEqual("it grew while it was read" in reason, change is longer, reason)
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
        cache = HashCache(os.path.join(self.mktemp()))
        self.addCleanup(cache.close)
        self.context = TransferContext(InlineWorkers(), System(), cache)
        path = self.make_file("big", BIG)
        self.push(path, "big")
        known = cache.lookup(os.path.realpath(self.here), {"big": os.stat(path)})
        self.assertEqual(known, {"big": filehash.hash_bytes(BIG)})


class MetadataTests(TransferCase):
    """Files of which only time or mode differ, at a server with SETSTAT and at one without."""

    extra = (SetstatDispatcher(),)

    def changed(self) -> list[str]:
        """The requests by which time and mode of a file with the same content cross; they are then the same."""
        self.make_file("a", BIG, mtime=OLD)
        self.push(f"{self.here}/a", "a")
        self.make_file("a", BIG, mtime=NEW, mode=0o600)
        request = self.client.protocol.request
        with mock.patch.object(self.client.protocol, "request", side_effect=request) as requests:
            observer = self.push(f"{self.here}/a", "a")
        self.assertEqual(
            (observer.counts, stamp(f"{self.server.root}/a")), ({Outcome.METADATA: 1}, (NEW * 10**6, 0o600))
        )
        return [call.args[1] for call in requests.call_args_list if call.args[1] in ("PUSH", "SETSTAT")]

    def test_alone(self) -> None:
        """They cross without the content."""
        self.assertEqual(self.changed(), ["SETSTAT"])

    def test_older_server(self) -> None:
        """A server that has no such request gets the content with them."""
        self.client.server_info = attrs.evolve(self.client.server_info, request_types=["CMP", "GET", "PUSH"])
        self.assertEqual(self.changed(), ["PUSH"])

    def test_changed_meanwhile(self) -> None:
        """A file that somebody else replaced since it was compared keeps their time and mode."""
        self.make_file("a", b"one", mtime=OLD)
        self.push(f"{self.here}/a", "a")
        os.utime(f"{self.here}/a", (NEW, NEW))
        set_metadata = self.client.set_metadata

        async def late(*arguments: Any, **options: Any) -> Entry:
            self.make_remote_file("a", b"two", mtime=OLD + 1)
            return await set_metadata(*arguments, **options)

        with mock.patch.object(self.client, "set_metadata", late):
            observer = self.push(f"{self.here}/a", "a")
        self.assertEqual(
            (observer.counts, stamp(f"{self.server.root}/a")[0]), ({Outcome.REFUSED: 1}, (OLD + 1) * 10**6)
        )


class ConnectionTests(TransferCase):
    """A lost connection."""

    def test_lost(self) -> None:
        """It ends the transfer with the reason; no file is stored in part."""
        for number in range(500):
            self.make_file(f"lib/{number}", BIG if number == 250 else b"small")
        pushing = Deferred.fromCoroutine(
            push(
                self.client, self.context, [f"{self.here}/lib"], "lib", TransferOptions(recursive=True), self.observer()
            )
        )
        for _ in range(6):
            self.server.clock.advance(0)
            self.wire._deliver(self.wire.near, self.wire.far, 0)
            self.wire._deliver(self.wire.far, self.wire.near, 0)
        self.assertNoResult(pushing)
        self.wire.cut()
        self.failureResultOf(pushing, ConnectionFailed)
        for name, content in self.remote_files().items():
            self.assertEqual(content, BIG if name == "lib/250" else b"small")


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
