"""Directories of the server after a push: made, and their metadata set."""

from __future__ import annotations

import os
from typing import Awaitable, Callable, Sequence
from unittest import mock

from homeftp.client import DEFAULT_SELECTION, Outcome
from homeftp.client.api import Client
from homeftp.client.plan.local import scan_if_exists
from homeftp.client.transfer import directories
from homeftp.client.transfer.batches.push import DirectoryPush, push_directories
from homeftp.client.transfer.directories import RemoteDirectories
from homeftp.client.transfer.model import endpoints_below
from homeftp.errors import ShuttingDown
from homeftp.status import Status
from homeftp.wire.messages import Response
from tests.support.reconnects import ReconnectCase
from tests.support.transfers import OLD, TransferCase, folders, stamp


async def _refused(client: Client, base: str, pushes: Sequence[DirectoryPush]) -> list[Response]:
    """A server that refuses all of them."""
    return [Response(Status.FORBIDDEN, "not here")] * len(pushes)


def _restarting(first: Client) -> Callable[..., Awaitable[object]]:
    """`push_directories` where the server to which the `first` client is connected restarts."""

    async def push(client: Client, base: str, pushes: Sequence[DirectoryPush]) -> object:
        if client is first:
            raise ShuttingDown("it restarts")
        return await push_directories(client, base, pushes)

    return push


class DirectoryTests(TransferCase):
    """Directories, against a real server."""

    def test_file_in_the_way(self) -> None:
        """An empty folder does not replace a file: it is refused."""
        os.makedirs(f"{self.here}/lib/a")
        self.make_remote_file("lib/a")
        observer = self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual((observer.counts, self.outcomes()), ({Outcome.REFUSED: 1}, {"a": Outcome.REFUSED}))
        self.assertEqual(self.remote_files(), {"lib/a": b"content"})

    def test_missing_and_outdated(self) -> None:
        """Missing ones are made and outdated ones updated, deepest first; the second time nothing is requested."""
        self.make_file("lib/x/y/a")
        os.makedirs(f"{self.here}/lib/empty")
        for name in ("lib/x/y", "lib/x", "lib/empty", "lib"):
            os.utime(f"{self.here}/{name}", (OLD, OLD))
        self.make_remote_file("lib/x/b")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        new = {result.name for result in self.results if result.kind == "directory"}
        self.assertEqual(new, {"x/y", "empty"})
        for name in ("lib", "lib/x", "lib/x/y", "lib/empty"):
            self.assertEqual(stamp(f"{self.server.root}/{name}")[0], OLD * 10**6, name)
        for wanted in ([], ["x"]):
            with mock.patch.object(directories, "push_directories", wraps=push_directories) as made:
                self.push(f"{self.here}/lib", "lib", recursive=True)
            requested = [push.line["name"] for call in made.call_args_list for push in call.args[2]]
            self.assertEqual(requested, wanted)
            os.utime(f"{self.server.root}/lib/x", (1, 1))  # the control

    def test_modes_stay(self) -> None:
        """A directory that exists keeps its mode, unless that is asked for; a new one gets the local mode."""
        shared = f"{self.server.root}/lib/shared"
        os.makedirs(shared)
        os.chmod(shared, 0o2775)
        for name in ("shared", "new"):
            self.make_file(f"lib/{name}/a")
            os.chmod(f"{self.here}/lib/{name}", 0o700)
        os.utime(f"{self.here}/lib/shared", (OLD, OLD))
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(stamp(shared), (OLD * 10**6, 0o775))
        self.assertEqual(stamp(f"{self.server.root}/lib/new")[1], 0o700)
        self.push(f"{self.here}/lib", "lib", recursive=True, perms=True)
        self.assertEqual(os.stat(shared).st_mode & 0o7777, 0o2700)

    def test_private(self) -> None:
        """A new directory that not everybody may read has its mode before anything is in it."""
        for name, mode in (("private", 0o700), ("private/open", 0o755), ("group", 0o750), ("open", 0o755)):
            os.makedirs(f"{self.here}/lib/{name}")
            os.chmod(f"{self.here}/lib/{name}", mode)
        os.chmod(f"{self.here}/lib", 0o700)
        tree = self.run_work(scan_if_exists(self.context, f"{self.here}/lib", DEFAULT_SELECTION))
        made = RemoteDirectories(
            self.client, endpoints_below("lib"), {}, self.observer(), self.context.disks, perms=False
        )
        self.run_work(made.make_private(tree.directories.values()))
        self.assertEqual(folders(f"{self.server.root}/lib"), {"private", "group"})
        modes = [stamp(f"{self.server.root}/lib/{name}")[1] for name in (".", "private", "group")]
        self.assertEqual(modes, [0o700, 0o700, 0o750])
        self.assertEqual(self.results, [], "they are reported at the end")

    def test_refused(self) -> None:
        """A directory that the server refuses is reported with the reason."""
        os.makedirs(f"{self.here}/lib/x")
        with mock.patch.object(directories, "push_directories", _refused):
            self.push(f"{self.here}/lib", "lib", recursive=True)
        expected = {(name, Outcome.REFUSED, "not here") for name in ("", "x")}
        self.assertEqual({(result.name, result.outcome, result.reason) for result in self.results}, expected)

    def test_times_refused(self) -> None:
        """No outcome depends on the time of a folder that exists, where the account may set none. But a mode does."""
        path = self.make_file("lib/x/a")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        os.utime(f"{self.here}/lib/x", (1, 1))
        with mock.patch.object(directories, "push_directories", _refused):
            self.push(f"{self.here}/lib", "lib", recursive=True)
            self.assertEqual(self.outcomes(), {"x/a": Outcome.SAME})
            self.push(f"{self.here}/lib", "lib", recursive=True, perms=True)
            self.assertEqual(self.outcomes(), {"x/a": Outcome.SAME, "x": Outcome.REFUSED})
            os.unlink(path)
            os.mkdir(path)
            self.push(f"{self.here}/lib", "lib", recursive=True)
            self.assertEqual(self.outcomes(), {"x/a": Outcome.REFUSED}, "a file is in its way")


class RestartTests(ReconnectCase):
    """A server that is restarted while directories are made."""

    def test_restarted(self) -> None:
        """It has refused nothing: they are made over a new connection, with their modes and times."""
        os.makedirs(f"{self.here}/lib/x")
        for mode in (0o755, 0o700):
            os.chmod(f"{self.here}/lib/x", mode)
            os.utime(f"{self.here}/lib/x", (OLD, OLD))
            assert self.reconnector.client is not None
            self.client = self.reconnector.client
            with mock.patch.object(directories, "push_directories", _restarting(self.client)):
                self.push(f"{self.here}/lib", f"lib{mode}", recursive=True)
            self.assertEqual(self.outcomes(), {"": Outcome.NEW, "x": Outcome.NEW})
            self.assertEqual(stamp(f"{self.server.root}/lib{mode}/x"), (OLD * 10**6, mode))
        self.assertEqual(len(self.wires), 3, "the control")
