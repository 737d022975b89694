"""The contract of the history notices stores that mix times up, or put back and remove too much."""

from __future__ import annotations

from typing import Callable, Iterator, Sequence

from msgspec import structs

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.history.changes import Reversion, VersionId
from homeftp.history.timeline import Restoration, Timeline
from homeftp.interfaces.store import IHistory, IOpenFile
from homeftp.model import Entry
from homeftp.store.memory import MemoryStore
from homeftp.testing.contract.history import HistoryContract
from tests.support.contracts import ControlCase


def telling(change: Callable[[Timeline], Timeline]) -> type[MemoryStore]:
    """A store that changes each timeline before it tells it."""

    class Wrong(MemoryStore):
        def timelines(
            self, endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
        ) -> Iterator[list[Timeline]]:
            for page in super().timelines(endpoint, since_us, depth=depth, hidden=hidden):
                yield [change(each) for each in page]

    return Wrong


class HistoryControls(ControlCase):
    """Each wrong store is caught."""

    contract = HistoryContract

    def test_timelines(self) -> None:
        """The newest first; versions of any time; a history that nobody gets."""

        newest_first = telling(lambda each: structs.replace(each, versions=each.versions[::-1]))

        class AnyTime(MemoryStore):
            def timelines(
                self, endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[list[Timeline]]:
                return super().timelines(endpoint, 0, depth=depth, hidden=hidden)

        class Withheld(MemoryStore):
            def history(self) -> IHistory | None:
                return None

        for wrong in (newest_first, AnyTime, Withheld):
            self.assert_caught("test_timelines", wrong)

    def test_limits(self) -> None:
        """Everything, whatever was asked for."""

        class Careless(MemoryStore):
            def timelines(
                self, endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[list[Timeline]]:
                return super().timelines(endpoint, since_us)

        self.assert_caught("test_limits", Careless)

    def test_times(self) -> None:
        """Files that are made after they are there."""

        self.assert_caught("test_at", telling(lambda each: structs.replace(each, made_us=2**63)))

    def test_restorations(self) -> None:
        """Nothing of what was put back, the newest first, a moment late, and all of it whatever time is asked for."""

        forgetful = telling(lambda each: structs.replace(each, restored=()))
        newest_first = telling(lambda each: structs.replace(each, restored=each.restored[::-1]))
        late = telling(
            lambda each: structs.replace(
                each, restored=tuple(structs.replace(one, at_us=one.at_us + 1) for one in each.restored)
            )
        )

        class AllOfThem(MemoryStore):
            def timelines(
                self, endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
            ) -> Iterator[list[Timeline]]:
                whole = {each.name: each.restored for page in super().timelines(endpoint, 0) for each in page}
                for page in super().timelines(endpoint, since_us, depth=depth, hidden=hidden):
                    yield [structs.replace(each, restored=whole[each.name]) for each in page]

        for wrong in (forgetful, newest_first, late, AllOfThem):
            self.assert_caught("test_put_back", wrong)
        self.assert_caught("test_same_put_back", late)

    def test_restorations_kept(self) -> None:
        """What was put back is told when no version is left, or forgotten with any version."""

        class Discarding(MemoryStore):
            def remove_versions(self, versions: Sequence[VersionId]) -> list[int | Exception]:
                before = {names: list(each) for names, each in self._tree.restored.items()}
                found = super().remove_versions(versions)
                self._tree.restored.update(self.kept(before))
                return found

            def kept(
                self, before: dict[tuple[str, ...], list[Restoration]]
            ) -> dict[tuple[str, ...], list[Restoration]]:
                return before

        class Forgetful(Discarding):
            def kept(
                self, before: dict[tuple[str, ...], list[Restoration]]
            ) -> dict[tuple[str, ...], list[Restoration]]:
                return {names: [] for names in before}

        for wrong in (Discarding, Forgetful):
            self.assert_caught("test_discard_restored", wrong)

    def test_opening(self) -> None:
        """The current file in place of the version."""

        class Current(MemoryStore):
            def open_version(self, endpoint: Endpoint, at_us: int) -> IOpenFile:
                return self.open(endpoint)

        self.assert_caught("test_open_version", Current)

    def test_kinds(self) -> None:
        """Files that are put back as new ones, and removals that come last."""

        young = telling(lambda each: structs.replace(each, made_us=each.made_us and each.made_us + 1))

        class RemovesLast(MemoryStore):
            def revert(self, reversions: Sequence[Reversion]) -> list[Entry | Exception | None]:
                return super().revert(reversions[::-1])[::-1]

        for wrong in (young, RemovesLast):
            self.assert_caught("test_revert_kinds", wrong)

    def test_reverting(self) -> None:
        """Conditions that are forgotten, and one refusal that ends everything."""

        class Unconditional(MemoryStore):
            def revert(self, reversions: Sequence[Reversion]) -> list[Entry | Exception | None]:
                return super().revert([structs.replace(each, precondition=None) for each in reversions])

        class GivesUp(MemoryStore):
            def revert(self, reversions: Sequence[Reversion]) -> list[Entry | Exception | None]:
                done: list[Entry | Exception | None] = []
                for each in reversions:
                    refused = next((one for one in done if isinstance(one, Exception)), None)
                    done += super().revert([each]) if refused is None else [refused]
                return done

        self.assert_caught("test_revert", Unconditional)
        self.assert_caught("test_revert", GivesUp)

    def test_reverting_directories(self) -> None:
        """A directory that is removed with all that is in it."""

        class Recursive(MemoryStore):
            def revert(self, reversions: Sequence[Reversion]) -> list[Entry | Exception | None]:
                return [result for each in reversions for result in self._reverted(each)]

            def _reverted(self, reversion: Reversion) -> list[Entry | Exception | None]:
                if reversion.at_us is not None or not reversion.endpoint.parts:
                    return super().revert([reversion])
                sum(self.remove(reversion.endpoint, reversion.precondition, True))
                return [None]

        self.assert_caught("test_revert_directories", Recursive)

    def test_discarding(self) -> None:
        """More than was asked for, or nothing."""

        class Everything(MemoryStore):
            def remove_versions(self, versions: Sequence[VersionId]) -> list[int | Exception]:
                results = super().remove_versions(versions)
                self._tree.versions.clear()
                return results

        class Nothing(MemoryStore):
            def remove_versions(self, versions: Sequence[VersionId]) -> list[int | Exception]:
                return [1 for _ in versions]

        self.assert_caught("test_discard", Everything)
        self.assert_caught("test_discard", Nothing)
