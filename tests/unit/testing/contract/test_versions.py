"""The contract of versions notices stores that keep too little, or too much."""

from __future__ import annotations

from typing import Any, Iterator, Sequence

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.model import Entry, Version
from homeftp.store.memory import MemoryStore
from homeftp.testing.contract.versions import VersionsContract
from tests.support.contracts import ControlCase


class VersionsControls(ControlCase):
    """Each wrong store is caught."""

    contract = VersionsContract

    def test_not_kept(self) -> None:
        """Removed files that become no versions; versions that forget what there was before the last."""

        class Forgets(MemoryStore):
            def _remove(self, endpoint: Endpoint, changed: object, at_us: int | None = None) -> int:
                kept = {names: dict(versions) for names, versions in self._tree.versions.items()}
                removed = super()._remove(endpoint, changed, at_us)  # type: ignore[arg-type]
                self._tree.versions = kept
                return removed

        class KeepsEmpty(MemoryStore):
            def _place(self, *arguments: Any, **given: Any) -> None:
                super()._place(*arguments, **{**given, "keeps_empty": True})

        self.assert_caught("test_empty_replaced", KeepsEmpty)
        self.assert_caught("test_kept", Forgets)
        self.assert_caught("test_restore_removed", Forgets)

    def test_order(self) -> None:
        """The oldest first; names from the root."""

        class OldestFirst(MemoryStore):
            def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
                for page in super().versions(endpoint, hidden):
                    yield page[::-1]

        class WholeNames(MemoryStore):
            def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
                for page in super().versions(Endpoint(()), hidden):
                    yield [each for each in page if each.name.startswith(str(endpoint))]

        self.assert_caught("test_kept", OldestFirst)
        self.assert_caught("test_beneath", WholeNames)

    def test_hidden(self) -> None:
        """Versions that are left out of pages that were made before, and none that are."""

        class Careless(MemoryStore):
            def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
                return super().versions(endpoint)

        class Late(MemoryStore):
            def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
                for page in super().versions(endpoint):
                    yield [each for each in page if not hidden.covers((*endpoint.parts, *each.name.split("/")))]

        self.assert_caught("test_hidden_versions", Careless)
        self.assert_caught("test_hidden_versions", Late)

    def test_restoring(self) -> None:
        """The restored version that stays one; the condition that is forgotten; any version for a time that is none."""

        class Stays(MemoryStore):
            def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
                kept = dict(self._tree.versions.get(endpoint.parts, {}))
                entry = super().restore(endpoint, at_us, precondition)
                self._tree.versions[endpoint.parts].update(kept)
                return entry

        class Newest(MemoryStore):
            def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
                return super().restore(endpoint, None, precondition)

        self.assert_caught("test_restore", Stays)
        self.assert_caught("test_restore_refused", Newest)

    def test_keeping(self) -> None:
        """Versions that are kept although the owner wants none, and for ever."""

        class Always(MemoryStore):
            def __init__(self, options: object) -> None:
                super().__init__()

        self.assert_caught("test_no_versions", Always)
        self.assert_caught("test_expire", Always)
