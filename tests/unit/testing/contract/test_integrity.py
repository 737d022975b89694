"""The contract of verify notices stores that see no damage, forget it, or give it away."""

from __future__ import annotations

from typing import Any, Iterator, Sequence

import attrs
from msgspec import structs

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, parse
from homeftp.errors import NotFound
from homeftp.interfaces.store import IOpenFile, IStore
from homeftp.model import SERVER, Damage, Verification
from homeftp.store.buffers import BytesFile
from homeftp.store.memory import MemoryStore
from homeftp.store.memorytree import Node
from homeftp.testing.contract.integrity import IntegrityContract
from tests.support.contracts import ControlCase


class DamagingContract(IntegrityContract):
    """The contract, over stores in memory that can be damaged."""

    def damage_file(self, store: IStore, path: str, content: bytes) -> bool:
        """In its place."""
        assert isinstance(store, MemoryStore)
        store.damage(parse(path), content)
        return True


class IntegrityControls(ControlCase):
    """Each wrong store is caught."""

    contract = DamagingContract

    def test_blind(self) -> None:
        """A store that reads everything and finds nothing."""

        class Blind(MemoryStore):
            def _damaged(self, *damage: Any) -> bool:
                return False

        self.assert_caught("test_found", Blind)

    def test_telling(self) -> None:
        """A store that mends from what the account may not see, and one that mends from nothing for it."""

        class Telling(MemoryStore):
            def _copies(self, endpoint: Endpoint, damaged: Node) -> Iterator[Node]:
                return MemoryStore._copies(self.bind(SERVER), endpoint, damaged)

        class Mute(MemoryStore):
            def _copies(self, endpoint: Endpoint, damaged: Node) -> Iterator[Node]:
                return super()._copies(endpoint, damaged) if self._actor.sees_all else iter(())

        self.assert_caught("test_not_mended_from_what_is_hidden", Telling)
        self.assert_caught("test_mended_from_its_own_versions", Mute)

    def test_revealing(self) -> None:
        """A store that tells by its refusal whether there is something that is hidden."""

        class Revealing(MemoryStore):
            def verify(
                self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[Verification]:
                try:
                    yield from super().verify(endpoint, since_us, hidden)
                except NotFound:
                    if not list(super().verify(endpoint, since_us)):
                        raise

        self.assert_caught("test_only_hidden_left", Revealing)

    def test_forgetful(self) -> None:
        """A store that does not keep the mark."""

        class Forgetful(MemoryStore):
            def damaged(self) -> Sequence[Damage]:
                return ()

        for test in ("test_found", "test_moved", "test_removed", "test_replaced_by_another"):
            self.assert_caught(test, Forgetful)

    def test_generous(self) -> None:
        """A store that opens a file that it knows to be damaged."""

        class Generous(MemoryStore):
            def open(self, endpoint: Endpoint) -> IOpenFile:
                node = self._file(endpoint)
                return BytesFile(node.entry(), node.content, -1)

        self.assert_caught("test_found", Generous)

    def test_noisy(self) -> None:
        """A store that records the same damage again and again."""

        class Noisy(MemoryStore):
            def verify(
                self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[Verification]:
                for names, _, node in self._tree.contents():
                    if names == ("a.txt",) and node.damaged:
                        self._tree.nodes[names] = attrs.evolve(node, damaged=False)
                return super().verify(endpoint, since_us, hidden)

        self.assert_caught("test_recorded_once", Noisy)

    def test_lossy(self) -> None:
        """A store that mends nothing though it has a copy."""

        class Lossy(MemoryStore):
            def _damaged(self, *damage: Any) -> bool:
                super()._damaged(*damage)
                return False

        self.assert_caught("test_mended_from_another_file", Lossy)
        self.assert_caught("test_mended_from_a_version", Lossy)
        self.assert_caught("test_version_is_mended", Lossy)

    def test_sticky(self) -> None:
        """A store that takes a file for damaged for ever."""

        class Sticky(MemoryStore):
            found: Sequence[Damage] = ()

            def damaged(self) -> Sequence[Damage]:
                self.found = self.found or super().damaged()
                return self.found

            def verify(
                self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[Verification]:
                yield from super().verify(endpoint, since_us, hidden)
                self.damaged()

        self.assert_caught("test_mended_by_the_same_content", Sticky)
        self.assert_caught("test_mended_by_any_write", Sticky)

    def test_fearful(self) -> None:
        """A store that takes everything for damaged."""

        class Fearful(MemoryStore):
            def verify(
                self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[Verification]:
                for step in super().verify(endpoint, since_us, hidden):
                    yield structs.replace(step, damages=(Damage("a.txt", "content"),))

        self.assert_caught("test_nothing_damaged", Fearful)

    def test_hasty(self) -> None:
        """A store that does not read its versions."""

        class Hasty(MemoryStore):
            def verify(
                self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[Verification]:
                return (step for step in super().verify(endpoint, since_us, hidden) if step.files)

        self.assert_caught("test_replaced", Hasty)
        self.assert_caught("test_version_of_a_removed_file", Hasty)
