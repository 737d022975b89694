"""Sending files, against a real server and with faults of the local disk."""

from __future__ import annotations

import os
from typing import Any, TypeVar
from unittest import mock

from msgspec import structs
from twisted.internet.defer import Deferred

from homeftp.client import (
    ConnectionFailed,
    Outcome,
    Selection,
    TransferOptions,
)
from homeftp.client.files.read import read_many
from homeftp.client.plan.push import push
from homeftp.config import SMALL_FILE
from homeftp.dispatchers import push as push_dispatcher
from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.hashing import filehash
from homeftp.model import Entry
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

    def test_grown(self) -> None:
        """Files that have become too large for a batch since they were listed are sent as they are now."""
        grown = {"a": SMALL_FILE + 1, "b": SMALL_FILE * 2, "c": SMALL_FILE}
        for name in grown:
            self.make_file(f"lib/{name}", b"small")
        original = self.context.workers.run

        def run(job: Any, *arguments: Any) -> Any:
            if job is read_many:
                for name, size in grown.items():
                    self.make_file(f"lib/{name}", bytes(size))
            return original(job, *arguments)

        self.patch(InlineWorkers, "run", lambda self, *job: run(*job))
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.outcomes(), dict.fromkeys(["", *grown], Outcome.NEW))
        self.assertEqual(self.remote_files(), {f"lib/{name}": bytes(size) for name, size in grown.items()})

    def test_other_content_stored(self) -> None:
        """A server that says that it stored another content is not believed."""
        original = messages.entry_body

        def entry_body(entry: Entry) -> dict[str, Any]:
            return {**original(entry), "hash": filehash.hash_bytes(b"another")}

        for content in (bytes(SMALL_FILE + 1), BIG):
            path = self.make_file("a", content)
            for lies, outcome in ((True, Outcome.CORRUPT), (False, Outcome.NEW)):
                if lies:
                    patched = self.patch(push_dispatcher, "entry_body", entry_body)
                self.push(path, f"a{len(content)}{lies}")
                patched.restore()
                self.assertEqual([result.outcome for result in self.results], [outcome])


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
        self.client.server_info = structs.replace(self.client.server_info, request_types=["CMP", "GET", "PUSH"])
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
