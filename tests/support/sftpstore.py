"""A session of SFTP over any store, as its client sees it, without a connection and without a thread."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from homeftp.endpoint import ROOT
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.interfaces import IStore
from homeftp.server.gate.traffic import Traffic
from homeftp.server.sftp.session import REQUEST_TYPES, Session
from homeftp.server.sftp.shared import SharedSessions
from homeftp.store.policy.rights import ALL
from homeftp.workers import InlineWorkers
from tests.support.sftppackets import INIT, Answer, answers, request


class FakeOutput:
    """Collects what is sent, and counts what else is asked of it."""

    def __init__(self) -> None:
        self.writable = True
        self.sent: list[bytes] = []
        self.lost = False
        self.most_held = 0
        self.session: Session | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Keep it."""
        self.sent.append(bytes(data))

    def consumed(self) -> None:
        """Note how much is held."""
        assert self.session is not None
        self.most_held = max(self.most_held, self.session.held)

    def lose(self) -> None:
        """Note it."""
        self.lost = True

    def take(self) -> list[Answer]:
        """The answers that were sent."""
        sent, self.sent = b"".join(self.sent), []
        return answers(sent)


class SftpRefused(Exception):
    """A request was answered with another code than OK."""


class StoreClient:
    """One client. It has another session where it is asked about another store than before."""

    def __init__(self) -> None:
        self._store: IStore | None = None
        self._output = FakeOutput()
        self.handle = b""
        """The one that the last OPEN gave."""

    def ask(self, store: IStore, kind: int, *fields: Any) -> Answer:
        """The answer to a request. Raises `SftpRefused`."""
        if store is not self._store:
            self._store, self._output = store, FakeOutput()
            self._output.session = _session(store, self._output)
            self._send(INIT)
        answer = self._send(request(kind, 1, *fields))
        if answer.kind == 101 and answer.code:
            raise SftpRefused(answer.message)
        if answer.kind == 102:
            self.handle = answer.string
        return answer

    def _send(self, packet: bytes) -> Answer:
        assert self._output.session is not None
        self._output.session.data_received(packet)
        (answer,) = self._output.take()
        return answer


def _session(store: IStore, output: FakeOutput) -> Session:
    workers, budget = InlineWorkers(), MemoryBudget()
    files = FilesFactory(workers, budget).files(store)
    return Session(
        lambda request: files,
        "ann",
        output,
        rights_at=lambda endpoint: ALL,
        home=ROOT,
        shared=SharedSessions(),
        budget=budget,
        clock=Clock(),
        traffic=Traffic(Clock().seconds).of("sftp", REQUEST_TYPES),
        in_turn=workers.in_turn,
        confirm=lambda: None,
    )
