"""The contract of the owner's limits notices options that are ignored, and messages that no person understands."""

from __future__ import annotations

from typing import Any, Iterator

import attrs
from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal, TooLarge
from homeftp.interfaces.store import IDraft, SpaceReport, StoreOptions
from homeftp.model import SERVER, Actor, Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.memorycommitter import Report
from homeftp.store.memorytree import Node
from homeftp.store.policy.disclosure import declarable
from homeftp.testing.contract.limits import LimitsContract
from tests.support.contracts import ControlCase


class LimitsControls(ControlCase):
    """Each wrong store is caught."""

    contract = LimitsContract

    def test_ignored(self) -> None:
        """An option that is not looked at."""
        self.assert_caught("test_filetypes", lambda options: MemoryStore(structs.replace(options, filetypes=())))
        self.assert_caught("test_file_size", lambda options: MemoryStore(structs.replace(options, file_size=None)))

    def test_quota(self) -> None:
        """A quota that is promised and not kept, or one for which no version is ever removed."""

        class Boundless(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self._tree.reserve = lambda *args, **kwargs: None  # type: ignore[method-assign]

        class Stubborn(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self._tree._oldest = list  # type: ignore[method-assign]

        class Greedy(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                retention = structs.replace(options.retention, protected_seconds=0)
                super().__init__(structs.replace(options, retention=retention))

        class Losing(MemoryStore):
            def _suspend(self, request: WriteRequest, account: str | None, content: bytes) -> None:
                pass

        class CopiesFreely(MemoryStore):
            def copy(
                self,
                source: Endpoint,
                target: Endpoint,
                *,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Iterator[int | Entry]:
                self._tree.nodes[target.parts] = self._tree.nodes[source.parts]
                yield self._tree.nodes[target.parts].entry()

        class EditsFreely(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                draft = super().edit(request)
                draft._check_size = lambda size: None  # type: ignore[attr-defined]
                return draft

        class OneByteMore(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(structs.replace(options, quota=(options.quota or 0) + 1))

        class Hasty(MemoryStore):
            def _begin(self, request: WriteRequest) -> Node | None:
                found = super()._begin(request)
                self._tree.reserve(request.endpoint, request.size or 0, self._actor, arrived=True)
                return found

        class BytesOnly(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self._tree.cost = lambda endpoint, size: size  # type: ignore[method-assign]

        class FreeDirectories(MemoryStore):
            def _make_directories(self, endpoint: Endpoint, actor: Actor, changed: Report) -> None:
                self._add_directories(endpoint, actor, changed)

        class Exact(MemoryStore):
            def space(self) -> SpaceReport:
                return self._tree.space(SERVER)

        class TellsAll(MemoryStore):
            def bind(self, actor: Actor) -> MemoryStore:
                assert actor.allotment is not None
                told = structs.replace(actor.allotment, sees_home=True)
                return super().bind(attrs.evolve(actor, allotment=told))

        class RoundsBefore(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                free = self._tree._free

                def exactly(size: int, left: int, actor: Actor, *args: Any, arrived: bool, **how: Any) -> None:
                    if not arrived:
                        left, actor = declarable(left, actor, own=how["home"] is not None), SERVER
                    free(size, left, actor, *args, arrived=arrived, **how)

                self._tree._free = exactly  # type: ignore[method-assign]

        self.assert_caught("test_secret_quota", TellsAll)
        self.assert_caught("test_secret_versions", TellsAll)
        self.assert_caught("test_secret_versions", RoundsBefore)
        self.assert_caught("test_over_quota", OneByteMore)
        self.assert_caught("test_declared_size", Hasty)
        self.assert_caught("test_space_is_rounded", Exact)
        self.assert_caught("test_quota", CopiesFreely)
        self.assert_caught("test_quota", EditsFreely)
        self.assert_caught("test_account_quota", Boundless)
        self.assert_caught("test_names_count", BytesOnly)
        self.assert_caught("test_names_count", FreeDirectories)
        self.assert_caught("test_kept_from_others", Greedy)
        self.assert_caught("test_suspended_without_space", Losing)
        self.assert_caught("test_quota", Boundless)
        self.assert_caught("test_quota", Stubborn)

    def test_one_way(self) -> None:
        """A type that only moving does not look at; a size that only uploads of unknown size do not."""

        class Moves(MemoryStore):
            def move(
                self,
                source: Endpoint,
                target: Endpoint,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Entry:
                self._tree.nodes[target.parts] = self._tree.nodes.pop(source.parts)
                return self._tree.nodes[target.parts].entry()

        class Streams(MemoryStore):
            def _check_size(self, request: WriteRequest, size: int) -> None:
                pass

        self.assert_caught("test_filetypes", Moves)
        self.assert_caught("test_file_size", Streams)

    def test_words(self) -> None:
        """A message with a parameter of the wire, and an empty one."""
        for message in ("size in meta_data is too large", ""):

            class Rough(MemoryStore):
                def _begin(self, request: WriteRequest, message: str = message) -> Node | None:
                    try:
                        return super()._begin(request)
                    except Refusal:
                        raise TooLarge(message) from None

            self.assert_caught("test_file_size", Rough)

    def test_other(self) -> None:
        """Space below zero; files of other types that are shown."""

        class Negative(MemoryStore):
            def space(self) -> SpaceReport:
                return SpaceReport(free=-1)

        class ShowsAll(MemoryStore):
            def _item(self, name: str, node: Node) -> Entry | tuple[str, str]:
                return node.entry(name)

        self.assert_caught("test_space", Negative)
        self.assert_caught("test_other_types_exist", ShowsAll)
