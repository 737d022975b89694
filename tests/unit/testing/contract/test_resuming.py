"""The contract of resuming notices stores that offer what is not theirs to offer, or keep it for ever."""

from __future__ import annotations

import attrs
from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.errors import ContentMismatch
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import IUpload
from homeftp.model import Actor, Entry, ResumePoint, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.testing.contract.resuming import PART, ResumingContract
from tests.support.contracts import ControlCase


class ResumingControls(ControlCase):
    """Each wrong store is caught."""

    contract = ResumingContract

    def test_resuming(self) -> None:
        """A resume point for another content, from any offset, or after the commit."""

        class AnyContent(MemoryStore):
            def resume_point(
                self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
            ) -> ResumePoint | None:
                partials = self._tree._partials
                return ResumePoint(len(partials[-1].content), "") if partials else None

        class Anywhere(MemoryStore):
            def upload(self, request: WriteRequest) -> IUpload:
                return super().upload(structs.replace(request, offset=0))

        class Forever(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                kept = list(self._tree._partials)
                try:
                    return super()._put(request, content, declared)
                finally:
                    self._tree._partials[:] = kept

        class ByName(MemoryStore):
            def bind(self, actor: Actor) -> MemoryStore:
                return super().bind(attrs.evolve(actor, account_id=None))

        class Anybody(MemoryStore):
            def bind(self, actor: Actor) -> MemoryStore:
                return self

        self.assert_caught("test_resume_another_account", Anybody)
        self.assert_caught("test_resume_name_of_a_removed_account", ByName)
        self.assert_caught("test_resume_something_else", AnyContent)
        self.assert_caught("test_resume_from_less", Anywhere)
        self.assert_caught("test_resume", Forever)

    def test_found(self) -> None:
        """A resume point that is found by the size alone, or by the time alone."""

        class BySize(MemoryStore):
            def resume_point(
                self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
            ) -> ResumePoint | None:
                for each in self._tree._partials:
                    if hash is None and size == each.request.size:
                        return ResumePoint(len(each.content), hash_bytes(each.content))
                return super().resume_point(endpoint, hash, size, mtime_us)

        class ByTime(MemoryStore):
            def resume_point(
                self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
            ) -> ResumePoint | None:
                for each in self._tree._partials:
                    if hash is None and mtime_us == each.request.mtime_us:
                        return ResumePoint(len(each.content), hash_bytes(each.content))
                return super().resume_point(endpoint, hash, size, mtime_us)

        self.assert_caught("test_resume_by_time", BySize)
        self.assert_caught("test_resume_by_time", ByTime)

    def test_kept(self) -> None:
        """What arrived of a refused content, and what nobody continues, is kept."""

        class Refused(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                try:
                    return super()._put(request, content, declared)
                except ContentMismatch:
                    self._suspend(request, None, content)
                    raise

        class TooLong(MemoryStore):
            def upload(self, request: WriteRequest) -> IUpload:
                upload = super().upload(request)
                write = upload.write

                def checked(data: bytes) -> None:
                    try:
                        write(data)
                    except ContentMismatch:
                        self._suspend(request, None, bytes(PART))
                        raise

                upload.write = checked  # type: ignore[method-assign]
                return upload

        class Forever(MemoryStore):
            def maintain(self) -> None:
                kept = list(self._tree._partials)
                super().maintain()
                self._tree._partials[:] = kept

        class Never(MemoryStore):
            def maintain(self) -> None:
                self._tree._partials.clear()

        self.assert_caught("test_refused_leaves_nothing", Refused)
        self.assert_caught("test_refused_leaves_nothing", TooLong)
        self.assert_caught("test_resume_expires", Forever)
        self.assert_caught("test_resume_expires", Never)
