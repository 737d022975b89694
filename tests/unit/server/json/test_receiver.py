"""The bytes of a server's connection: line mode before TLS, raw mode after it, by public methods of LineReceiver."""

from __future__ import annotations

import ast
import inspect
import json
from functools import partial
from types import ModuleType
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection import protocol as client_protocol
from homeftp.config import SMALL_FILE
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IPayload
from homeftp.server.json import protocol as server_protocol
from homeftp.server.json import receiver
from homeftp.server.json.payload import WholePayload
from homeftp.server.json.receiver import EVENTS_PER_TURN, RequestReceiver
from homeftp.wire.events import Violation
from homeftp.wire.messages import Identifier, Request
from homeftp.wire.states import ConnectionState, Phase
from homeftp.workers import InlineWorkers
from tests.support.inmemory import FakeTransport

PRIVATE = {"_buffer", "_busyReceiving", "line_mode"}


def private_names(source: str) -> set[str]:
    """Which private names of LineReceiver a module uses, on whatever object."""
    return {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)} & PRIVATE


class PublicInterfaceTests(SynchronousTestCase):
    """Both protocols use no private part of LineReceiver."""

    def test_public_only(self) -> None:
        """None of its private names is in a protocol's module."""
        modules: tuple[ModuleType, ...] = (receiver, server_protocol, client_protocol)
        for module in modules:
            self.assertEqual(private_names(inspect.getsource(module)), set(), module.__name__)

    def test_control(self) -> None:
        """The check notices each of them."""
        for name in PRIVATE:
            self.assertEqual(private_names(f"def f(self):\n    self.{name} = 1"), {name})


class Receiver(RequestReceiver):
    """Keeps what it is given."""

    def __init__(self, phase: Phase) -> None:
        super().__init__(ConnectionState(phase), partial(IncomingPayload, budget=MemoryBudget()))
        self.requests: list[tuple[Identifier, IPayload, int]] = []
        self.violations: list[Violation] = []
        self.completed = 0
        self.turns = InlineWorkers()
        self.waiting: list[Callable[[], None]] | None = None
        """The calls that wait for their turn; None: each has it at once."""
        self.pause_after = 0

    def _request_received(self, request: Request, payload: IPayload, line: int) -> None:
        self.requests.append((request.id, payload, line))
        if len(self.requests) == self.pause_after:
            self.pauseProducing()

    def _tls_requested(self, id: Identifier) -> None:
        self.requests.append((id, WholePayload(), 0))

    def _violation(self, violation: Violation) -> None:
        self.violations.append(violation)

    def _large_payload_begins(self) -> None:
        pass

    def _input_completed(self) -> None:
        self.completed += 1

    def _in_turn(self, call: Callable[[], None]) -> None:
        if self.waiting is None:
            self.turns.in_turn(call)
        else:
            self.waiting.append(call)

    def _update_reading(self) -> None:
        pass


def line(id: int, payload: bytes = b"") -> bytes:
    return json.dumps({"request_type": "PUSH", "id": id, "content_length": len(payload)}).encode() + b"\n" + payload


class ReceiverTests(SynchronousTestCase):
    """What the receiver makes of bytes."""

    def make(self, phase: Phase = Phase.AUTHENTICATED) -> Receiver:
        made = Receiver(phase)
        self.link = FakeTransport()
        made.makeConnection(self.link)
        if phase is not Phase.PLAIN:
            made.setRawMode()
        return made

    def test_payloads(self) -> None:
        """A small payload comes whole, a large one streams; the size of the line is told."""
        made = self.make()
        made.dataReceived(line(1, bytes(SMALL_FILE)) + line(2, bytes(SMALL_FILE + 1)) + line(3))
        (_, first, size), (_, second, _), (_, third, _) = made.requests
        self.assertIsInstance(first, WholePayload)
        self.assertIsInstance(second, IncomingPayload)
        self.assertEqual(size, len(line(1, bytes(SMALL_FILE))) - SMALL_FILE - 1)
        self.assertEqual((first.size, second.size, third.size), (SMALL_FILE, SMALL_FILE + 1, 0))

    def test_paused(self) -> None:
        """While it is paused nothing is handled, however it came; resumed, all of it is, in order and once."""
        made = self.make()
        made.pause_after = 2
        made.dataReceived(b"".join(line(id) for id in range(5)))
        made.dataReceived(b"".join(line(id) for id in range(5, 8)))
        self.assertEqual([id for id, _, _ in made.requests], [0, 1])
        made.resumeProducing()
        self.assertEqual([id for id, _, _ in made.requests], list(range(8)))

    def test_turns(self) -> None:
        """In a turn a few requests are handled; until the last nothing more is read, and nothing is lost that was."""
        made = self.make()
        turns: list[Callable[[], None]] = []
        made.waiting = turns
        made.dataReceived(b"".join(line(id) for id in range(2 * EVENTS_PER_TURN)))
        self.assertEqual(self.link.producerState, "paused")
        made.dataReceived(line(2 * EVENTS_PER_TURN))
        for count in range(3):
            self.assertEqual(len(made.requests), count * EVENTS_PER_TURN)
            self.assertEqual(self.link.producerState, "paused")
            [turn] = turns
            turns.clear()
            turn()
        self.assertEqual([id for id, _, _ in made.requests], list(range(2 * EVENTS_PER_TURN + 1)))
        self.assertEqual((turns, self.link.producerState), ([], "producing"))

    def test_full_in_turn(self) -> None:
        """Where the client has to wait when its turn comes, nothing is read until it need not wait any more."""
        made = self.make()
        turns: list[Callable[[], None]] = []
        made.waiting = turns
        made.pause_after = 1
        made.dataReceived(line(0) + line(1))
        while turns:
            turns.pop()()
        self.assertEqual((len(made.requests), self.link.producerState), (1, "paused"))
        made.resumeProducing()
        self.assertEqual((len(made.requests), self.link.producerState), (1, "paused"))
        while turns:
            turns.pop()()
        self.assertEqual((len(made.requests), self.link.producerState), (2, "producing"))

    def test_fault(self) -> None:
        """A fault in the handling of a request ends the connection, also where it has no caller but the turn."""
        made = self.make()
        made.requests = ()  # type: ignore[assignment]
        made.dataReceived(line(0))
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertTrue(self.link.aborted)

    def test_first_line(self) -> None:
        """Before TLS it is in line mode, and what came behind the first line is judged with it."""
        made = self.make(Phase.PLAIN)
        made.dataReceived(b'{"request_type": ')
        made.dataReceived(b'"STARTTLS"}\r\n')
        self.assertEqual((len(made.requests), made.violations), (1, []))
        made = self.make(Phase.PLAIN)
        made.dataReceived(b'{"request_type": "STARTTLS"}\nx')
        self.assertEqual([violation.must_abort for violation in made.violations], [True])
        self.assertEqual(made.requests, [])

    def test_endless_first_line(self) -> None:
        """A first line without an end is a violation at the limit, and no byte of it is kept."""
        made = self.make(Phase.PLAIN)
        for _ in range(20):
            made.dataReceived(b"x" * 1000)
        self.assertEqual(len(made.violations), 1)

    def test_byte_by_byte(self) -> None:
        """80,000 reads of one byte give the same request (D3)."""
        made = self.make()
        data = line(1, bytes(range(256)) * 234) + line(2, bytes(20_000))
        for start in range(80_000):
            made.dataReceived(data[start : start + 1])
        [(id, payload, _)] = made.requests
        self.assertEqual(id, 1)
        assert isinstance(payload, WholePayload)
        self.assertEqual(payload.content, bytes(range(256)) * 234)
