"""The contract of resuming: an account continues its own interrupted uploads, until they expire."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from homeftp.config import PARTIAL_UPLOAD_SECONDS, RESUMABLE
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Changed, ContentMismatch
from homeftp.interfaces.store import IStore
from homeftp.model import Actor, ResumePoint
from homeftp.testing.contract.case import ContractCase, request, sha

PART = RESUMABLE + 1000
"""Bytes of an upload that are worth keeping when it is interrupted."""


class ResumingContract(ContractCase):
    """The contract of uploads that are continued."""

    def cut(self, store: IStore, content: bytes, size: int, **fields: object) -> None:
        """Begin an upload to d/a.txt, and suspend it when `size` bytes have come."""
        upload = store.upload(request("d/a.txt", size=len(content), **fields))
        upload.write(content[:size])
        upload.suspend()
        upload.abort()

    def check_owner(self, store: IStore, began: Actor, same: Actor, other: Actor) -> None:
        """The account `other` neither learns of nor continues the upload of `began`; `same` does, as the control."""
        owner, another = store.bind(same), store.bind(other)
        content = bytes(range(256)) * (2 * PART // 256)
        self.cut(store.bind(began), content, PART, hash=sha(content), mtime_us=5)
        rest = request("d/a.txt", size=len(content), offset=PART, hash=sha(content), mtime_us=5)
        for known in ((sha(content), len(content), None), (None, len(content), 5)):
            self.assertIsNone(another.resume_point(parse("d/a.txt"), *known))
            self.assertIsNotNone(owner.resume_point(parse("d/a.txt"), *known), "the control")
        self.assert_refused(Changed, another.upload, rest)
        self.assert_refused(Changed, another.upload, structs.replace(rest, hash=None))
        self.upload(another, "d/a.txt", content, hash=sha(content), mtime_us=5)
        self.remove(another, "d/a.txt")
        upload = owner.upload(rest)
        self.assertEqual(list(upload.verify_resumed())[-1], PART)
        upload.write(content[PART:])
        self.assertEqual(upload.commit().hash, sha(content))

    def test_resume(self) -> None:
        """A suspended upload shows nothing, tells how far it came, and is continued from there to the whole content."""
        store = self.store()
        if not store.capabilities.resume:
            return
        content = bytes(range(256)) * (2 * PART // 256)
        for hash, mtime_us in ((sha(content), None), (None, 1_700_000_000_000_000)):
            fields: dict[str, Any] = {"hash": hash, "mtime_us": mtime_us}
            self.cut(store, content, PART, **fields)
            self.assertIsNone(store.stat(parse("d/a.txt")))
            known = hash, len(content), mtime_us
            self.assertEqual(store.resume_point(parse("d/a.txt"), *known), ResumePoint(PART, sha(content[:PART])))
            upload = store.upload(request("d/a.txt", size=len(content), offset=PART, **fields))
            self.assertEqual(list(upload.verify_resumed())[-1], PART)
            upload.write(content[PART:])
            self.assertEqual(upload.commit().hash, sha(content))
            self.assertEqual(self.content(store, "d/a.txt"), content)
            self.assertIsNone(store.resume_point(parse("d/a.txt"), *known))
            self.remove(store, "d/a.txt")

    def test_resume_from_less(self) -> None:
        """An upload may be continued from less than what arrived, and not from more."""
        store = self.store()
        if not store.capabilities.resume:
            return
        content = bytes(range(256)) * (2 * PART // 256)
        self.cut(store, content, PART, hash=sha(content))
        more = request("d/a.txt", size=len(content), offset=PART + 1, hash=sha(content))
        self.assert_refused(Changed, store.upload, more)
        upload = store.upload(request("d/a.txt", size=len(content), offset=PART - 500, hash=sha(content)))
        self.assertEqual(list(upload.verify_resumed())[-1], PART - 500)
        upload.write(content[PART - 500 :])
        self.assertEqual(upload.commit().hash, sha(content))

    def test_resume_something_else(self) -> None:
        """A partial upload is not offered for another content, or another endpoint, and an aborted one not at all."""
        store = self.store()
        if not store.capabilities.resume:
            self.assertIsNone(store.resume_point(ROOT, sha(b""), 0, 0))
            return
        content = bytes(2 * PART)
        self.cut(store, content, PART, hash=sha(content))
        size = len(content)
        self.assertIsNotNone(store.resume_point(parse("d/a.txt"), sha(content), size, None))
        self.assertIsNone(store.resume_point(parse("d/a.txt"), sha(b"other"), size, None))
        self.assertIsNone(store.resume_point(parse("d/b.txt"), sha(content), size, None))
        self.assertIsNone(store.resume_point(parse("d/a.txt"), None, size + 1, 5))
        other = request("d/c.txt", size=size, hash=sha(content))
        upload = store.upload(other)
        upload.write(content[:PART])
        upload.abort()
        self.assertIsNone(store.resume_point(parse("d/c.txt"), sha(content), size, None))
        nothing = request("d/c.txt", size=size, offset=PART, hash=sha(content))
        self.assert_refused(Changed, store.upload, nothing)

    def test_resume_another_account(self) -> None:
        """Only the account that began an upload learns how far it came, and continues it, from any of its devices."""
        store = self.store()
        if not store.capabilities.resume:
            return
        self.check_owner(store, Actor("ann", "laptop"), Actor("ann", "phone"), Actor("bob"))

    def test_resume_name_of_a_removed_account(self) -> None:
        """An account that has the name of a removed one does not get its uploads; the account itself does."""
        store = self.store()
        if not store.capabilities.resume:
            return
        self.check_owner(store, *(Actor("ann", account_id=each) for each in ("1", "1", "2")))

    def test_resume_by_time(self) -> None:
        """Where no hash was declared, an upload is found by its size and its mtime together, not by one of them."""
        store = self.store()
        if not store.capabilities.resume:
            return
        size = 2 * PART
        self.cut(store, bytes(size), PART, mtime_us=5)
        where = parse("d/a.txt")
        self.assertIsNotNone(store.resume_point(where, None, size, 5), "the control")
        for known in ((size, 6), (size, None), (size + 1, 5), (None, 5), (None, None)):
            self.assertIsNone(store.resume_point(where, None, *known), known)

    def test_refused_leaves_nothing(self) -> None:
        """An upload that is refused for its content cannot be resumed."""
        store = self.store()
        if not store.capabilities.resume:
            return
        content = bytes(PART)
        known = sha(b"other"), PART, None
        upload = store.upload(request("a.txt", size=PART, hash=known[0]))
        upload.write(content)
        self.assert_refused(ContentMismatch, upload.write, b"more")
        upload.abort()
        self.assertIsNone(store.resume_point(parse("a.txt"), *known))
        upload = store.upload(request("a.txt", size=PART, hash=known[0]))
        upload.write(content)
        self.assert_refused(ContentMismatch, upload.commit)
        upload.suspend()
        self.assertIsNone(store.resume_point(parse("a.txt"), *known))

    def test_resume_expires(self) -> None:
        """`maintain` removes what was not continued for `PARTIAL_UPLOAD_SECONDS`, and nothing earlier."""
        store = self.store()
        if not store.capabilities.resume:
            return
        content = bytes(2 * PART)
        known = sha(content), len(content), None
        self.cut(store, content, PART, hash=known[0])
        if not self.maintain_later(store, PARTIAL_UPLOAD_SECONDS / 2):
            return
        self.assertIsNotNone(store.resume_point(parse("d/a.txt"), *known))
        self.maintain_later(store, PARTIAL_UPLOAD_SECONDS + 60)
        self.assertIsNone(store.resume_point(parse("d/a.txt"), *known))
