"""Syncing several pairs in one process, against a server in memory."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Callable, ClassVar
from unittest import mock

import attrs
from twisted.internet.defer import CancelledError, Deferred

from homeftp.cli.pairs.pair import SavedPair
from homeftp.cli.pairs.runner import RETRY_SECONDS, PairRunner
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import ChangeSignal, Client, ConnectionFailed, Remotes, StatusFolder
from homeftp.errors import LoginFailed, OperatorError
from tests.support.commandline import Output
from tests.support.syncs import DISPATCHERS
from tests.support.transfers import TransferCase


class Watch:
    """A watch of a local folder: `changed` says that something has changed there."""

    all: ClassVar[dict[str, Callable[[], object]]] = {}

    def __init__(
        self, reactor: object, path: str, changed: Callable[[], object], notify: object, *, strict_names: bool
    ) -> None:
        self.all[os.path.basename(path)] = changed

    def stop(self) -> None:
        """End."""


class RunnerTests(TransferCase):
    """Three pairs: the server of the second is not known, that of the third refuses the login."""

    extra = DISPATCHERS

    def setUp(self) -> None:
        super().setUp()
        self.out, self.err = Output(), Output()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)
        home = mock.patch.dict(os.environ, HOMEFTP_HOME=os.path.abspath(self.mktemp()))
        home.start()
        self.addCleanup(home.stop)
        self.statuses = StatusFolder(os.path.abspath(self.mktemp()))
        self.pairs = [self.pair("one", "nas"), self.pair("two", "gone"), self.pair("three", "bad")]
        for name in ("one", "two", "three"):
            self.make_file(f"{name}/a", name.encode())
        self.is_away = False
        self.asked: list[tuple[str, float | None]] = []

    def pair(self, name: str, server: str) -> SavedPair:
        """A pair."""
        folder = os.path.join(os.path.abspath(self.here), name)
        return SavedPair(folder=folder, server=server, path=name, bandwidth="1000" if name == "one" else "")

    async def dial(self, reactor: object, remotes: object, name: str, *, bandwidth: float | None = None) -> Client:
        """Make a connection."""
        self.asked.append((name, bandwidth))
        if self.is_away:
            raise ConnectionFailed("nothing listens there")
        if name == "gone":
            raise OperatorError("this machine knows no server named gone")
        if name == "bad":
            raise LoginFailed("this device was revoked")
        return self.client

    def runner(self, **options: Any) -> PairRunner:
        """What is tested."""
        given = {"yes": True, "watch": False, "quiet": False, "json": False, "verbose": False, "dry_run": False}
        namespace = argparse.Namespace(command="sync", bwlimit=None, **{**given, **options})
        remotes = Remotes(self.mktemp())
        clock: Any = self.server.clock
        return PairRunner(clock, namespace, self.context, remotes, self.statuses, self.dial)

    def test_each_once(self) -> None:
        """Each pair is synced, whatever becomes of the others; lines name the pair, and the worst exit code counts."""
        self.assertEqual(self.run_work(self.runner().sync_each(self.pairs)), Exit.REFUSED)
        self.assertEqual(self.remote_files(), {"one/a": b"one"})
        first, second, third = (pair.folder for pair in self.pairs)
        said = self.err.getvalue()
        self.assertIn(f"{first}: 1 file and 1 folder new", said)
        self.assertIn(f"homeftp: {second}: this machine knows no server named gone\n", said)
        self.assertIn(f"homeftp: {third}: this device was revoked\n", said)
        self.assertEqual(self.asked, [("nas", 1000 * 1024.0), ("gone", None), ("bad", None)])
        found = {status.remote: status.problem for status in self.statuses.all()}
        self.assertEqual(
            found,
            {
                "nas:one": "",
                "gone:two": "this machine knows no server named gone",
                "bad:three": "this device was revoked",
            },
        )

    def test_dry_run(self) -> None:
        """With -n the plan of each pair follows its folder, and nothing is changed."""
        self.assertEqual(self.run_work(self.runner(dry_run=True).sync_each(self.pairs[:1])), Exit.DIFFERS)
        self.assertTrue(self.out.getvalue().startswith(f"{self.pairs[0].folder}:\n  here -> server  new"))
        self.assertEqual(self.remote_files(), {})

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything be delivered."""
        for _ in range(10):
            self.server.clock.advance(seconds / 10)
            self.wire.pump()

    def test_saved_meanwhile(self) -> None:
        """What is saved, changed or forgotten while pairs are kept in step counts at once; a mistake is told."""

        async def follow(*arguments: object) -> None:
            await Deferred()

        wrong: list[OperatorError] = []

        def load() -> list[SavedPair]:
            for each in wrong:
                raise each
            return self.pairs

        def watched() -> list[str]:
            return [name for name in ("one", "two", "three") if self.statuses.watched_by(f"{self.here}/{name}")]

        with (
            mock.patch("homeftp.client.LocalWatch", Watch),
            mock.patch("homeftp.client.follow_server", follow),
        ):
            first, second, _ = self.pairs
            signal = ChangeSignal(self.server.clock)
            self.pairs = [second]
            running = self.begin(self.runner(watch=True).keep_all(load, signal))
            self.assertEqual(watched(), ["two"])
            for pairs, expected in (
                ([first, second], ["one", "two"]),
                ([attrs.evolve(first, path="other"), second], ["one", "two"]),
                ([second], ["two"]),
                ([], []),
                ([first], ["one"]),
            ):
                self.pairs = pairs
                signal.changed()
                self.advance(2)
                self.assertEqual(watched(), expected)
            wrong.append(OperatorError("sync.toml, line 3: no"))
            signal.changed()
            self.advance(2)
            self.assertEqual((watched(), self.err.getvalue().count("line 3: no")), (["one"], 1))
            running.cancel()
            self.advance(1)
            self.failureResultOf(running).trap(CancelledError)
        self.assertEqual(watched(), [])

    def test_away(self) -> None:
        """A server that is away for hours is a few lines, and not one for each try."""

        async def follow(*arguments: object) -> None:
            await Deferred()

        with (
            mock.patch("homeftp.client.LocalWatch", Watch),
            mock.patch("homeftp.client.follow_server", follow),
        ):
            signal = ChangeSignal(self.server.clock)
            running = self.begin(self.runner(watch=True).keep_all(lambda: self.pairs[:1], signal))
            self.advance(2)
            self.assertEqual(self.remote_files(), {"one/a": b"one"})
            self.is_away = True
            self.wire.cut()
            Watch.all["one"]()
            for _ in range(360):
                self.advance(10)
            self.assertGreater(len(self.asked), 50, "the control: it tries again and again")
            said = self.err.getvalue()
            self.assertEqual((said.count("trying again"), said.count("nothing listens there")), (2, 2), said)
            running.cancel()
            self.advance(1)
            self.failureResultOf(running).trap(CancelledError)

    def test_broken_pipe(self) -> None:
        """Where nothing can be printed any more, all pairs end."""

        async def follow(*arguments: object) -> None:
            raise BrokenPipeError

        with (
            mock.patch("homeftp.client.LocalWatch", Watch),
            mock.patch("homeftp.client.follow_server", follow),
        ):
            signal = ChangeSignal(self.server.clock)
            running = self.begin(self.runner(watch=True).keep_all(lambda: self.pairs[:1], signal))
            self.advance(2)
            self.failureResultOf(running).trap(BrokenPipeError)

    def test_kept(self) -> None:
        """Each pair is kept in step, whatever becomes of the others; one that was stopped is tried again later."""

        async def follow(clock: object, connect: Any, endpoint: str, changed: Any, notify: object) -> None:
            await connect()
            await Deferred()

        with (
            mock.patch("homeftp.client.LocalWatch", Watch),
            mock.patch("homeftp.client.follow_server", follow),
        ):
            signal = ChangeSignal(self.server.clock)
            running = self.begin(self.runner(watch=True).keep_all(lambda: self.pairs, signal))
            self.advance(2)
            self.assertEqual(self.remote_files(), {"one/a": b"one"})
            self.make_file("one/b", b"later")
            Watch.all["one"]()
            self.advance(2)
            self.assertEqual(self.remote_files(), {"one/a": b"one", "one/b": b"later"})
            said = self.err.getvalue()
            self.assertEqual((said.count("no server named gone"), said.count("was revoked")), (1, 1))
            tries = self.asked.count(("bad", None))
            self.advance(RETRY_SECONDS)
            self.assertGreater(self.asked.count(("bad", None)), tries)
            self.assertEqual(self.err.getvalue().count("was revoked"), 1)
            self.assertEqual([self.statuses.watched_by(pair.local) for pair in self.pairs], [os.getpid()] * 3)
            with self.assertRaisesRegex(OperatorError, f"all pairs are kept in step already, by process {os.getpid()}"):
                self.run_work(self.runner(watch=True).keep_all(lambda: self.pairs, signal))
            running.cancel()
            self.advance(1)
            self.failureResultOf(running).trap(CancelledError)
        self.assertEqual([self.statuses.watched_by(pair.local) for pair in self.pairs], [None] * 3)
        self.assertEqual([call for call in self.server.clock.getDelayedCalls() if call.getTime() > 1e6], [])
