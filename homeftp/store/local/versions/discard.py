"""Removes versions for good, because their owner wants the space: each is recorded, and none comes back."""

from __future__ import annotations

import contextlib
from typing import Callable, Sequence

import attrs
import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import Internal, Refusal
from homeftp.history.changes import VersionId
from homeftp.model import Actor, Change
from homeftp.store.local.disk.errnos import refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, per_job
from homeftp.store.local.versions.catalog import VersionCatalog
from homeftp.store.local.versions.naming import Names
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.wording import display_path

_TOGETHER = 64
"""Versions whose folders are open at the same time."""


class VersionDiscarder(msgspec.Struct, frozen=True):
    """Removes versions of one store for good. Thread-safe."""

    catalog: VersionCatalog
    fsync: Fsync
    changelog: ChangeLog

    def remove_versions(self, versions: Sequence[VersionId], actor: Actor) -> list[int | Exception]:
        """Remove these; the bytes of each, or why it is still there. Raises `Internal` (50).

        The marks of what was put back go with the last version of a file.
        """
        results: list[int | Exception] = []
        together = per_job(_TOGETHER)
        for start in range(0, len(versions), together):
            results += self._remove_some(versions[start : start + together], actor)
        removed = {each.endpoint for each, result in zip(versions, results, strict=True) if isinstance(result, int)}
        with contextlib.suppress(OSError, Refusal):  # the versions have gone
            for mount, mark in self.catalog.marks_alone(removed):
                self.catalog.archive.remove(mount, mark)
        return results

    def _remove_some(self, versions: Sequence[VersionId], actor: Actor) -> list[int | Exception]:
        self.changelog.ensure_recorded()
        with contextlib.ExitStack() as opened:
            with self.catalog.archive.lock, self.changelog.changing() as record:
                removing = _VersionRemoval(self.catalog, actor, record, opened)
                results = [catch(removing.remove, each) for each in versions]
            failure = next(filter(None, self.fsync.directories(list(removing.folders.values()))), None)
        if failure is None:
            return results
        return [
            each if isinstance(each, Exception) else in_doubt_version(version.endpoint, failure)
            for version, each in zip(versions, results, strict=True)
        ]


@attrs.frozen
class _VersionRemoval:
    """Versions that are removed under one lock."""

    catalog: VersionCatalog
    actor: Actor
    record: Callable[[Change], None]
    opened: contextlib.ExitStack
    folders: dict[tuple[Endpoint, Names], DirHandle] = attrs.field(factory=dict)
    """The folders that held them, to be made durable; `opened` closes them."""

    def remove(self, version: VersionId) -> int:
        """Remove one; its bytes."""
        endpoint = version.endpoint
        try:
            mount, found = self.catalog.look_up(endpoint, version.at_us)
            key = mount, found.folder
            if key not in self.folders:
                folder = self.opened.enter_context(self.catalog.open_folder(*key))
                self.folders[key] = DirHandle(folder, same_mount=not mount.parts)
            self.catalog.archive.remove(mount, found)
        except OSError as error:
            raise refusal(error, endpoint) from error
        self.record(Change("prune", "version", endpoint, self.actor, old_size=found.found.st_size))
        return found.found.st_size


def in_doubt_version(endpoint: Endpoint, failure: OSError) -> Internal:
    """The refusal where a version was removed, and may be there again after a power cut."""
    refused = Internal(
        f"the server's disk failed: a version of {display_path(endpoint)} was removed, but it is in doubt whether that "
        "survives a power cut"
    )
    refused.__cause__ = failure
    return refused
