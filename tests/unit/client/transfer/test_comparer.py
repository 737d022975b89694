"""Comparing many files at once, against a real server: what is read, what is asked, and the bounds of the window."""

from __future__ import annotations

import os
from typing import Any, Callable
from unittest import mock

from homeftp.client import Outcome
from homeftp.client.errors import ConnectionFailed
from homeftp.client.files.scan import scan
from homeftp.client.transfer.comparer import Comparer
from homeftp.client.transfer.model import FileTask
from homeftp.config import STREAM_PIECE
from homeftp.errors import ShuttingDown
from homeftp.files.files import Files
from homeftp.hashing import filehash
from homeftp.model import Entry
from tests.support.reconnects import ReconnectCase
from tests.support.transfers import BIG, TransferCase


class ComparerTests(TransferCase):
    """A comparer whose decisions release each task at once, unless a test says otherwise."""

    def setUp(self) -> None:
        super().setUp()
        self.decided: list[FileTask] = []
        self.holds = False

    def comparer(self, *, sends: bool = False, window: int = 100) -> Comparer:
        """A new comparer."""
        self.comparing = Comparer(
            self.client, self.context, lambda name: f"lib/{name}", self.decide, sends=sends, window=window
        )
        return self.comparing

    def decide(self, task: FileTask) -> None:
        """Take a decision."""
        self.decided.append(task)
        if not self.holds:
            self.comparing.release(task)

    def tasks(self, remote: dict[str, Entry]) -> list[FileTask]:
        """A task for each local file in `lib`, with what the server is said to have."""
        files = scan(f"{self.here}/lib").files
        return [FileTask(name, file, remote.get(name)) for name, file in files.items()]

    def run_all(self, comparer: Comparer, tasks: list[FileTask]) -> dict[str, FileTask]:
        """Compare all tasks, and give them by name."""
        running = comparer.run(iter(tasks))
        self.wire.pump()
        self.successResultOf(running)
        return {task.name: task for task in self.decided}

    def entry(self, name: str, content: bytes, *, hash: str | None = None, mtime: int = 1_700_000_000) -> Entry:
        """An entry that has the time and mode that `lay` gives a file."""
        return Entry(name, "file", len(content), mtime_us=mtime * 10**6, mode=0o644, hash=hash)

    def test_nothing(self) -> None:
        """Without a task it is finished at once."""
        self.successResultOf(self.comparer().run(iter([])))

    def test_by_size(self) -> None:
        """A different size is enough for a comparison; nothing is read or asked."""
        self.make_file("lib/a", b"longer")
        with mock.patch.object(self.client.protocol, "request") as asked, mock.patch.object(os, "read") as read:
            found = self.run_all(self.comparer(), self.tasks({"a": self.entry("a", b"short")}))
        asked.assert_not_called()
        read.assert_not_called()
        self.assertEqual(found["a"].differs, ("hash", "size"))

    def test_by_hash(self) -> None:
        """With the listed hash nothing is asked; small and large files."""
        remote = {}
        for name, content, other in (("same", b"one", b"one"), ("differs", b"one", b"two"), ("big", BIG, BIG)):
            self.make_file(f"lib/{name}", content)
            remote[name] = self.entry(name, other, hash=filehash.hash_bytes(other))
        with mock.patch.object(self.client.protocol, "request") as asked:
            found = self.run_all(self.comparer(), self.tasks(remote))
        asked.assert_not_called()
        self.assertEqual(
            {name: task.differs for name, task in found.items()}, {"same": (), "differs": ("hash",), "big": ()}
        )

    def test_asked(self) -> None:
        """A hash that the listing lacks is asked for."""
        remote = {}
        for name, content in (("same", b"one"), ("differs", b"two")):
            self.make_file(f"lib/{name}", b"one")
            self.make_remote_file(f"lib/{name}", content)
            remote[name] = self.entry(name, content)
        found = self.run_all(self.comparer(), self.tasks(remote))
        self.assertEqual({name: task.differs for name, task in found.items()}, {"same": (), "differs": ("hash",)})

    def test_content_kept(self) -> None:
        """For a push the content is kept, unless hash and metadata are the same; a large file is open."""
        for name, content in (("new", b"one"), ("same", b"one"), ("big", BIG)):
            self.make_file(f"lib/{name}", content)
        remote = {"same": self.entry("same", b"one", hash=filehash.hash_bytes(b"one"))}
        kept: dict[str, Any] = {}

        def decide(task: FileTask) -> None:
            assert task.content is not None
            kept[task.name] = task.content.data, task.source is not None
            self.comparing.release(task)

        self.decide = decide  # type: ignore[method-assign]
        self.run_all(self.comparer(sends=True), self.tasks(remote))
        self.assertEqual(kept["new"], (b"one", False))
        self.assertEqual(kept["big"], (None, True))
        self.assertEqual(kept["same"][1], False)

    def test_window(self) -> None:
        """No more tasks are open than the window allows; each release opens more."""
        for number in range(10):
            self.make_file(f"lib/{number}", b"%d" % number)
        self.holds = True
        comparer = self.comparer(sends=True, window=4)
        running = comparer.run(iter(self.tasks({})))
        self.assertEqual(len(self.decided), 4)
        done = 0
        while done < len(self.decided):
            self.assertNoResult(running)
            comparer.release(self.decided[done])
            done += 1
            self.assertLessEqual(len(self.decided) - done, 4)
        self.successResultOf(running)
        self.assertEqual(done, 10)

    def test_bytes(self) -> None:
        """Two large files are open at once, at most."""
        for number in range(4):
            self.make_file(f"lib/{number}", bytes(STREAM_PIECE + 1))
        self.holds = True
        comparer = self.comparer(sends=True)
        running = comparer.run(iter(self.tasks({})))
        self.assertEqual(len(self.decided), 2)
        comparer.release(self.decided[0])
        comparer.release(self.decided[1])
        self.assertEqual(len(self.decided), 4)
        for task in self.decided[2:]:
            comparer.release(task)
        self.successResultOf(running)

    def test_unreadable(self) -> None:
        """A file that cannot be read is decided with its failure."""
        self.make_file("lib/a")
        self.make_file("lib/big", BIG)
        tasks = self.tasks({})
        for name in ("a", "big"):
            os.unlink(f"{self.here}/lib/{name}")
        found = self.run_all(self.comparer(sends=True), tasks)
        for name in ("a", "big"):
            self.assertIsInstance(found[name].failure, FileNotFoundError)

    def test_failed(self) -> None:
        """After `fail` no more tasks are opened, and `close` ends the coroutines."""
        for number in range(5):
            self.make_file(f"lib/{number}", b"%d" % number)
        self.holds = True
        comparer = self.comparer(sends=True, window=1)
        running = comparer.run(iter(self.tasks({})))
        cancelled: list[str] = []

        async def wait() -> None:
            try:
                await self.client.when_ended()
            except BaseException:
                cancelled.append("cancelled")
                raise

        comparer.spawn(wait())
        comparer.fail(ConnectionFailed("lost"))
        self.failureResultOf(running, ConnectionFailed)
        self.run_work(comparer.close())
        self.assertEqual((len(self.decided), cancelled), (1, ["cancelled"]))


class RestartTests(ReconnectCase):
    """A server that is restarted while it is asked for the hash of a file."""

    def transferred(self, name: str, transfer: Callable[[], object]) -> None:
        """A transfer of a file whose hash the server does not know, which restarts at its first request."""
        self.make_remote_file(name, b"content")
        stopping = self.patch(Files, "hash", mock.Mock(side_effect=ShuttingDown("it restarts")))
        self.reconnector.notify = lambda _: stopping.restore()
        wires = len(self.wires)
        transfer()
        self.assertEqual(set(self.outcomes().values()), {Outcome.SAME}, name)
        self.assertEqual(len(self.wires), wires + 1, "the control")

    def test_compared_again(self) -> None:
        """It has refused nothing: the file is compared over a new connection, in a push, a get and a comparison."""
        local = self.make_file("file", b"content")
        self.transferred("push", lambda: self.push(local, "push"))
        self.transferred("get", lambda: self.get("get", local))
        self.transferred("cmp", lambda: self.cmp(local, "cmp"))
