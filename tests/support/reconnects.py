"""A client whose connections break where a test says so, and a reconnector that makes them again."""

from __future__ import annotations

import os
from typing import Any, Coroutine, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeftp.client import (
    Client,
    TransferContext,
    TransferObserver,
)
from homeftp.client.reconnector import Reconnector
from homeftp.config import MIB
from homeftp.syscalls import System
from homeftp.testing.memorylink import MemoryTransport
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import Wire, identity
from tests.support.inmemory import PASSWORD
from tests.support.transfers import TransferCase

T = TypeVar("T")

BIG_RANDOM = b"B" + os.urandom(4 * MIB - 1)
"""A large file that does not begin with an x: with an x before its rest it is another file."""


class BreakingWire(Wire):
    """Breaks after so many bytes in one direction."""

    upwards: int | None = None
    downwards: int | None = None
    moved = 0

    def _deliver(self, sender: MemoryTransport, receiver: MemoryTransport, split: int) -> bool:
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


class ReconnectCase(TransferCase):
    """A client whose connections break as `cuts` says; each new connection is the next wire."""

    wire: BreakingWire

    def setUp(self) -> None:
        self.wires: list[BreakingWire] = []
        self.cuts: list[dict[str, int]] = []
        super().setUp()
        self.messages: list[str] = []
        self.resumed: list[tuple[str, int]] = []
        self.reconnector = Reconnector(self.server.clock, self.make, notify=self.messages.append)
        self.reconnector.client = self.client
        self.reconnector.record_progress()
        self.context = TransferContext(InlineWorkers(), System(), reconnector=self.reconnector)

    def connect(self, kind: type[Wire] = BreakingWire) -> BreakingWire:
        wire = super().connect(kind)
        assert isinstance(wire, BreakingWire)
        self.wires.append(wire)
        return wire

    async def make(self) -> Client:
        """Make the next connection, which breaks as the next of `cuts` says."""
        self.wire = self.connect()
        await self.wire.client.secured
        client = Client(self.wire.client, fingerprint=identity("home").fingerprint)
        await client.login("ann", PASSWORD)
        self.break_after()
        return client

    def break_after(self) -> None:
        """Let the current connection break as the next of `cuts` says."""
        for direction, size in (self.cuts.pop(0) if self.cuts else {}).items():
            setattr(self.wire, direction, size)

    def run_work(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work, over as many connections as it takes."""
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        for _ in range(5000):
            self.wire.pump()
            if results:
                break
            self.server.clock.advance(0.5)
        self.assertEqual(len(results), 1, "the work waits for something that does not come")
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
