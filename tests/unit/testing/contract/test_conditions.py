"""The contract of preconditions notices checks that are left out, and checks that are not one step with the change."""

from __future__ import annotations

import threading
from typing import Iterator, Sequence

from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.interfaces.store import IDraft, IOpenFile, StoreOptions
from homeftp.model import ABSENT, PRESENT, Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.memorytree import Node
from homeftp.store.policy.preconditions import check_directory, check_replaceable
from homeftp.testing.contract.case import sha
from homeftp.testing.contract.conditions import WRITERS, ConditionsContract
from tests.support.contracts import ControlCase


def _forgetting(condition: str) -> type[MemoryStore]:
    """A store that takes one condition for none."""

    class Forgets(MemoryStore):
        def _place(
            self, endpoint: Endpoint, node: object, precondition: str | None, *rest: object, **more: object
        ) -> None:
            asked = None if precondition == condition else precondition
            super()._place(endpoint, node, asked, *rest, **more)  # type: ignore[arg-type]

        def _begin(self, request: WriteRequest) -> Node | None:
            asked = None if request.precondition == condition else request.precondition
            return super()._begin(structs.replace(request, precondition=asked))

    return Forgets


class ConditionsControls(ControlCase):
    """Each wrong store is caught."""

    contract = ConditionsContract

    def test_forgotten(self) -> None:
        """A condition that is taken for none."""
        self.assert_caught("test_table", _forgetting(ABSENT))
        self.assert_caught("test_table", _forgetting(PRESENT))

    def test_one_way(self) -> None:
        """A condition that only restoring, or only moving, does not look at."""

        class Restores(MemoryStore):
            def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
                return super().restore(endpoint, at_us, None)

        class Moves(MemoryStore):
            def move(
                self,
                source: Endpoint,
                target: Endpoint,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Entry:
                return super().move(source, target, None, target_precondition)

        self.assert_caught("test_table", Restores)
        self.assert_caught("test_source", Moves)

    def test_two_steps(self) -> None:
        """A condition that is checked, and then, in another step, the content is put in place."""

        class TwoSteps(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self.all_checked = threading.Barrier(WRITERS)

            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                if request.precondition is not None:
                    check_replaceable(request.endpoint, self._tree.entry(request.endpoint), request.precondition)
                    self.all_checked.wait(60)
                return super()._put(structs.replace(request, precondition=None), content, declared)

        self.assert_caught("test_one_creates", TwoSteps)
        self.assert_caught("test_one_replaces", TwoSteps)

    def test_two_steps_each(self) -> None:
        """One way to put a content in place that checks first, and replaces in another step."""

        class TwoSteps(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self.all_checked = threading.Barrier(WRITERS)

            def check_first(self, endpoint: Endpoint, precondition: str | None) -> None:
                """The first step."""
                if precondition is not None:
                    check_replaceable(endpoint, self._tree.entry(endpoint), precondition)
                    self.all_checked.wait(60)

        class Moves(TwoSteps):
            def move(
                self,
                source: Endpoint,
                target: Endpoint,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Entry:
                self.check_first(target, target_precondition)
                return super().move(source, target, source_precondition, None)

        class Copies(TwoSteps):
            def copy(
                self,
                source: Endpoint,
                target: Endpoint,
                *,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Iterator[int | Entry]:
                self.check_first(target, target_precondition)
                return super().copy(source, target, source_precondition=source_precondition, target_precondition=None)

        class Restores(TwoSteps):
            def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
                self.check_first(endpoint, precondition)
                return super().restore(endpoint, at_us, None)

        class Drafts(TwoSteps):
            def edit(self, request: WriteRequest) -> IDraft:
                draft = super().edit(request)
                changed = structs.replace(request, precondition=None, size=None)

                def commit(content: bytes) -> Entry:
                    self.check_first(request.endpoint, request.precondition)
                    return self._put(changed, content, None)

                draft._commit = commit  # type: ignore[attr-defined]
                return draft

        for wrong in (Moves, Copies, Restores, Drafts):
            self.assert_caught("test_one_creates", wrong)
            self.assert_caught("test_one_replaces", wrong)

    def test_parents(self) -> None:
        """Parents that are made before the condition is checked, where something must exist in them."""

        class MakesParents(MemoryStore):
            def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
                for request, _ in requests:
                    if request.precondition in (PRESENT, sha(b"old")):
                        self.make_directory(WriteRequest(endpoint=request.endpoint.parent))
                return super().write_many(requests)

        self.assert_caught("test_no_parents", MakesParents)

    def test_two_steps_directory(self) -> None:
        """A directory that is looked for, and then, in another step, made where it may exist by now."""

        class TwoSteps(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self.all_checked = threading.Barrier(WRITERS)

            def make_directory(self, request: WriteRequest) -> Entry:
                check_directory(request.endpoint, self._tree.kind(request.endpoint), request.precondition)
                self.all_checked.wait(60)
                return super().make_directory(structs.replace(request, precondition=None))

        self.assert_caught("test_one_makes", TwoSteps)

    def test_torn(self) -> None:
        """A content that is put in place piece by piece, or after the old one went."""

        class Slow(MemoryStore):
            """Has a moment between two steps of a write in which somebody reads."""

            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self.opened = threading.Event()
                self.read = True

            def open(self, endpoint: Endpoint) -> IOpenFile:
                self.opened.set()
                return super().open(endpoint)

            def begin(self, endpoint: Endpoint) -> None:
                """The first step."""

            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                if self.stat(request.endpoint) is not None:
                    self.begin(request.endpoint)
                    self.opened.clear()
                    self.read = self.read and self.opened.wait(1)
                return super()._put(request, content, declared)

        class Torn(Slow):
            def begin(self, endpoint: Endpoint) -> None:
                MemoryStore._put(self, WriteRequest(endpoint=endpoint, size=None), b"half", None)

        class Gone(Slow):
            def begin(self, endpoint: Endpoint) -> None:
                del self._tree.nodes[endpoint.parts]

        self.assert_caught("test_whole_or_not", Torn)
        self.assert_caught("test_whole_or_not", Gone)
