"""The contract of writing notices stores that show too much, check too little, or forget."""

from __future__ import annotations

import attrs

from homeftp.endpoint import Endpoint
from homeftp.interfaces.store import IUpload
from homeftp.model import Actor, Entry, ResumePoint, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.memorytree import MemoryTree
from homeftp.testing.contract.writing import WritingContract
from tests.support.contracts import ControlCase


class WritingControls(ControlCase):
    """Each wrong store is caught."""

    contract = WritingContract

    def test_visible(self) -> None:
        """An upload whose file is there, empty, from the beginning."""

        class Visible(MemoryStore):
            def upload(self, request: WriteRequest) -> IUpload:
                upload = super().upload(request)
                if self.stat(request.endpoint) is None:
                    self.write_many([(WriteRequest(endpoint=request.endpoint), b"")])
                return upload

        self.assert_caught("test_upload", Visible)
        self.assert_caught("test_abort", Visible)

    def test_unchecked(self) -> None:
        """Contents that are not compared with what was declared, and conditions that are not looked at again."""

        class AnyContent(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                return super()._put(attrs.evolve(request, size=len(content)), content, None)

        class Once(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                return super()._put(attrs.evolve(request, precondition=None), content, declared)

        self.assert_caught("test_wrong_content", AnyContent)
        self.assert_caught("test_hash_behind", AnyContent)
        self.assert_caught("test_checked_again", Once)
        self.assert_caught("test_each_on_its_own", Once)

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
                return super().upload(attrs.evolve(request, offset=0))

        class Forever(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                kept = list(self._tree._partials)
                try:
                    return super()._put(request, content, declared)
                finally:
                    self._tree._partials[:] = kept

        class Anybody(MemoryStore):
            def bind(self, actor: Actor) -> MemoryStore:
                return self

        self.assert_caught("test_resume_another_account", Anybody)
        self.assert_caught("test_resume_something_else", AnyContent)
        self.assert_caught("test_resume_from_less", Anywhere)
        self.assert_caught("test_resume", Forever)

    def test_wrong_places(self) -> None:
        """Contents that are lost, stay what they were, replace directories, or are gone after a restart."""

        class Forgets(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                entry = super()._put(request, content, declared)
                del self._tree.nodes[request.endpoint.parts]
                return entry

        class Keeps(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                return self.stat(request.endpoint) or super()._put(request, content, declared)

        class Over(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                node = self._tree.nodes.get(request.endpoint.parts)
                if request.endpoint.parts and node is not None and node.kind == "directory":
                    del self._tree.nodes[request.endpoint.parts]
                return super()._put(request, content, declared)

        class SmallOnly(MemoryStore):
            def upload(self, request: WriteRequest) -> IUpload:
                return super().upload(attrs.evolve(request, size=request.size or 0))

        class InMemoryOnly(MemoryStore):
            @property
            def lasting(self) -> MemoryTree:
                """What a restart leaves."""
                return MemoryStore()._tree

        self.assert_caught("test_write", Forgets)
        self.assert_caught("test_replace", Keeps)
        self.assert_caught("test_kinds", Over)
        self.assert_caught("test_unknown_size", SmallOnly)
        self.assert_caught("test_durable", InMemoryOnly)
