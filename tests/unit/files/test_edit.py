"""A draft of a file's content, through `Files.edit`."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from homeftp.errors import Forbidden
from homeftp.files.edit import FileDraft
from homeftp.interfaces import IFileDraft
from tests.support.filestores import FilesTestCase, request_for


class FileDraftTests(FilesTestCase):
    """A draft of "0123456789"."""

    def setUp(self) -> None:
        super().setUp()
        self.lay({"a": b"0123456789"})

    def edit(self) -> FileDraft:
        """Begin to change the file."""
        draft = self.result_of(self.files.edit(request_for("a", b"", size=None, hash=None)))
        verifyObject(IFileDraft, draft)
        return draft

    def test_commit(self) -> None:
        """Bytes are replaced, appended and cut; the file changes when the draft is committed."""
        draft = self.edit()
        self.assertEqual((draft.size, self.result_of(draft.read(2, 3))), (10, b"234"))
        self.result_of(draft.write(9, b"abc"))
        self.result_of(draft.write(0, b"-"))
        self.result_of(draft.truncate(11))
        self.assertEqual((draft.size, self.content("a")), (11, b"0123456789"))
        self.assertEqual(self.result_of(draft.commit()).size, 11)
        self.assertEqual(self.content("a"), b"-12345678ab")

    def test_order(self) -> None:
        """Calls that are made without waiting are carried out one after another, in their order."""
        draft = self.edit()
        calls: list[Deferred[Any]] = [draft.write(0, b"x"), draft.read(0, 2), draft.truncate(1), draft.commit()]
        for call in calls:
            self.assertNoResult(call)
            self.assertEqual(self.workers.work(), 1)
        self.assertEqual(self.successResultOf(calls[1]), b"x1")
        self.assertEqual(self.content("a"), b"x")

    def test_abort(self) -> None:
        """A draft that is aborted leaves the file be."""
        draft = self.edit()
        self.result_of(draft.write(0, b"x"))
        self.result_of(draft.abort())
        self.result_of(draft.abort())
        self.assertEqual(self.content("a"), b"0123456789")

    def test_revoked(self) -> None:
        """Once access is revoked a draft is neither changed nor committed; it can be aborted."""
        draft = self.edit()
        self.result_of(draft.write(0, b"x"))
        self.login.revoked = True
        for call in (draft.write(0, b"y"), draft.truncate(0), draft.commit()):
            self.error_of(Forbidden, call)
        self.error_of(Forbidden, self.files.edit(request_for("a", b"")))
        self.result_of(draft.abort())
        self.assertEqual(self.content("a"), b"0123456789")
