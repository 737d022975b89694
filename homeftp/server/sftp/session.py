"""One SFTP session: each packet gets its answer, within bounds.

Each packet is answered, except after what makes no sense of all that follows. A request counts as held until it is
answered; the channel takes no more from its client than it may hold. Nothing is read for a client that does not read.
"""

from __future__ import annotations

from typing import Callable, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest
from homeftp.files.budget import MemoryBudget
from homeftp.interfaces.traffic import ITraffic
from homeftp.interfaces.usage import Activity
from homeftp.model import MAX_SIZE
from homeftp.server.gate.timeouts import Deadline
from homeftp.server.sftp.handles import Handles
from homeftp.server.sftp.operations import Operation, SessionOperations
from homeftp.server.sftp.overlay.openfile import Confirm, FilesOf
from homeftp.server.sftp.overlay.overlay import Overlay, RightsAt
from homeftp.server.sftp.shared import SharedSessions
from homeftp.server.sftp.statuses import status_of
from homeftp.server.sftp.wire import answers
from homeftp.server.sftp.wire.numbers import MAX_READ, OpenFlag, StatusCode
from homeftp.server.sftp.wire.requests import (
    Asked,
    CopyAsked,
    OpenAsked,
    PacketReader,
    ReadAsked,
    SessionBroken,
    Verb,
    WriteAsked,
    parse_request,
)
from homeftp.workers.promptwork import run_promptly

MAX_IN_FLIGHT = 128
"""Requests of one session that are carried out at once: OpenSSH's client has 64."""

REQUESTS_PER_TURN = 4
"""Requests that are begun before other accounts have their turn: each takes some 50 µs."""

_LENGTH_BYTES = 4

IDLE_SECONDS = 10.0
"""Between two looks for files that are open and not read: what was read ahead is part of a memory that all share."""


_TYPES: dict[type, str] = {ReadAsked: "READ", WriteAsked: "WRITE", OpenAsked: "OPEN", CopyAsked: "COPY_DATA"}
"""The names of requests without a verb."""

REQUEST_TYPES = frozenset({*_TYPES.values(), *(verb.name for verb in Verb)})
"""The types of requests, as the owner's metrics call them."""


def _type_of(asked: Asked) -> str:
    name = _TYPES.get(type(asked))
    return asked.verb.name if name is None else name  # type: ignore[union-attr]


@attrs.define(eq=False)
class _Held:
    """A request that was not answered."""

    asked: Asked
    request_type: str
    size: int
    """Bytes of its packet."""
    began: float
    """Seconds by the clock."""


class Output(Protocol):
    """Where a session's answers go."""

    @property
    def writable(self) -> bool:
        """Whether the client reads fast enough for more; where it does not, `Session.resume` is called later."""

    def write(self, data: bytes | memoryview) -> None:
        """Send a part of an answer; `consumed` is called after the last one."""

    def consumed(self) -> None:
        """Less is held than before (`Session.held`)."""

    def lose(self) -> None:
        """End the session."""


class Session:
    """One session of a login whose files `files` gives, with its `rights_at`; `home` is where they are in the store."""

    _log = Logger()

    def __init__(
        self,
        files: FilesOf,
        owner: str,
        output: Output,
        *,
        home: Endpoint,
        rights_at: RightsAt,
        shared: SharedSessions,
        budget: MemoryBudget,
        clock: IReactorTime,
        traffic: ITraffic,
        in_turn: Callable[[Callable[[], None]], None],
        confirm: Confirm,
    ) -> None:
        """`in_turn` makes a call at once, or when the account has its turn; `confirm` is as in `OpenFile`."""
        self._output = output
        self._clock = clock
        self._traffic = traffic
        self._in_turn = in_turn
        self._turn_asked = False
        self._packets = PacketReader()
        self._handles = Handles(owner, shared.handles)
        self._overlay = Overlay(
            files, budget, self._can_send, confirm, home=home, exclusive=shared.exclusive, rights_at=rights_at
        )
        self._operations = SessionOperations(files, self._overlay, self._handles, owner, clock, confirm)
        self._waiting: list[Deferred[None]] = []
        self._in_flight: dict[_Held, None] = {}
        """The requests that are being carried out, the oldest first."""
        self._bytes = 0
        self._processing = False
        self._ended = False
        self._stopping = False
        self._idle = Deadline(clock, IDLE_SECONDS, self._look_for_idle)

    def _may_begin(self) -> bool:
        if self._ended or self._stopping or len(self._in_flight) >= MAX_IN_FLIGHT:
            return False
        return self._output.writable

    def _look_for_idle(self) -> None:
        """Files that were not read since the last look need not hold what was read ahead."""
        self._overlay.forget_idle()
        self._idle = Deadline(self._clock, IDLE_SECONDS, self._look_for_idle)

    @property
    def held(self) -> int:
        """Bytes of packets that have arrived completely and were not answered."""
        return self._bytes + self._packets.held - self._packets.partial

    @property
    def partial(self) -> bool:
        """Whether a packet has begun and is not complete."""
        return bool(self._packets.partial)

    @property
    def busy(self) -> bool:
        """Whether requests are being carried out."""
        return bool(self._in_flight)

    def activities(self) -> list[Activity]:
        """The requests that are being carried out, the oldest first."""
        now = self._traffic.now()
        return [
            Activity(
                request=each.request_type, endpoint=self._operations.endpoint(each.asked), seconds=now - each.began
            )
            for each in self._in_flight
        ]

    def data_received(self, data: bytes | memoryview) -> None:
        """Bytes from the client, which do not change."""
        if not self._ended:
            self._packets.append(data)
            self._process()

    def resume(self) -> None:
        """The output is writable again."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
        self._process()

    def stop(self) -> None:
        """The server stops: begin nothing more."""
        self._stopping = True

    def close(self) -> Deferred[None]:
        """The client has gone, or may not go on: nothing that was not committed is kept."""
        if self._ended:
            return Deferred.fromCoroutine(_nothing())
        self._ended = True
        self._idle.cancel()
        self._handles.close()
        self._operations.close()
        aborting = Deferred.fromCoroutine(self._overlay.abort())
        aborting.addErrback(lambda failure: self._log.failure("a draft could not be removed", failure))
        self.resume()
        return aborting

    def _can_send(self) -> Deferred[None] | None:
        """Fires when the client reads fast enough; None where it does."""
        if self._output.writable or self._ended:
            return None
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def _process(self) -> None:
        """Begin what has arrived, as far as it may be begun now."""
        if self._processing:
            return
        self._processing = True
        begun, more = 0, False
        try:
            while self._packets.held and self._may_begin():
                if begun == REQUESTS_PER_TURN:
                    more = True
                    break
                packet = self._packets.next_packet()
                if packet is None:
                    break
                begun += 1
                self._begin(parse_request(packet), len(packet) + _LENGTH_BYTES)
        except SessionBroken as error:
            self._log.info("an SFTP session is ended: {why}", why=error)
            self._output.lose()
        finally:
            self._processing = False
        if not self._ended:
            self._output.consumed()
        if more:
            self._ask_for_turn()  # last: it may be the session's turn at once

    def _ask_for_turn(self) -> None:
        if not self._turn_asked:
            self._turn_asked = True
            self._in_turn(self._next_turn)

    def _next_turn(self) -> None:
        self._turn_asked = False
        self._process()

    def _begin(self, asked: Asked, size: int) -> None:
        held = _Held(asked, _type_of(asked), size, self._traffic.now())
        self._in_flight[held] = None
        self._bytes += size
        try:
            if isinstance(asked, ReadAsked):
                self._read(asked, held)
            elif isinstance(asked, WriteAsked):
                self._write(asked, held)
            else:
                run_promptly(self._operate(asked, held))
        except Exception as error:  # noqa: BLE001 (it is the answer)
            self._refuse(asked.id, error, held)

    def _read(self, asked: ReadAsked, held: _Held) -> None:
        id = asked.id

        def done(result: bytes | memoryview | Exception) -> None:
            if isinstance(result, Exception):
                self._refuse(id, result, held)
            elif not result:
                self._answer(answers.status(id, StatusCode.EOF, "end of file"), held)
            else:
                head, content = answers.data(id, result)
                if not self._ended:
                    self._output.write(head)
                self._answer(content, held)

        opened = self._handles.file(asked.handle, to_read=True).opened
        if asked.offset > MAX_SIZE:
            done(b"")
        else:
            opened.read(asked.offset, min(asked.length, MAX_READ), done)

    def _write(self, asked: WriteAsked, held: _Held) -> None:
        id = asked.id

        def done(error: Exception | None) -> None:
            if error is None:
                self._answer(answers.status(id, StatusCode.OK), held)
            else:
                self._refuse(id, error, held)

        handle = self._handles.file(asked.handle, to_write=True)
        if asked.offset + len(asked.data) > MAX_SIZE:
            raise BadRequest("no file is so large")
        handle.opened.write(None if handle.flags & OpenFlag.APPEND else asked.offset, asked.data, done)

    async def _operate(self, asked: Operation, held: _Held) -> None:
        try:
            answer = await self._operations.carry_out(asked)
        except Exception as error:  # noqa: BLE001 (it is the answer)
            self._refuse(asked.id, error, held)
        else:
            self._answer(answer, held)

    def _refuse(self, id: int, error: Exception, held: _Held) -> None:
        status, message = status_of(error)
        error.__traceback__ = None  # its frames refer to it: all that the request needed would stay with it
        self._answer(answers.status(id, status, message), held, status)

    def _answer(self, data: bytes | memoryview, held: _Held, status: StatusCode = StatusCode.OK) -> None:
        del self._in_flight[held]
        self._bytes -= held.size
        if not self._ended:
            self._output.write(data)
            self._traffic.answered(held.request_type, status, held.began)
            self._process()


async def _nothing() -> None:
    pass
