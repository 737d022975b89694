"""A server opened by its name, and transfers over connections of their own; test_asyncio.py has a real one."""

from __future__ import annotations

import inspect
import os
import time
from pathlib import Path
from typing import Any, Sequence, cast
from unittest import mock

from msgspec import structs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from homeftp.client import (
    DEFAULT_SELECTION,
    Client,
    ConnectionFailed,
    Direction,
    FolderUsage,
    IClientReactor,
    Outcome,
    Preference,
    Reconnector,
    RemoteClient,
    RemoteOpening,
    Selection,
    SyncArchive,
    SyncSummary,
    TransferContext,
    TransferIncomplete,
    TransferObserver,
    TransferOptions,
    open_remote,
)
from homeftp.errors import NotFound, OperatorError
from homeftp.interfaces import IDispatcher
from tests.support.folders import QuickCase
from tests.support.inmemory import PASSWORD
from tests.support.syncs import DISPATCHERS
from tests.support.transfers import NEW, OLD, TransferCase


class RemoteCase(TransferCase):
    """A client whose transfers have a new connection in memory each."""

    extra: Sequence[IDispatcher] = DISPATCHERS

    def setUp(self) -> None:
        super().setUp()
        self.released = 0
        self.home = self.mktemp()
        self.made: list[Client] = []
        self.remote = RemoteClient(self.client, self.reconnector, self.prepare, self.release, self.archive)

    def reconnector(self) -> Reconnector:
        async def make() -> Client:
            wire = self.wire = self.connect()
            client = Client(wire.client, fingerprint=self.client.fingerprint)
            wire.pump()
            logged_in = Deferred.fromCoroutine(client.login("ann", PASSWORD))
            wire.pump()
            await logged_in
            self.made.append(client)
            return client

        return Reconnector(self.server.clock, make)

    async def prepare(self) -> TransferContext:
        return self.context

    async def release(self) -> None:
        self.released += 1

    def archive(self) -> SyncArchive:
        return SyncArchive(os.path.join(self.home, "sync.sqlite"))


class RemoteClientTests(RemoteCase):
    """Transfers, each over a new connection."""

    def test_upload(self) -> None:
        """A folder is sent with its content; the second time all is the same, and a comparison says so."""
        self.make_file("sub/a")
        summary = self.run_work(self.remote.upload(Path(self.here), "all"))
        self.assertEqual((summary.counts[Outcome.NEW], summary.bytes_moved, summary.same), (3, 7, True))
        self.assertEqual(self.run_work(self.remote.upload([self.here], "all")).counts, {Outcome.SAME: 1})
        self.assertTrue(self.run_work(self.remote.compare(self.here, "all")).same)
        self.make_file("sub/b")
        compared = self.run_work(self.remote.compare(self.here, "all"))
        self.assertFalse(compared.same)
        self.assertEqual([(each.name, each.outcome) for each in compared.problems], [("sub/b", Outcome.MISSING)])

    def test_download(self) -> None:
        """A folder is fetched; a source that does not exist is refused."""
        self.make_remote_file("all/a", b"content")
        seen: list[str] = []
        target = os.path.join(self.here, "copy")
        observer = TransferObserver(on_result=lambda result: seen.append(result.name))
        self.run_work(self.remote.download("all", target, observer=observer))
        self.assertEqual(Path(target, "a").read_bytes(), b"content")
        self.assertIn("a", seen)
        with self.assertRaises(NotFound):
            self.run_work(self.remote.download(["none"], self.here))

    def test_incomplete(self) -> None:
        """A file that is not replaced is an exception, once the others are done; the options decide."""
        self.make_file("a", b"old", mtime=OLD)
        self.make_file("b")
        self.make_remote_file("all/a", b"newer", mtime=NEW)
        with self.assertRaises(TransferIncomplete) as caught:
            self.run_work(self.remote.upload(self.here, "all"))
        self.assertEqual([each.name for each in caught.exception.summary.problems], ["a"])
        self.assertIn("a: conflict", str(caught.exception))
        self.assertEqual(self.server.read("all/b"), b"content")
        self.assertFalse(self.run_work(self.remote.upload(self.here, "all", ignore_existing=True)).same)
        self.assertTrue(self.run_work(self.remote.upload(self.here, "all", force=True)).same)

    def test_usage(self) -> None:
        """What folders hold, over the client's own connection."""
        self.make_remote_file("all/sub/a")

        async def collect() -> list[FolderUsage]:
            return [each async for each in self.remote.usage("all")]

        self.assertEqual(self.run_work(collect()), [FolderUsage("sub", 7, 1, 0), FolderUsage("", 7, 1, 1)])

    def test_own_connections(self) -> None:
        """Each transfer has a connection, which ends with it; that of the requests stays."""
        self.make_file("a")
        for _ in range(2):
            self.run_work(self.remote.upload(self.here, "all"))
        first, second = self.made
        for client in (first, second):
            self.successResultOf(client.when_ended())
        self.assertNoResult(self.client.when_ended())

    def test_closed(self) -> None:
        """The end cancels what runs, closes everything once, and nothing runs afterwards."""
        self.make_file("a")
        waiting: Deferred[None] = Deferred()

        async def stuck() -> TransferContext:
            await waiting
            raise AssertionError("it was not cancelled")

        remote = RemoteClient(self.client, self.reconnector, stuck, self.release, self.archive)
        running = Deferred.fromCoroutine(remote.upload(self.here, "all"))
        self.assertNoResult(running)
        closing = Deferred.fromCoroutine(remote.close())
        self.wire.pump()
        self.failureResultOf(running, CancelledError)
        self.successResultOf(self.made[0].when_ended())
        self.assertNoResult(closing)
        self.client.protocol.transport.loseConnection()
        self.pump_first()
        self.successResultOf(closing)
        self.successResultOf(Deferred.fromCoroutine(remote.close()))
        self.assertEqual(self.released, 1)
        self.failureResultOf(Deferred.fromCoroutine(remote.upload(self.here, "all")), ConnectionFailed)

    def test_closed_in_order(self) -> None:
        """The connection of the requests is closed when the transfers that were cancelled have cleaned up."""
        cleaned: Deferred[None] = Deferred()

        async def cleaning() -> TransferContext:
            try:
                await Deferred()
            finally:
                await cleaned
            raise AssertionError("it was not cancelled")

        remote = RemoteClient(self.client, self.reconnector, cleaning, self.release, self.archive)
        running = Deferred.fromCoroutine(remote.upload(self.here, "all"))
        closing = Deferred.fromCoroutine(remote.close())
        self.pump_first()
        self.assertNoResult(self.client.when_ended())
        cleaned.callback(None)
        self.wire.pump()
        self.pump_first()
        self.failureResultOf(running, CancelledError)
        self.successResultOf(closing)

    def test_options(self) -> None:
        """Each option reaches the transfer, and no other does; so does what reconnects."""
        for name, planned, options in (
            ("upload", "push", ("force", "reread", "ignore_existing", "dry_run", "delete", "perms")),
            ("download", "get", ("force", "reread", "ignore_existing", "dry_run", "delete", "perms")),
            ("compare", "cmp", ("perms", "reread")),
        ):
            for given in options:
                with mock.patch(f"homeftp.client.plan.{planned}.{planned}", mock.AsyncMock()) as transfer:
                    self.run_work(getattr(self.remote, name)("one", "two", **{given: True}))
                context, reached = transfer.call_args.args[1], transfer.call_args.kwargs
                self.assertIsNotNone(context.reconnector)
                reached = {each: value for each, value in reached.items() if each != "selection"}
                if planned != "cmp":
                    (all_options,) = [each for each in transfer.call_args.args if isinstance(each, TransferOptions)]
                    self.assertTrue(all_options.recursive)
                    reached = {each: getattr(all_options, each) for each in options}
                self.assertEqual(reached, {each: each == given for each in options}, name)

    def test_selection(self) -> None:
        """A selection reaches each transfer; by default ignore files count."""
        for name, planned in (("upload", "push"), ("download", "get"), ("compare", "cmp")):
            for given in (DEFAULT_SELECTION, Selection(("x",))):
                with mock.patch(f"homeftp.client.plan.{planned}.{planned}", mock.AsyncMock()) as transfer:
                    words = {} if given is DEFAULT_SELECTION else {"selection": given}
                    self.run_work(getattr(self.remote, name)("one", "two", **words))
                options = [each for each in transfer.call_args.args if isinstance(each, TransferOptions)]
                reached = options[0].selection if options else transfer.call_args.kwargs["selection"]
                self.assertEqual(reached, given, name)

    def test_all_options(self) -> None:
        """Transfers take all of `TransferOptions` but what only the command line asks, with the same defaults."""
        defaults = {each.name: each.default for each in structs.fields(TransferOptions)}
        for name in ("recursive", "confirm_deletion", "ask"):
            del defaults[name]
        for transfer in (RemoteClient.upload, RemoteClient.download):
            parameters = inspect.signature(transfer).parameters.values()
            taken = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
            del taken["observer"]
            expected = dict(defaults)
            if transfer is RemoteClient.upload:
                del expected["as_of"]  # nothing is sent to the past
            self.assertEqual(taken, expected, transfer)

    def pump_first(self) -> None:
        """Deliver what the connection of the requests sends."""
        self.first.pump()

    def connect(self, *kind: Any) -> Any:
        wire = super().connect(*kind)
        self.first = getattr(self, "first", wire)
        return wire


class RemoteSyncTests(RemoteCase):
    """Syncs of a program."""

    def sync(self, **options: Any) -> SyncSummary:
        return self.run_work(self.remote.sync(self.here, "Docs", **options))

    def test_sync(self) -> None:
        """What was agreed on is remembered: a deletion crosses with the next sync, and a conflict is kept twice."""
        for name in ("a", "b", "c"):
            self.make_file(name)
        seen: list[str] = []
        summary = self.sync(observer=TransferObserver(on_result=lambda result: seen.append(result.name)))
        self.assertEqual((summary.counts[Outcome.NEW], summary.same, {*seen}), (4, True, {"", "a", "b", "c"}))
        os.unlink(os.path.join(self.here, "a"))
        self.make_file("b", b"here")
        self.make_remote_file("Docs/b", b"there")
        with mock.patch("homeftp.client.opening.remote.own_name", return_value="ann-laptop"):
            self.assertTrue(self.sync().same)
        copy = f"b (conflict from ann-laptop {time.strftime('%Y-%m-%d')})"
        self.assertEqual({name[5:] for name in self.remote_files()}, {"b", "c", copy})
        self.assertEqual(list(self.sync(dry_run=True).plan.actions), [])

    def test_expected(self) -> None:
        """A plan that was looked at is carried out where it is the same still."""
        self.make_file("a")
        plan = self.sync(dry_run=True).plan
        self.assertEqual(([each.name for each in plan.actions], self.remote_files()), (["a"], {}))
        self.make_file("b")
        with self.assertRaisesRegex(OperatorError, "make it again"):
            self.sync(expected=plan)
        os.unlink(os.path.join(self.here, "b"))
        self.sync(expected=plan)
        self.assertEqual(set(self.remote_files()), {"Docs/a"})

    def test_options(self) -> None:
        """Direction, preference, patterns and limits count as on the command line."""
        self.make_file("a", b"here")
        self.make_file("x.tmp")
        self.make_remote_file("Docs/a", b"there")
        self.sync(prefer=Preference.HERE, selection=Selection(("*.tmp",)))
        self.assertEqual(self.remote_files(), {"Docs/a": b"here"})
        with self.assertRaisesRegex(OperatorError, "more than --max-delete 0"):
            self.sync(direction=Direction.PULL, max_delete=0)
        self.sync(direction=Direction.PULL, max_delete=1)
        self.assertEqual(set(os.listdir(self.here)), {"a", ".homeftp"})

    def test_waits(self) -> None:
        """What waits for a person is an exception that says so."""
        self.make_file("a")
        self.sync()
        self.make_file("a", b"")
        with self.assertRaises(TransferIncomplete) as caught:
            self.sync()
        self.assertEqual([each.outcome for each in caught.exception.summary.problems], [Outcome.SUSPICIOUS])
        self.sync(start_over=True, prefer=Preference.HERE)
        self.assertEqual(self.remote_files(), {"Docs/a": b""})

    def test_merge(self) -> None:
        """Edits of different lines are merged, if that is asked for; without the library for it nothing is done."""
        self.make_file("a", b"1\n2\n3\n4\n5\n")
        self.sync()
        self.make_file("a", b"1\n2\n3\n4\nfive\n")
        there = os.path.join(self.mktemp(), "a")
        os.makedirs(os.path.dirname(there))
        with open(there, "wb") as file:
            file.write(b"one\n2\n3\n4\n5\n")
        self.run_work(self.remote.upload(there, "Docs/a", force=True))
        missing = mock.patch("homeftp.client.sync.merge.texts.find_spec", lambda name: None)
        with missing, self.assertRaisesRegex(OperatorError, "merging needs a library"):
            self.sync(merge=True)
        self.sync(merge=True)
        self.assertEqual(self.remote_files()["Docs/a"], b"one\n2\n3\n4\nfive\n")


class OpeningTests(QuickCase):
    """RemoteOpening, and open_remote before it connects."""

    def client(self) -> tuple[RemoteClient, list[str]]:
        """A client that records that it was closed."""
        closed: list[str] = []

        class Closing:
            async def close(self) -> None:
                closed.append("closed")

        return cast(RemoteClient, Closing()), closed

    def test_manager(self) -> None:
        """`async with` gives the client, and closes it at the end, also after an exception."""
        client, closed = self.client()
        connecting: Deferred[RemoteClient] = Deferred()

        async def use() -> None:
            async with RemoteOpening(connecting) as given:
                self.assertIs(given, client)
                raise KeyError

        using = Deferred.fromCoroutine(use())
        self.assertNoResult(using)
        connecting.callback(client)
        self.failureResultOf(using, KeyError)
        self.assertEqual(closed, ["closed"])

    def test_deferred(self) -> None:
        """It is a Deferred: callbacks get the client, which stays open."""
        client, closed = self.client()
        connecting: Deferred[RemoteClient] = Deferred()
        opening = RemoteOpening(connecting)
        connecting.callback(client)
        self.assertIs(self.successResultOf(opening), client)
        self.assertEqual(closed, [])

    def test_cancelled(self) -> None:
        """Cancelling ends the attempt; a client that comes nevertheless is closed, and a late failure is nothing."""
        client, closed = self.client()
        for result in (client, Failure(ConnectionFailed("late"))):
            late: Deferred[Any] = Deferred()
            connecting: Deferred[RemoteClient] = Deferred(lambda _: None)
            connecting.addErrback(lambda _, late: late, late)
            opening = RemoteOpening(connecting)
            opening.cancel()
            self.failureResultOf(opening, CancelledError)
            late.callback(result)
        self.assertEqual(closed, ["closed"])

    def test_unknown(self) -> None:
        """A name that the command line does not know is refused, and the message names those that it knows."""
        reactor = cast(IClientReactor, Clock())
        opening = open_remote("nas", reactor=reactor, folder=os.path.abspath(self.mktemp()))
        self.assertIn("this machine knows no server named nas", str(self.failureResultOf(opening, OperatorError).value))
