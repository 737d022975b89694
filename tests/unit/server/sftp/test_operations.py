"""Operations: what the requests of a session do besides reading and writing. More is in test_session.py."""

from __future__ import annotations

from twisted.internet.task import Clock

from homeftp.errors import Forbidden, NotFound, UnknownRequestType
from homeftp.interfaces import IFiles
from homeftp.server.sftp.handles import Handles
from homeftp.server.sftp.operations import SessionOperations
from homeftp.server.sftp.overlay.overlay import Overlay
from homeftp.server.sftp.shared import AccountHandles
from homeftp.server.sftp.wire.fields import Attributes
from homeftp.server.sftp.wire.numbers import OpenFlag
from homeftp.server.sftp.wire.requests import (
    AttributesAsked,
    CopyAsked,
    HandleAsked,
    OpenAsked,
    OtherAsked,
    PathAsked,
    PathsAsked,
    ReadAsked,
    Verb,
    WriteAsked,
)
from tests.support.filestores import FilesTestCase
from tests.support.sftppackets import answers


class OperationTests(FilesTestCase):
    """The operations of one session."""

    def setUp(self) -> None:
        super().setUp()
        self.handles = Handles("ann", AccountHandles())
        overlay = Overlay(self.files_of, self.budget)
        self.operations = SessionOperations(self.files_of, overlay, self.handles, "ann", Clock(), lambda: None)

    def files_of(self, request: str) -> IFiles:
        """The files of the login."""
        return self.files

    def test_answers(self) -> None:
        """What is done is answered, and what cannot be done raises."""
        self.lay({"a": b"x"})
        done = self.operations.carry_out
        (found,) = answers(self.result_of(done(PathAsked(1, Verb.STAT, b"/a"))))
        self.assertEqual(found.attributes.size, 1)
        (found,) = answers(self.result_of(done(PathsAsked(2, Verb.RENAME, b"/a", b"/b"))))
        self.assertEqual((found.code, self.content("b")), (0, b"x"))
        for kind, asked in (
            (NotFound, PathAsked(3, Verb.STAT, b"/\xff")),
            (UnknownRequestType, PathAsked(4, Verb.READLINK, b"/b")),
            (UnknownRequestType, OtherAsked(5, Verb.UNKNOWN)),
            (Forbidden, AttributesAsked(6, Verb.SETSTAT, b"/b", Attributes(owner=(5, 5)))),
        ):
            self.error_of(kind, done(asked))

    def test_endpoint(self) -> None:
        """What a request reads or changes, for the owner to see: by a path, or by a handle."""
        self.lay({"d/a": b"x"})
        opened = self.operations.carry_out(OpenAsked(1, b"/d/a", OpenFlag.READ, Attributes()))
        (found,) = answers(self.result_of(opened))
        handle, data = found.string, memoryview(b"x")
        for asked, path in (
            (OpenAsked(1, b"/d/./b", OpenFlag.READ, Attributes()), "d/b"),
            (PathAsked(1, Verb.STAT, b"d"), "d"),
            (PathsAsked(1, Verb.RENAME, b"/d/a", b"/b"), "d/a"),
            (AttributesAsked(1, Verb.MKDIR, b"/n", Attributes()), "n"),
            (AttributesAsked(1, Verb.FSETSTAT, handle, Attributes()), "d/a"),
            (HandleAsked(1, Verb.CLOSE, handle), "d/a"),
            (ReadAsked(1, handle, 0, 1), "d/a"),
            (WriteAsked(1, handle, 0, data), "d/a"),
            (CopyAsked(1, handle, 0, 0, b"none", 0), "d/a"),
            (HandleAsked(1, Verb.FSTAT, b"none"), ""),
            (PathAsked(1, Verb.STAT, b"/\xff"), ""),
            (OtherAsked(1, Verb.UNKNOWN), ""),
        ):
            self.assertEqual(str(self.operations.endpoint(asked)), path, asked)

    def test_place(self) -> None:
        """A directory that cannot be opened takes no place among the handles."""
        for _ in range(200):
            self.error_of(NotFound, self.operations.carry_out(PathAsked(1, Verb.OPENDIR, b"/none")))
        (found,) = answers(self.result_of(self.operations.carry_out(PathAsked(1, Verb.OPENDIR, b"/"))))
        (closed,) = answers(self.result_of(self.operations.carry_out(HandleAsked(2, Verb.CLOSE, found.string))))
        self.assertEqual(closed.code, 0)
