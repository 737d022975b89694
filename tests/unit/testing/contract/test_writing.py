"""The contract of writing notices stores that show too much, check too little, or forget."""

from __future__ import annotations

from typing import Sequence

from msgspec import structs

from homeftp.interfaces.store import IUpload
from homeftp.model import Entry, WriteRequest
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
                return super()._put(structs.replace(request, size=len(content)), content, None)

        class Once(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                return super()._put(structs.replace(request, precondition=None), content, declared)

        self.assert_caught("test_wrong_content", AnyContent)
        self.assert_caught("test_hash_behind", AnyContent)
        self.assert_caught("test_checked_again", Once)
        self.assert_caught("test_each_on_its_own", Once)

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
                return super().upload(structs.replace(request, size=request.size or 0))

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

    def test_directories(self) -> None:
        """Directories that are made before what comes before them, or lose their time."""

        class First(MemoryStore):
            def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
                order = sorted(range(len(requests)), key=lambda number: requests[number][1] is not None)
                done = dict(zip(order, super().write_many([requests[each] for each in order]), strict=True))
                return [done[number] for number in range(len(requests))]

        class Timeless(MemoryStore):
            def make_directory(self, request: WriteRequest) -> Entry:
                return super().make_directory(structs.replace(request, mtime_us=None, mode=None))

        self.assert_caught("test_directories", First)
        self.assert_caught("test_directories", Timeless)

    def test_numbers(self) -> None:
        """Sizes that must be declared, or may be anything, and uploads that go on after their end."""

        class Declared(MemoryStore):
            def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
                return super().write_many([(request, content) for request, content in requests if request.known_size])

        class AnyNumber(MemoryStore):
            def upload(self, request: WriteRequest) -> IUpload:
                return super().upload(structs.replace(request, size=abs(request.size or 0), offset=0))

        class Endless(MemoryStore):
            def upload(self, request: WriteRequest) -> IUpload:
                upload = super().upload(request)
                upload._expect_open = lambda: None  # type: ignore[attr-defined]
                return upload

        self.assert_caught("test_no_size", Declared)
        self.assert_caught("test_numbers", AnyNumber)
        self.assert_caught("test_ended", Endless)
