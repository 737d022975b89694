"""A watch of a local folder notices what changes in it, and disks that come and go."""

from __future__ import annotations

import errno
import os
import threading
from typing import Any, Iterator, Sequence, cast
from unittest import mock

import watchfiles
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.trial.unittest import TestCase

from homeftp.client.files.names import endpoint_name
from homeftp.client.sync.scope import WHOLE, Scope
from homeftp.client.sync.watching import LocalWatch, is_own
from homeftp.syscalls import System


class LocalTests(TestCase):
    """A real folder."""

    def scopes(self, path: str, count: int, *arguments: Any, **options: Any) -> Deferred[list[Scope]]:
        """The scopes that a watch of a folder names, once there are so many; the others are for `LocalWatch`."""
        noticed: Deferred[list[Scope]] = Deferred()
        found: list[Scope] = []

        def changed(scope: Scope) -> None:
            found.append(scope)
            if len(found) == count:
                noticed.callback(found)

        self.addCleanup(LocalWatch(cast(Any, reactor), path, changed, *arguments, **options).stop)
        return noticed

    def test_changed(self) -> Deferred[None]:
        """First anything may have changed; then a file that is written deep in the folder is named, as on the wire."""
        path = self.mktemp()
        os.makedirs(f"{path}/d/e:")

        def write() -> None:  # more than once: nobody knows when the watch has begun
            with open(f"{path}/d/e:/file", "ab") as file:
                file.write(b"x")

        writing = LoopingCall(write)
        writing.start(0.05)
        self.addCleanup(writing.stop)
        name = endpoint_name("e:", strict=False)
        self.assertNotEqual(name, "e:", "the control: the name must be escaped")
        return self.scopes(path, 2).addCallback(self.assertEqual, [WHOLE, Scope.of([f"d/{name}/file"])])

    def test_begun(self) -> Deferred[None]:
        """A watch of a folder in which nothing changes says soon that it has begun."""
        path = self.mktemp()
        os.makedirs(path)
        return self.scopes(path, 1).addCallback(self.assertEqual, [WHOLE])

    def test_no_mounts(self) -> Deferred[None]:
        """Where the system does not tell what is mounted changes are noticed all the same."""

        def events(path: str, ended: threading.Event) -> Iterator[Sequence[str]]:
            yield ()
            yield [f"{path}/x"]
            ended.wait()

        self.patch(System, "mounts", mock.Mock(side_effect=OSError(errno.EACCES, "no /proc")))
        os.makedirs(path := self.mktemp())
        return self.scopes(path, 2, events=events).addCallback(self.assertEqual, [WHOLE, Scope.of(["x"])])

    def test_read(self) -> Deferred[None]:
        """The set of changes, which the library keeps until there is another one, is emptied as soon as it was read."""
        kept: list[int] = []

        def watch(path: str, *, stop_event: threading.Event, **options: object) -> Iterator[set[tuple[int, str]]]:
            yield set()
            for name in ("a", "b"):
                changes = {(1, f"{path}/{name}")}
                yield changes
                kept.append(len(changes))
            stop_event.wait()

        self.patch(watchfiles, "watch", watch)
        noticed = self.scopes("Docs", 3).addCallback(self.assertEqual, [WHOLE, Scope.of(["a"]), Scope.of(["b"])])
        return noticed.addCallback(lambda _: self.assertEqual(kept[0], 0))

    def test_names(self) -> Deferred[None]:
        """Events have the names on the wire; homeftp's own are no events, and the folder itself stands for all."""

        def events(path: str, ended: threading.Event) -> Iterator[Sequence[str]]:
            yield ()
            yield [f"{path}/.homeftp/versions/x"]
            yield [f"{path}/d/x", f"{path}/d/.homeftp-partial", f"{path}/e\u0301"]
            yield [path, f"{path}/d"]
            ended.wait()

        expected = [WHOLE, Scope.of(["d/x", "\xe9"]), WHOLE]
        return self.scopes("Docs", 3, events=events).addCallback(self.assertEqual, expected)

    def test_own(self) -> None:
        """What homeftp itself writes while it works is no change; all other names are."""
        for name in (".homeftp/versions/x", ".homeftp/sync", "d/.homeftp-partial"):
            self.assertTrue(is_own(os.path.join(*name.split("/"))), name)
        for name in ("a", "d/b", ".homeftpignore", "d/.homeftp.txt"):
            self.assertFalse(is_own(os.path.join(*name.split("/"))), name)

    def test_failing(self) -> Deferred[None]:
        """Where the library fails, something may have changed then and until it is begun again; that is said once."""
        begun: list[str] = []
        messages: list[str] = []

        def events(path: str, ended: threading.Event) -> Iterator[Sequence[str]]:
            begun.append(path)
            if len(begun) < 3:
                raise OSError(errno.ENOSPC, "OS file watch limit reached")
            yield ()
            ended.wait()

        # at each of two failures, and when it was begun again
        noticed = self.scopes("Docs", 3, messages.append, events, pause=0.01)
        noticed.addCallback(self.assertEqual, [WHOLE] * 3)
        noticed.addCallback(lambda _: self.assertEqual(len(messages), 1))
        return noticed.addCallback(lambda _: self.assertIn("OS file watch limit reached", messages[0]))

    def test_another_folder(self) -> Deferred[None]:
        """Where another folder is at the path, as when a disk is mounted, anything may have changed; it is watched.

        The control: as long as it is the same folder, the watch goes on.
        """
        path = self.mktemp()
        os.mkdir(path)
        begun: list[int] = []

        def events(path: str, ended: threading.Event) -> Iterator[Sequence[str]]:
            begun.append(os.stat(path).st_ino)
            yield ()
            yield [f"{path}/a"]
            if len(begun) == 1:
                os.rename(path, f"{path}-moved")
                os.mkdir(path)
            yield [f"{path}/b"]
            ended.wait()

        expected = [WHOLE, Scope.of(["a"]), WHOLE, Scope.of(["a"]), Scope.of(["b"])]
        noticed = self.scopes(path, 5, events=events).addCallback(self.assertEqual, expected)
        return noticed.addCallback(lambda _: self.assertEqual(len(set(begun)), 2))

    def test_missing_folder(self) -> Deferred[None]:
        """A folder that is missing is watched as soon as it is there, long before the pause after a failure is over."""
        path = self.mktemp()
        noticed: Deferred[None] = Deferred()
        begun: list[str] = []

        def events(path: str, ended: threading.Event) -> Iterator[Sequence[str]]:
            begun.append(path)
            os.listdir(path)
            yield ()
            noticed.callback(None)  # `LocalWatch` has not stopped
            ended.wait()

        def changed(scope: Scope) -> None:
            if not os.path.isdir(path):
                os.mkdir(path)

        watch = LocalWatch(cast(Any, reactor), path, changed, events=events, pause=3600.0)
        self.addCleanup(watch.stop)
        return noticed.addCallback(lambda _: self.assertEqual(len(begun), 2))
