"""A session of SFTP over a store in memory, as its client sees it: packets in, answers out."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from homeftp.endpoint import ROOT
from homeftp.errors import Forbidden
from homeftp.interfaces import IFiles
from homeftp.server.gate.traffic import Traffic
from homeftp.server.sftp.session import REQUEST_TYPES, Session
from homeftp.server.sftp.shared import SharedSessions
from homeftp.store.policy.rights import ALL
from tests.support.filestores import FilesTestCase
from tests.support.sftppackets import INIT, Answer, Raw, attrs, request, u64
from tests.support.sftpstore import FakeOutput


class SessionCase(FilesTestCase):
    """One session of ann."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.shared = SharedSessions()
        self.traffic = Traffic(self.clock.seconds).of("sftp", REQUEST_TYPES)
        self.revoked = False
        self.looking_up: Deferred[None] | None = None
        """What requests wait for until access is confirmed; None: it was just granted."""
        self.confirmed = 0
        """How often a request has asked."""
        self.output, self.session = self.connect()
        self.last = 0

    def connect(self) -> tuple[FakeOutput, Session]:
        """Another session."""
        output = FakeOutput()
        session = Session(
            self.files_of,
            "ann",
            output,
            rights_at=lambda endpoint: ALL,
            home=ROOT,
            shared=self.shared,
            budget=self.budget,
            clock=self.clock,
            traffic=self.traffic,
            in_turn=lambda call: self.workers.in_turn(call),
            confirm=self.confirm,
        )
        output.session = session
        session.data_received(INIT)
        self.workers.work_all()
        (version,) = output.take()
        self.assertEqual((version.kind, version.id), (2, 3))
        return output, session

    def confirm(self) -> Deferred[None] | None:
        """Fails with `Forbidden` (33) once access was revoked."""
        self.confirmed += 1
        return fail(Forbidden("access was revoked")) if self.revoked else self.looking_up

    def files_of(self, request: str) -> IFiles:
        """The files of the login."""
        return self.files

    def send(self, kind: int, *fields: Any) -> int:
        """Send a request; its id."""
        self.last += 1
        self.session.data_received(request(kind, self.last, *fields))
        return self.last

    def ask(self, kind: int, *fields: Any) -> Answer:
        """The answer to a request."""
        id = self.send(kind, *fields)
        self.workers.work_all()
        (answer,) = self.output.take()
        self.assertEqual(answer.id, id)
        return answer

    def code(self, kind: int, *fields: Any) -> int:
        """The code with which a request is answered."""
        return self.ask(kind, *fields).code

    def open(self, path: str, flags: int, **attributes: Any) -> bytes:
        """The handle of a file."""
        return self.ask(3, path.encode(), flags, Raw(attrs(**attributes))).string

    def write(self, handle: bytes, offset: int, data: bytes) -> int:
        """Write a part."""
        return self.code(6, handle, Raw(u64(offset)), data)

    def read(self, handle: bytes, offset: int, length: int) -> Answer:
        """Read a part."""
        return self.ask(5, handle, Raw(u64(offset)), length)
