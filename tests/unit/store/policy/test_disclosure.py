"""Refusals of uploads and drafts tell only what may be disclosed, at each step."""

from __future__ import annotations

from typing import Callable

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.endpoint import parse
from homeftp.errors import Changed, Forbidden, Refusal, TooLarge
from homeftp.interfaces import IDraft, IUpload
from homeftp.interfaces.store import StoreOptions
from homeftp.interfaces.usage import SpaceReport
from homeftp.model import ABSENT, SERVER, Actor, Allotment
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.disclosure import DisclosedDraft, DisclosedUpload, account_space, declarable
from homeftp.testing.contract.case import request


def disclose(refused: Refusal) -> Refusal:
    """Nothing of what exists."""
    return Forbidden("hidden") if isinstance(refused, Changed) else refused


class DisclosureTests(SynchronousTestCase):
    """What is passed on, and what is not."""

    def setUp(self) -> None:
        """A store that takes files of ten bytes."""
        super().setUp()
        self.store = MemoryStore(StoreOptions(file_size=10))

    def upload(self, name: str) -> DisclosedUpload:
        """An upload of four bytes."""
        begun = self.store.upload(request(name, size=4, precondition=ABSENT))
        upload = DisclosedUpload(begun, disclose, lambda entry: structs.replace(entry, mode=None))
        verifyObject(IUpload, upload)
        return upload

    def draft(self, name: str) -> DisclosedDraft:
        """A draft of a new file."""
        draft = DisclosedDraft(self.store.edit(request(name, precondition=ABSENT)), disclose)
        verifyObject(IDraft, draft)
        return draft

    def taken(self, name: str) -> None:
        """Somebody else stores something by that name."""
        self.store.write_many([(request(name, size=6), b"theirs")])

    def message(self, act: Callable[[], object], kind: type[Refusal]) -> str:
        """The message of a refusal of that kind."""
        refused: Refusal = self.assertRaises(kind, act)
        return refused.message

    def test_upload(self) -> None:
        """An upload is stored; at its commit a name that was taken meanwhile is not told."""
        upload = self.upload("a.txt")
        self.assertEqual(list(upload.verify_resumed()), [])
        upload.write(b"ours")
        stored = upload.commit()
        self.assertEqual((stored.size, stored.mode), (4, None))
        upload.abort()
        late = self.upload("b.txt")
        late.write(b"ours")
        self.taken("b.txt")
        self.assertEqual(self.message(late.commit, Forbidden), "hidden")

    def test_draft(self) -> None:
        """A draft is changed and stored; at its commit a taken name is not told, and other refusals are as they are."""
        draft = self.draft("a.txt")
        draft.write(0, b"content")
        draft.truncate(4)
        self.assertEqual((draft.size, draft.read(0, 9)), (4, b"cont"))
        self.assertIn("too large", self.message(lambda: draft.write(0, bytes(11)), TooLarge))
        self.assertEqual(draft.commit().size, 4)
        late = self.draft("b.txt")
        self.taken("b.txt")
        self.assertEqual(self.message(late.commit, Forbidden), "hidden")
        late.abort()


ANN = Actor("ann", allotment=Allotment(parse("ann"), 1_000_000, may_discard=True, sees_all=False, sees_home=True))
DROP = Actor("drop", allotment=Allotment(parse("ann"), 1_000_000, may_discard=False, sees_all=False, sees_home=False))


class SpaceTests(SynchronousTestCase):
    """`account_space`."""

    def test_least(self) -> None:
        """The space that has the least free counts; what is not known does not."""
        spaces = [SpaceReport(free=50, used=1), SpaceReport(), SpaceReport(free=30, used=70)]
        self.assertEqual(account_space(spaces, None, SERVER), SpaceReport(free=30, used=70))
        self.assertEqual(account_space([], None, SERVER), SpaceReport())
        self.assertEqual(account_space([SpaceReport(free=5)], None, SERVER), SpaceReport(free=5))

    def test_rounded(self) -> None:
        """What is free is rounded down, and the whole stays what it is."""
        found = account_space([SpaceReport(free=123_456, used=876_544)], None, ANN)
        self.assertEqual(found, SpaceReport(free=120_000, used=880_000))

    def test_own(self) -> None:
        """An account's own quota is told exactly, and never more than there is."""
        own = SpaceReport(free=123, used=877)
        self.assertEqual(account_space([SpaceReport(free=9999, used=1)], own, ANN), own)
        self.assertEqual(account_space([], own, ANN), own)
        self.assertEqual(account_space([SpaceReport(free=99, used=1)], own, SERVER), SpaceReport(free=99, used=877))

    def test_never_negative(self) -> None:
        """Where more is used than a quota allows, nothing is free."""
        self.assertEqual(account_space([SpaceReport(free=-5, used=9)], None, SERVER), SpaceReport(free=0, used=9))
        self.assertEqual(account_space([], SpaceReport(free=-5, used=9), SERVER), SpaceReport(free=0, used=9))

    def test_drop_box(self) -> None:
        """An account that may not read all that its quota counts is told roughly what is left, and finds no more."""
        own = SpaceReport(free=123_456, used=876_544)
        self.assertEqual(account_space([], own, DROP), SpaceReport(free=120_000, used=880_000))
        self.assertEqual(
            [declarable(123_456, each, own=True) for each in (SERVER, ANN, DROP)], [123_456, 123_456, 130_000]
        )
        self.assertEqual([declarable(123_456, each, own=False) for each in (SERVER, ANN)], [123_456, 130_000])
