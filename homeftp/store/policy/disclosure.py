"""Hides from an account the space that others use, and refusals that tell of files that it may not see.

A file is looked at again when it is committed: then too a refusal must not
tell what exists where the account may see nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator, Sequence

import attrs
from zope.interface import implementer

from homeftp.errors import Refusal
from homeftp.interfaces import IDraft, IUpload
from homeftp.interfaces.usage import SpaceReport
from homeftp.model import Actor, Entry
from homeftp.store.policy.wording import rough, rough_up

Disclose = Callable[[Refusal], Refusal]
"""The refusal that may be disclosed in place of another."""


@contextmanager
def disclosing(disclose: Disclose) -> Iterator[None]:
    """Raise instead of a refusal what may be disclosed of it."""
    try:
        yield
    except Refusal as refused:
        disclosed = disclose(refused)
        if disclosed is refused:
            raise
        raise disclosed from None


@implementer(IUpload)
@attrs.frozen
class DisclosedUpload:
    """An upload. Everything else is as `IUpload` says."""

    _upload: IUpload
    _disclose: Disclose
    _stored: Callable[[Entry], Entry]
    """The entry that may be disclosed of the file that was put in place."""

    def verify_resumed(self) -> Iterator[int]:
        """Hash what arrived earlier, step by step."""
        with disclosing(self._disclose):
            yield from self._upload.verify_resumed()

    def write(self, data: bytes) -> None:
        """Append the next bytes."""
        with disclosing(self._disclose):
            self._upload.write(data)

    def commit(self, hash: str | None = None) -> Entry:
        """Put the content in place."""
        with disclosing(self._disclose):
            return self._stored(self._upload.commit(hash))

    def suspend(self) -> None:
        """Keep what arrived."""
        self._upload.suspend()

    def abort(self) -> None:
        """Discard what was written."""
        self._upload.abort()


@implementer(IDraft)
@attrs.frozen
class DisclosedDraft:
    """A draft. Everything else is as `IDraft` says."""

    _draft: IDraft
    _disclose: Disclose

    @property
    def size(self) -> int:
        """Bytes of the draft now."""
        return self._draft.size

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the draft."""
        return self._draft.read(offset, length)

    def write(self, offset: int, data: bytes) -> None:
        """Replace or append bytes."""
        self._draft.write(offset, data)

    def truncate(self, size: int) -> None:
        """Cut the draft, or extend it."""
        self._draft.truncate(size)

    def prepare(self) -> Iterator[int]:
        """Do what takes long of the commit."""
        return self._draft.prepare()

    def commit(self, *, mtime_us: int | None = None, mode: int | None = None) -> Entry:
        """Put the draft in place."""
        with disclosing(self._disclose):
            return self._draft.commit(mtime_us=mtime_us, mode=mode)

    def abort(self) -> None:
        """Discard the draft."""
        self._draft.abort()


def declarable(left: int, actor: Actor, *, own: bool) -> int:
    """The bytes to compare a size with that an actor only declares, where a quota leaves `left`; `own`: its account's.

    Rounded up where it may not know the number, which it would find by trying.
    """
    exact = actor.sees_home if own else actor.allotment is None
    return left if exact else rough_up(left)


def account_space(shared: Sequence[SpaceReport], own: SpaceReport | None, actor: Actor) -> SpaceReport:
    """The least of the spaces that others use too, and with its own quota what that counts.

    What is free of a shared space is rounded down for an account, and what is used up by as much: otherwise it would
    tell what others do. So is its own, where it may not read all that counts. Spaces of which nothing is known are left
    out.
    """
    found = SpaceReport()
    for each in shared:
        if each.free is not None and (found.free is None or each.free < found.free):
            found = each
    if found.free is not None:
        found = _rounded(found) if actor.allotment is not None else _positive(found)
    if own is None:
        return found
    own = _positive(own) if actor.sees_home else _rounded(own)
    left = own.free or 0
    return SpaceReport(free=left if found.free is None else min(left, found.free), used=own.used)


def _positive(space: SpaceReport) -> SpaceReport:
    return SpaceReport(free=max(0, space.free or 0), used=space.used)


def _rounded(space: SpaceReport) -> SpaceReport:
    free = max(0, space.free or 0)
    shown = rough(free)
    return SpaceReport(free=shown, used=None if space.used is None else max(0, space.used) + free - shown)
