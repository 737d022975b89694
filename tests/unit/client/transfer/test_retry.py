"""Connections that break in the middle: made again with patience, and what is done is not done again."""

from __future__ import annotations

import os
from typing import Any, Coroutine, TypeVar
from unittest import mock

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from homeftp.client import Client, ConnectionFailed, Outcome, ProtocolViolation, TransferContext, TransferObserver
from homeftp.client.plan.push import push
from homeftp.client.plan.stdio import get_stream
from homeftp.client.transfer.model import TransferOptions
from homeftp.client.transfer.push import MAX_REJECTED_RESUMES
from homeftp.client.transfer.retry import Reconnector
from homeftp.config import MIB
from homeftp.errors import Busy, Changed, LoginFailed, ShuttingDown, UntrustedServer
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import End, Wire
from tests.support.homes import HomeCase, tree
from tests.support.inmemory import PASSWORD

T = TypeVar("T")

BIG = b"B" + os.urandom(4 * MIB - 1)
"""Begins with what chance must not choose: with an x before its rest it is another file."""


class BrittleWire(Wire):
    """Breaks once so many bytes have gone over it, in the direction that is looked at."""

    upwards: int | None = None
    downwards: int | None = None
    moved = 0

    def _deliver(self, sender: End, receiver: End, split: int) -> bool:
        left = self.upwards if sender is self.near else self.downwards
        size = len(sender.outgoing)
        breaks = left is not None and size > left
        if breaks:
            sender.outgoing = sender.outgoing[:left]
        moved = super()._deliver(sender, receiver, split)
        if breaks:
            self.upwards = self.downwards = None
            self.cut()
            return True
        if moved and sender is self.near:
            self.moved += size
        if moved and left is not None:
            setattr(self, "upwards" if sender is self.near else "downwards", left - size)
        return moved


class ReconnectCase(HomeCase):
    """A client whose connections can be made to break; each new one is the next wire."""

    wire: BrittleWire

    def setUp(self) -> None:
        self.wires: list[BrittleWire] = []
        self.cuts: list[dict[str, int]] = []
        super().setUp()
        self.said: list[str] = []
        self.resumed: list[tuple[str, int]] = []
        self.reconnector = Reconnector(self.server.clock, self.make, notify=self.said.append)
        self.reconnector.client = self.client
        self.reconnector.record_progress()
        self.context = TransferContext(InlineWorkers(), System(), reconnector=self.reconnector)

    def connect(self, kind: type[Wire] = BrittleWire) -> BrittleWire:
        wire = super().connect(kind)
        assert isinstance(wire, BrittleWire)
        self.wires.append(wire)
        return wire

    async def make(self) -> Client:
        """The next connection, which breaks as the test has said."""
        self.wire = self.connect()
        await self.wire.client.secured
        client = Client(self.wire.client)
        await client.login("ann", PASSWORD)
        self.break_after()
        return client

    def break_after(self) -> None:
        """Let the connection that there is break when the next cut says so."""
        for direction, size in (self.cuts.pop(0) if self.cuts else {}).items():
            setattr(self.wire, direction, size)

    def run_it(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result, however long that takes."""
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        for _ in range(5000):
            self.wire.pump()
            if results:
                break
            self.server.clock.advance(0.5)
        self.assertEqual(len(results), 1, "it waits for something that does not come")
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]  # type: ignore[no-any-return]

    def observer(self) -> TransferObserver:
        observer = super().observer()
        observer.on_resumed = lambda name, size: self.resumed.append((name, size))
        return observer

    def moved(self) -> int:
        """Bytes that went to the server, all connections together."""
        return sum(wire.moved for wire in self.wires)


class PushTests(ReconnectCase):
    """A push that is cut off."""

    def test_large(self) -> None:
        """It goes on where it was cut off, again and again; hardly more goes over the wire than it holds."""
        path = self.lay("big", BIG)
        self.cuts = [{"upwards": MIB + 200_000}, {"upwards": 900_000}, {"upwards": 800_000}]
        self.break_after()
        self.push(path, "big")
        self.assertEqual(self.there(), {"big": BIG})
        self.assertEqual(self.outcomes(), {"big": Outcome.NEW})
        self.assertEqual(len(self.resumed), 3)
        self.assertEqual([size for _, size in self.resumed], sorted({size for _, size in self.resumed}))
        self.assertEqual(len([words for words in self.said if "trying again in 1 s" in words]), 3)
        self.assertLess(self.moved(), len(BIG) * 1.05)
        self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "partial")), [])

    def test_next_time(self) -> None:
        """What another client left unfinished, killed perhaps, is gone on with."""
        path = self.lay("big", BIG)
        self.context = TransferContext(InlineWorkers(), System())
        self.wire.upwards = 3 * MIB
        with self.assertRaises(ConnectionFailed):
            self.push(path, "big")
        self.client = self.run_it(self.make())
        self.push(path, "big")
        self.assertEqual(self.there(), {"big": BIG})
        self.assertEqual(len(self.resumed), 1)
        self.assertGreater(self.resumed[0][1], 2 * MIB)

    def test_changed_here(self) -> None:
        """A file that was changed here meanwhile is sent whole."""
        path = self.lay("big", BIG)
        self.context = TransferContext(InlineWorkers(), System())
        self.wire.upwards = 3 * MIB
        with self.assertRaises(ConnectionFailed):
            self.push(path, "big")
        self.client = self.run_it(self.make())
        self.lay("big", b"x" + BIG[1:])
        self.push(path, "big")
        self.assertEqual((self.there(), self.resumed), ({"big": b"x" + BIG[1:]}, []))

    def test_damaged_there(self) -> None:
        """Where the server's disk has not kept what arrived the file is sent again, without anybody being asked."""
        path = self.lay("big", BIG)
        self.cuts = [{"upwards": 3 * MIB}]
        self.break_after()
        self.damage(0)
        self.push(path, "big")
        self.assertEqual((self.there(), self.outcomes()), ({"big": BIG}, {"big": Outcome.NEW}))
        self.assertTrue(any("is damaged" in words for words in self.said), self.said)
        self.assertEqual(len(self.resumed), 1)

    def test_damaged_later(self) -> None:
        """Where it has kept the beginning that is not sent again, neither then nor after the next cut."""
        path = self.lay("big", BIG)
        self.cuts = [{"upwards": 3 * MIB}, {}, {"upwards": MIB}]
        self.break_after()
        self.damage(MIB + MIB // 2)
        self.push(path, "big")
        self.assertEqual(self.there(), {"big": BIG})
        offsets = [size for _, size in self.resumed]
        self.assertEqual(len(offsets), 3)
        self.assertGreater(offsets[1], MIB - 1)
        self.assertGreater(offsets[2], offsets[1])

    def test_of_no_use(self) -> None:
        """A server that refuses again and again to go on with what it offers gets the file whole."""
        path = self.lay("big", BIG)
        self.cuts = [{"upwards": 3 * MIB}]
        self.break_after()
        with mock.patch.object(PartialUploads, "resume", side_effect=Changed("not this one")) as refusing:
            self.push(path, "big")
        self.assertEqual(self.there(), {"big": BIG})
        self.assertEqual((refusing.call_count, len(self.resumed)), (MAX_REJECTED_RESUMES, MAX_REJECTED_RESUMES))

    def damage(self, offset: int) -> None:
        """Let the server's disk spoil what has arrived, while the client waits for its next connection."""
        reconnector, folder = self.reconnector, os.path.join(self.server.root, ".homeftp", "partial")
        again = reconnector.reconnect

        def damaging(reason: Exception) -> Coroutine[Any, Any, Client]:
            for name in os.listdir(folder):
                if not name.endswith(".note") and not self.said:
                    with open(os.path.join(folder, name), "r+b") as file:
                        file.seek(offset)
                        file.write(b"damage")
            return again(reason)

        reconnector.reconnect = damaging  # type: ignore[method-assign]

    def test_many(self) -> None:
        """Of many files those that are done are neither sent nor told again, and all of them arrive."""
        content = {f"d{number % 7}/f{number}": os.urandom(20_000) for number in range(200)}
        for name, data in content.items():
            self.lay(name, data)
        self.cuts = [{"upwards": 800_000}, {"upwards": 900_000}, {"downwards": 5_000}]
        self.break_after()
        observer = self.push(self.here, "all", recursive=True)
        self.assertEqual(self.there(), {f"all/{name}": data for name, data in content.items()})
        files = [item for item in self.results if item.kind == "file"]
        self.assertEqual(len(files), 200)
        self.assertEqual(observer.kinds[Outcome.NEW, "file"] + observer.kinds[Outcome.SAME, "file"], 200)
        self.assertLess(self.moved(), 2 * 200 * 20_000)

    def test_server_stops(self) -> None:
        """A server that is being started anew is waited for."""
        for number in range(50):
            self.lay(f"f{number}", os.urandom(20_000))
        working = Deferred.fromCoroutine(push(self.client, self.context, [self.here], "all", CHOICES, self.observer()))
        self.wire._deliver(self.wire.near, self.wire.far, 0)
        self.wire.far.protocol.wrappedProtocol.stop()
        results: list[Any] = []
        working.addBoth(results.append)
        for _ in range(100):
            self.wire.pump()
            self.server.clock.advance(0.5)
        self.assertEqual(results, [None])
        self.assertEqual(len(self.there()), 50)

    def test_given_up(self) -> None:
        """After ten minutes without getting on it is given up, for the reason that there was last."""
        path = self.lay("big", BIG)

        async def fail() -> Client:
            raise ConnectionFailed("nobody is there")

        self.reconnector._make = fail
        self.wire.upwards = MIB
        begun = self.server.clock.seconds()
        with self.assertRaisesRegex(ConnectionFailed, "nobody is there"):
            self.push(path, "big")
        self.assertLess(self.server.clock.seconds() - begun, 600)
        self.assertGreater(self.server.clock.seconds() - begun, 500)
        pauses = [int(words.split()[-2]) for words in self.said]
        self.assertEqual(pauses[:7], [1, 2, 4, 8, 16, 30, 30])


class GetTests(ReconnectCase):
    """A get that is cut off."""

    def test_large(self) -> None:
        """It goes on where it was cut off; the file appears whole, and nothing else is left."""
        self.lay_there("big", BIG)
        self.cuts = [{"downwards": size} for size in (MIB + 300_000, 900_000, 800_000)]
        self.break_after()
        observer = self.get("big", f"{self.here}/big")
        self.assertEqual(tree(self.here), {"big": BIG})
        self.assertEqual(self.outcomes(), {"big": Outcome.NEW})
        self.assertEqual(len(self.resumed), 3)
        self.assertLess(observer.bytes_moved, len(BIG) * 1.05)

    def test_next_time(self) -> None:
        """What an earlier get left unfinished is gone on with; meanwhile nothing shows but a hidden file."""
        self.lay_there("big", BIG)
        self.context = TransferContext(InlineWorkers(), System())
        self.wire.downwards = 3 * MIB
        with self.assertRaises(ConnectionFailed):
            self.get("big", f"{self.here}/big")
        (name,) = tree(self.here)
        self.assertTrue(name.startswith(".homeftp-"))
        self.client = self.run_it(self.make())
        observer = self.get("big", f"{self.here}/big")
        self.assertEqual((tree(self.here), len(self.resumed)), ({"big": BIG}, 1))
        self.assertLess(observer.bytes_moved, 2 * MIB)

    def test_changed_there(self) -> None:
        """A file that was changed there meanwhile is fetched whole."""
        for content in (b"x" + BIG[1:], BIG[1:]):
            self.lay_there("big", BIG)
            self.context = TransferContext(InlineWorkers(), System())
            self.wire.downwards = 3 * MIB
            with self.assertRaises(ConnectionFailed):
                self.get("big", f"{self.here}/big")
            self.lay_there("big", content)
            self.client = self.run_it(self.make())
            self.get("big", f"{self.here}/big", force=True)
            self.assertEqual(tree(self.here)["big"], content)
            os.unlink(f"{self.here}/big")

    def test_interrupted(self) -> None:
        """Whoever has had enough of it finds no half file."""
        self.lay_there("big", BIG)
        from homeftp.client.plan.get import get

        working = Deferred.fromCoroutine(
            get(self.client, self.context, ["big"], f"{self.here}/big", CHOICES, self.observer())
        )
        for _ in range(30):
            self.server.clock.advance(0)
            self.wire._deliver(self.wire.near, self.wire.far, 0)
            self.wire._deliver(self.wire.far, self.wire.near, 0)
            if tree(self.here):
                break
        self.assertEqual(len(tree(self.here)), 1, "the control: it is in its middle")
        working.cancel()
        self.wire.pump()
        self.failureResultOf(working).trap(CancelledError)
        self.assertEqual(tree(self.here), {})

    def test_standard_output(self) -> None:
        """What goes to standard output goes on too, and comes out whole."""
        self.lay_there("big", BIG)
        self.cuts = [{"downwards": MIB + 500_000}, {"downwards": MIB + 700_000}]
        self.break_after()
        with open(f"{self.here}/out", "w+b") as output:
            self.run_it(get_stream(self.client, self.context, "big", output, self.observer()))
            output.seek(0)
            self.assertEqual(output.read(), BIG)

    def test_standard_output_changed(self) -> None:
        """What has been written cannot be taken back: a file that is another one by then ends it."""
        self.lay_there("big", BIG)
        self.wire.downwards = 2 * MIB
        make = self.reconnector._make

        async def changing() -> Client:
            self.lay_there("big", b"x" + BIG[1:])
            return await make()

        self.reconnector._make = changing
        with open(f"{self.here}/out", "w+b") as output, self.assertRaisesRegex(Changed, "do not use what was written"):
            self.run_it(get_stream(self.client, self.context, "big", output, self.observer()))


class CmpTests(ReconnectCase):
    """A comparison that is cut off."""

    def test_cmp(self) -> None:
        """It tells of each file once."""
        for number in range(300):
            self.lay(f"f{number}", b"here %d" % number)
            self.lay_there(f"all/f{number}", b"here %d" % number if number % 2 else b"there")
        self.cuts = [{"upwards": 9_000}, {"upwards": 9_000}]
        self.break_after()
        self.cmp(self.here, "all")
        files = [item for item in self.results if item.kind == "file"]
        self.assertEqual(len(files), 300)
        self.assertEqual(sum(item.outcome is Outcome.DIFFERS for item in files), 150)


class ReasonTests(ReconnectCase):
    """What is waited for, and what is not."""

    def test_reasons(self) -> None:
        """A network, a server that stops or is busy may be otherwise in a while; trust and logins will not."""

        async def good() -> Client:
            return self.client

        for reason, waits in (
            (ConnectionFailed("x"), True),
            (ShuttingDown("x"), True),
            (Busy("x"), True),
            (ProtocolViolation("x"), False),
            (UntrustedServer("x"), False),
            (LoginFailed("x"), False),
        ):
            reconnector = Reconnector(self.server.clock, good)
            reconnector.record_progress()
            working = Deferred.fromCoroutine(reconnector.reconnect(reason))
            self.server.clock.advance(1)
            if waits:
                self.assertIs(self.successResultOf(working), self.client)
            else:
                self.failureResultOf(working).trap(type(reason))

    def test_refused_then(self) -> None:
        """A login that is refused when the connection is made again ends it."""

        async def refused() -> Client:
            raise LoginFailed("no more")

        reconnector = Reconnector(self.server.clock, refused)
        reconnector.record_progress()
        working = Deferred.fromCoroutine(reconnector.reconnect(ConnectionFailed("x")))
        self.server.clock.advance(1)
        self.failureResultOf(working).trap(LoginFailed)


CHOICES = TransferOptions(recursive=True)
