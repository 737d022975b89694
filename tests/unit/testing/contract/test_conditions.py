"""The contract of preconditions notices checks that are left out, and checks that are not one step with the change."""

from __future__ import annotations

import attrs

from homeftp.endpoint import Endpoint
from homeftp.model import ABSENT, PRESENT, Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.preconditions import check_replaceable
from homeftp.testing.contract.conditions import ConditionsContract
from tests.support.contracts import ControlCase
from tests.support.waiting import pause


def _forgetting(condition: str) -> type[MemoryStore]:
    """A store that takes one condition for none."""

    class Forgets(MemoryStore):
        def _place(
            self, endpoint: Endpoint, node: object, precondition: str | None, *rest: object, **more: object
        ) -> None:
            asked = None if precondition == condition else precondition
            super()._place(endpoint, node, asked, *rest, **more)  # type: ignore[arg-type]

        def _begin(self, request: WriteRequest) -> bytes:
            asked = None if request.precondition == condition else request.precondition
            return super()._begin(attrs.evolve(request, precondition=asked))

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
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                check_replaceable(request.endpoint, self._tree.entry(request.endpoint), request.precondition)
                pause(0.005)
                return super()._put(attrs.evolve(request, precondition=None), content, declared)

        self.assert_caught("test_one_creates", TwoSteps)
        self.assert_caught("test_one_replaces", TwoSteps)

    def test_torn(self) -> None:
        """A content that is put in place piece by piece, or after the old one went."""

        class Torn(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                super()._put(attrs.evolve(request, size=None), content[: len(content) // 2], None)
                pause(0.001)
                return super()._put(request, content, declared)

        class Gone(MemoryStore):
            def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
                self._tree.nodes.pop(request.endpoint.parts, None)
                pause(0.001)
                return super()._put(request, content, declared)

        self.assert_caught("test_whole_or_not", Torn)
        self.assert_caught("test_whole_or_not", Gone)
