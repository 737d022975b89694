"""Gives many endpoints what they had, with few syncs: versions are put back, and files become versions."""

from __future__ import annotations

import stat
from typing import Iterator, Sequence

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import NoSpace, NotFound, WrongKind
from homeftp.history.changes import Reversion
from homeftp.model import Actor, Entry
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import WAYS_PARTS, per_job
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.local.writes.remove import Remover
from homeftp.store.local.writes.restore import Restorer
from homeftp.store.policy.limits import check_not_root, check_removable
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.wording import display_path, format_size

_TOGETHER = 64
"""Files that are put back with the same syncs. Each may hold three descriptors meanwhile."""


class Reverter(msgspec.Struct, frozen=True):
    """Reverts endpoints of one store. Thread-safe."""

    root: SafeRoot
    archive: VersionArchive
    restorer: Restorer
    remover: Remover

    def revert(self, reversions: Sequence[Reversion], actor: Actor) -> list[Entry | Exception | None]:
        """Revert each, durably: what is there then, None where nothing is, or the refusal; as `IHistory.revert`."""
        results: list[Entry | Exception | None] = []
        for some in _batches(reversions):
            results += self._revert_some(some, actor)
        return results

    def _revert_some(self, reversions: Sequence[Reversion], actor: Actor) -> list[Entry | Exception | None]:
        results: dict[int, Entry | Exception | None] = {}
        for number, each in enumerate(reversions):
            refused = catch(self._check, each)
            if refused is not None:
                results[number] = refused
        wanted = {number: each for number, each in enumerate(reversions) if number not in results}
        # Removals come first: a version may need a directory in the place of a file that is removed.
        removed = [number for number, each in wanted.items() if each.at_us is None]
        files = [(wanted[number].endpoint, wanted[number].precondition) for number in removed]
        results.update(zip(removed, self.remover.remove_files(files, actor), strict=True))
        restored = [number for number, each in wanted.items() if each.at_us is not None]
        versions = [wanted[number] for number in restored]
        results.update(zip(restored, self.restorer.restore_many(versions, actor), strict=True))
        return [results[number] for number in range(len(reversions))]

    def _check(self, reversion: Reversion) -> None:
        """Raise `BadRequest` (20) or `WrongKind` (43) for the root, and what `_check_kept` raises."""
        check = check_removable if reversion.at_us is None else check_not_root
        check(reversion.endpoint)
        self._check_kept(reversion.endpoint)

    def _check_kept(self, endpoint: Endpoint) -> None:
        """Raise `NoSpace` (52) where what is there could not become a version: it would be lost."""
        try:
            handle = self.root.open_directory(endpoint.parent)
        except (NotFound, WrongKind):
            return
        try:
            found = self.root.stat_in(handle.fd, endpoint)
            if found is None or not stat.S_ISREG(found.st_mode) or self.archive.can_keep(handle, found.st_size):
                return
        except OSError as error:
            raise refusal(error, endpoint) from error
        finally:
            close_quietly(handle.fd)
        raise NoSpace(
            f"{display_path(endpoint)} was not restored: its present content of {format_size(found.st_size)} is too "
            "large to become a version. Move it away first"
        )


def _batches(reversions: Sequence[Reversion]) -> Iterator[list[Reversion]]:
    """In order, few enough at a time that the descriptors last: each directory on the way to a file may be opened."""
    most, parts = per_job(_TOGETHER), per_job(WAYS_PARTS)
    batch: list[Reversion] = []
    way = 0
    for each in reversions:
        if not batch or batch[-1].endpoint.parent != each.endpoint.parent:
            way += len(each.endpoint.parts)
        if batch and (len(batch) >= most or way > parts):
            yield batch
            batch, way = [], len(each.endpoint.parts)
        batch.append(each)
    if batch:
        yield batch
