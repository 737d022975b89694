"""The contract of editing notices drafts that show early, and copies that lose something."""

from __future__ import annotations

from typing import Iterator, Sequence

import attrs
from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.interfaces.store import IDraft, StoreOptions
from homeftp.model import Capabilities, Entry, Kind, WriteRequest
from homeftp.store.buffers import BytesDraft
from homeftp.store.memory import MemoryStore
from homeftp.store.memorytree import Node
from homeftp.testing.contract.editing import EditingContract
from tests.support.contracts import ControlCase


class EditingControls(ControlCase):
    """Each wrong store is caught."""

    contract = EditingContract

    def test_drafts(self) -> None:
        """Drafts that begin empty, or leave a file although they were aborted, or forget the condition."""

        class Empty(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                draft = super().edit(request)
                draft.truncate(0)
                return draft

        class Early(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                if self.stat(request.endpoint) is None:
                    self.write_many([(WriteRequest(endpoint=request.endpoint), b"")])
                return super().edit(request)

        class Unconditional(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                return super().edit(structs.replace(request, precondition=None))

        self.assert_caught("test_draft", Empty)
        self.assert_caught("test_new_draft", Early)
        self.assert_caught("test_draft_conditions", Unconditional)

    def test_ranges(self) -> None:
        """Offsets that count from the end."""

        class FromTheEnd(BytesDraft):
            def write(self, offset: int, data: bytes) -> None:
                super().write(offset if offset >= 0 else self.size + offset, data)

        class Edits(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                draft = super().edit(request)
                draft.__class__ = FromTheEnd
                return draft

        self.assert_caught("test_draft_ranges", Edits)

    def test_draft_metadata(self) -> None:
        """Drafts that lose the mode, or keep the old time, and drafts that have no end."""

        class AnyMode(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                return super().edit(structs.replace(request, mode=request.mode or 0o777))

        class OldTime(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                found = self.stat(request.endpoint)
                return super().edit(request if found is None else structs.replace(request, mtime_us=found.mtime_us))

        class Endless(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                draft = super().edit(request)
                draft._expect_open = lambda: None  # type: ignore[attr-defined]
                return draft

        self.assert_caught("test_draft_metadata", AnyMode)
        self.assert_caught("test_draft_metadata", OldTime)
        self.assert_caught("test_draft_ended", Endless)

    def test_beginnings(self) -> None:
        """Drafts that begin with the content although that was not wanted, and commits without the late metadata."""

        class Full(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                return super().edit(structs.replace(request, empty=False))

        class Early(BytesDraft):
            def commit(self, *, mtime_us: int | None = None, mode: int | None = None) -> Entry:
                return super().commit()

        class Edits(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                draft = super().edit(request)
                draft.__class__ = Early
                return draft

        self.assert_caught("test_empty_draft", Full)
        self.assert_caught("test_draft_metadata_late", Edits)

    def test_special_modes(self) -> None:
        """Set-user-ID bits that are kept."""

        class Special(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                new = self._tree.new

                def special(kind: Kind, request: WriteRequest, content: bytes = b"", hash: str | None = None) -> Node:
                    node = new(kind, request, content, hash)
                    return node if request.mode is None else attrs.evolve(node, mode=node.mode | request.mode)

                self._tree.new = special  # type: ignore[method-assign]

        self.assert_caught("test_modes", Special)

    def test_metadata(self) -> None:
        """Metadata whose missing half is set to now, and that is changed whatever is there."""

        class Both(MemoryStore):
            def set_metadata(
                self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
            ) -> Entry:
                return super().set_metadata(
                    endpoint, mtime_us=mtime_us or 0, mode=mode or 0o644, precondition=precondition
                )

        class Unconditional(MemoryStore):
            def set_metadata(
                self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
            ) -> Entry:
                return super().set_metadata(endpoint, mtime_us=mtime_us, mode=mode, precondition=None)

        class AtOnce(MemoryStore):
            def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
                results = {request.endpoint: super(AtOnce, self).set_metadata_many([request]) for request in requests}
                return [results[request.endpoint][0] for request in requests]

        class Backwards(MemoryStore):
            def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
                return super().set_metadata_many(requests[::-1])[::-1]

        class Stops(MemoryStore):
            def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
                results = super().set_metadata_many(requests[:2])
                return [*results, *[results[-1]] * (len(requests) - len(results))]

        for wrong in (AtOnce, Backwards, Stops):
            self.assert_caught("test_many_metadata", wrong)
        self.assert_caught("test_metadata", Both)
        self.assert_caught("test_metadata_refused", Unconditional)

    def test_modes(self) -> None:
        """Modes that are kept as they come, and changes of the root that are not refused."""

        class Whole(MemoryStore):
            def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
                modes = [request.mode for request, _ in requests]
                results = super().write_many(requests)
                return [
                    structs.replace(entry, mode=mode) if isinstance(entry, Entry) and mode is not None else entry
                    for entry, mode in zip(results, modes, strict=True)
                ]

        class Owners(MemoryStore):
            def make_directory(self, request: WriteRequest) -> Entry:
                return super().make_directory(structs.replace(request, endpoint=Endpoint(request.endpoint.parts)))

        class Open(MemoryStore):
            def set_metadata(
                self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
            ) -> Entry:
                entry = self.stat(endpoint)
                assert entry is not None
                return entry

        self.assert_caught("test_modes", Whole)
        self.assert_caught("test_top", Owners)
        self.assert_caught("test_top", Open)

    def test_replaced_modes(self) -> None:
        """A store that gives the mode of new files to those that it replaces."""

        class Forgets(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                return super()._put(structs.replace(request, mode=request.mode or 0o644), content, declared)

        self.assert_caught("test_mode_stays", Forgets)

    def test_copies(self) -> None:
        """Copies that are new files, or that take the source away."""

        class New(MemoryStore):
            def copy(
                self,
                source: Endpoint,
                target: Endpoint,
                *,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Iterator[int | Entry]:
                content = self.open(source).read(0, 10**9)
                (written,) = self.write_many([(WriteRequest(endpoint=target, size=len(content)), content)])
                assert isinstance(written, Entry)
                yield written

        class Moves(MemoryStore):
            def copy(
                self,
                source: Endpoint,
                target: Endpoint,
                *,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Iterator[int | Entry]:
                yield self.move(source, target, source_precondition, target_precondition)

        self.assert_caught("test_copy", New)
        self.assert_caught("test_copy", Moves)
        self.assert_caught("test_copy_refused", New)

    def test_denied(self) -> None:
        """A store whose capabilities deny what it does nevertheless."""

        class Denies(MemoryStore):
            @property
            def capabilities(self) -> Capabilities:
                return Capabilities()

            @capabilities.setter
            def capabilities(self, capabilities: Capabilities) -> None:
                pass

        for test in ("test_draft", "test_metadata", "test_copy"):
            self.assert_caught(test, Denies)
