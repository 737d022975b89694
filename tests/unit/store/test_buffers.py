"""Handles over bytes: what the contract does not ask of them, because it depends on the backend."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.endpoint import parse
from homeftp.errors import ContentMismatch, NoSpace
from homeftp.interfaces.store import IDraft, IOpenFile, IUpload
from homeftp.model import Entry, WriteRequest
from homeftp.store.buffers import BytesDraft, BytesFile, BytesUpload

ENTRY = Entry("", "file", 4, hash="sha256:…")


def ten_bytes(size: int) -> None:
    """The limit of these tests."""
    if size > 10:
        raise NoSpace("at most ten bytes")


class FileTests(SynchronousTestCase):
    """Open files."""

    def test_inline(self) -> None:
        """The content is shown where it is small enough, and can be read anyway."""
        verifyObject(IOpenFile, BytesFile(ENTRY, b"four"))
        for inline, content in ((-1, None), (3, None), (4, b"four")):
            file = BytesFile(ENTRY, b"four", inline)
            self.assertEqual((file.content, file.read(1, 2), list(file.hash_steps())), (content, b"ou", [ENTRY.hash]))
            self.assertIs(file.close_verified(None), ENTRY)


class UploadTests(SynchronousTestCase):
    """Uploads."""

    def upload(self, arrived: bytes = b"", size: int | None = None) -> BytesUpload:
        """One whose end is kept in `ends`."""
        self.ends: list[tuple[object, ...]] = []

        def commit(content: bytes, hash: str | None) -> Entry:
            self.ends.append(("committed", content, hash))
            return ENTRY

        request = WriteRequest(endpoint=parse("a"), size=size, hash="declared", offset=len(arrived))
        suspend = lambda content: self.ends.append(("suspended", content))  # noqa: E731
        return BytesUpload(request, arrived, check_size=ten_bytes, commit=commit, suspend=suspend)

    def test_ends(self) -> None:
        """An upload ends once: committed with the declared hash or the one behind it, suspended, or aborted."""
        upload = self.upload(b"ab")
        verifyObject(IUpload, upload)
        self.assertEqual(list(upload.verify_resumed()), [2])
        upload.write(b"cd")
        self.assertIs(upload.commit(), ENTRY)
        upload.suspend()
        self.assertEqual(self.ends, [("committed", b"abcd", "declared")])
        self.assertRaises(ValueError, upload.commit)
        upload = self.upload()
        upload.commit("behind")
        self.assertEqual(self.ends, [("committed", b"", "behind")])
        upload = self.upload()
        upload.write(b"ab")
        upload.suspend()
        upload.abort()
        self.assertEqual(self.ends, [("suspended", b"ab")])
        self.assertRaises(ValueError, upload.write, b"")

    def test_limits(self) -> None:
        """Content over the limit ends the upload."""
        for size, refusal in ((None, NoSpace), (3, ContentMismatch)):
            upload = self.upload(size=size)
            self.assertRaises(refusal, upload.write, bytes(11))
            self.assertRaises(ValueError, upload.commit)
            self.assertEqual(self.ends, [])


class DraftTests(SynchronousTestCase):
    """Drafts."""

    def test_limits(self) -> None:
        """Content over the limit leaves the draft as it was; a draft that has ended takes nothing more."""
        contents: list[bytes] = []

        def commit(content: bytes, mtime_us: int | None, mode: int | None) -> Entry:
            self.assertEqual((mtime_us, mode), (7, 0o600))
            contents.append(content)
            return ENTRY

        draft = BytesDraft(b"1234", check_size=ten_bytes, commit=commit)
        verifyObject(IDraft, draft)
        self.assertRaises(NoSpace, draft.write, 9, b"ab")
        self.assertRaises(NoSpace, draft.truncate, 11)
        draft.write(9, b"")
        self.assertEqual((draft.size, draft.read(0, 99)), (4, b"1234"))
        draft.write(6, b"7890")
        self.assertIs(draft.commit(mtime_us=7, mode=0o600), ENTRY)
        self.assertEqual(contents, [b"1234\0\x007890"])
        for act in (draft.commit, lambda: draft.write(0, b""), lambda: draft.truncate(0)):
            self.assertRaises(ValueError, act)
