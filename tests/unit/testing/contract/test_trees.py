"""The contract of directories notices half moves, hasty removals and names that are too similar."""

from __future__ import annotations

import threading
from typing import Generator, Iterator

from msgspec import structs

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.errors import Refusal
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Entry, ListingPage, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.wording import into_itself
from homeftp.testing.contract.trees import TreesContract
from tests.support.contracts import ControlCase


class TreesControls(ControlCase):
    """Each wrong store is caught."""

    contract = TreesContract

    def test_moves(self) -> None:
        """Directories that move file by file, or onto others; files that move without what they replace being kept."""

        class Slowly(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self.listed = threading.Event()
                self.watched = True

            def list(
                self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[ListingPage]:
                self.listed.set()
                return super().list(endpoint, recursive, hidden)

            def move(
                self,
                source: Endpoint,
                target: Endpoint,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Entry:
                self._tree.nodes[target.parts] = self._tree.nodes[source.parts]
                for number, names in enumerate(self._tree.beneath(source.parts)):
                    with self._tree.lock:
                        self._tree.nodes[target.parts + names[len(source.parts) :]] = self._tree.nodes.pop(names)
                    if number == 20:
                        self.listed.clear()
                        self.watched = self.watched and self.listed.wait(1)
                return self._tree.nodes.pop(source.parts).entry()

        class Onto(MemoryStore):
            def move(
                self,
                source: Endpoint,
                target: Endpoint,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Entry:
                if source.parts and source.parts == target.parts[: len(source.parts)]:
                    raise into_itself(source)
                self._tree.nodes.pop(target.parts, None)
                return super().move(source, target, source_precondition, target_precondition)

        self.assert_caught("test_directory_moves_at_once", Slowly)
        self.assert_caught("test_move_refused", Onto)
        self.assert_caught("test_move_file", Onto)

    def test_far(self) -> None:
        """A directory that is moved to where the paths in it are too long, or to a name that is too similar."""

        class TooFar(MemoryStore):
            def _move_directory(self, source: Endpoint, target: Endpoint, *rest: object) -> None:
                self._tree.reach = lambda endpoint: (0, 0)  # type: ignore[method-assign]
                super()._move_directory(source, target, *rest)  # type: ignore[arg-type]

        class TooSimilar(MemoryStore):
            def _move_directory(self, source: Endpoint, target: Endpoint, *rest: object) -> None:
                self._tree.check_name = lambda *args, **kwargs: None  # type: ignore[method-assign]
                super()._move_directory(source, target, *rest)  # type: ignore[arg-type]

        self.assert_caught("test_move_too_far", TooFar)
        self.assert_caught("test_similar_names", TooSimilar)

    def test_prefixes(self) -> None:
        """A directory that takes along what only begins with its name."""

        class Prefix(MemoryStore):
            def _move_directory(self, source: Endpoint, target: Endpoint, *rest: object) -> None:
                super()._move_directory(source, target, *rest)  # type: ignore[arg-type]
                for names in list(self._tree.nodes):
                    if names and names[0].startswith(source.name):
                        self._tree.nodes[target.parts[:1] + names] = self._tree.nodes.pop(names)

        self.assert_caught("test_move_directory", Prefix)

    def test_removals(self) -> None:
        """Removals that begin before their first step, go on when they are closed, or take what is not empty."""

        class Hasty(MemoryStore):
            def remove(
                self, endpoint: Endpoint, precondition: str | None, recursive: bool
            ) -> Generator[int, None, None]:
                steps = list(super().remove(endpoint, precondition, recursive))
                yield from steps

        class Eager(MemoryStore):
            def remove(
                self, endpoint: Endpoint, precondition: str | None, recursive: bool
            ) -> Generator[int, None, None]:
                try:
                    steps = list(super().remove(endpoint, precondition, recursive))
                except Refusal as refused:
                    raise refused from None
                return (step for step in steps)

        class Anything(MemoryStore):
            def remove(
                self, endpoint: Endpoint, precondition: str | None, recursive: bool
            ) -> Generator[int, None, None]:
                yield from super().remove(endpoint, None, True)

        self.assert_caught("test_remove_in_steps", Hasty)
        self.assert_caught("test_remove_in_steps", Eager)
        self.assert_caught("test_remove", Anything)
        self.assert_caught("test_remove_refused", Anything)

    def test_names(self) -> None:
        """Names that are never too similar, and names that are so to themselves."""

        def free(endpoint: Endpoint, *, moved_from: Endpoint | None = None) -> None:
            return None

        class Never(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self._tree.check_name = free  # type: ignore[method-assign]

        class Always(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                check = self._tree.check_name

                def alone(endpoint: Endpoint, *, moved_from: Endpoint | None = None) -> None:
                    check(endpoint)

                self._tree.check_name = alone  # type: ignore[method-assign]

        class Copies(MemoryStore):
            def copy(
                self,
                source: Endpoint,
                target: Endpoint,
                *,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Iterator[int | Entry]:
                self._tree.check_name = free  # type: ignore[method-assign]
                return super().copy(
                    source, target, source_precondition=source_precondition, target_precondition=target_precondition
                )

        class Restores(MemoryStore):
            def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
                self._tree.check_name = free  # type: ignore[method-assign]
                return super().restore(endpoint, at_us, precondition)

        for wrong in (Copies, Restores):
            self.assert_caught("test_similar_names", wrong)
        self.assert_caught("test_similar_names", Never)
        self.assert_caught("test_own_name", Always)

    def test_directories(self) -> None:
        """Directories that may be made over files."""

        class Over(MemoryStore):
            def _make_directories(self, endpoint: Endpoint, actor: object, changed: object) -> None:
                for depth in range(1, len(endpoint.parts) + 1):
                    node = self._tree.nodes.get(endpoint.parts[:depth])
                    if node is not None and node.kind == "file":
                        del self._tree.nodes[endpoint.parts[:depth]]
                super()._make_directories(endpoint, actor, changed)  # type: ignore[arg-type]

        self.assert_caught("test_make_directory_refused", Over)

    def test_leftovers(self) -> None:
        """Directories that stay though the request that made them is refused."""

        class Early(MemoryStore):
            def move(
                self,
                source: Endpoint,
                target: Endpoint,
                source_precondition: str | None,
                target_precondition: str | None,
            ) -> Entry:
                if source.parts and target.parts and self.stat(source) is not None:
                    self.make_directory(WriteRequest(endpoint=target.parent))
                return super().move(source, target, source_precondition, target_precondition)

        self.assert_caught("test_refused_changes_nothing", Early)

    def test_plain_directories(self) -> None:
        """Directories whose metadata is lost."""

        class Plain(MemoryStore):
            def make_directory(self, request: WriteRequest) -> Entry:
                return super().make_directory(structs.replace(request, mode=None))

        self.assert_caught("test_make_directory", Plain)
