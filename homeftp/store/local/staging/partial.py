"""The state of one partial upload, and the registry of all of them.

`partialfile.py` writes to one; `partials.py` finds, resumes and expires them.
"""

from __future__ import annotations

import contextlib
import time
from threading import Lock

import attrs

from homeftp.config import CHECKPOINT
from homeftp.endpoint import RESERVED_PREFIX, Endpoint
from homeftp.errors import Changed
from homeftp.model import ResumePoint
from homeftp.store.local.disk.accounting import Allocation, QuotaAccounting
from homeftp.store.local.staging.resumerecord import ResumeRecord, ResumeRecords, encode_point
from homeftp.store.policy.wording import display_path


@attrs.define(eq=False)
class PartialUpload:
    """A large file that has not arrived completely. Hold `lock` to change it."""

    token: bytes
    record: ResumeRecord
    _records: ResumeRecords
    points: list[ResumePoint] = attrs.field(factory=list)
    """Where it can be resumed, growing: how much had arrived, and the hash of the file up to there."""
    recorded: int = 0
    """The size of the last point in the resume record; at most one newer point follows in `points`."""
    allocation: Allocation = attrs.field(kw_only=True)
    """Its space."""
    last_used: float = attrs.field(factory=time.time)
    """When it was last written or suspended: seconds since 1970."""
    holder: object | None = None
    """The `PartialFile` that may write to it."""
    lock: Lock = attrs.field(factory=Lock)

    @property
    def name(self) -> bytes:
        """The name of the file of the partial upload."""
        return self.token if self.record.directory is None else RESERVED_PREFIX.encode() + self.token

    # Readers of `points` take no lock: each change of the list is one step.

    def add_point(self, point: ResumePoint) -> None:
        """Record that more has arrived than before."""
        if self.points and self.points[-1].size > self.recorded:
            self.points[-1] = point
        else:
            self.points.append(point)
        if not self.recorded or point.size - self.recorded >= CHECKPOINT:
            self._write_record(point)

    def truncate_to(self, point: ResumePoint) -> None:
        """Record that everything behind this point is invalid."""
        if self.points[-1:] != [point] or self.recorded != point.size:
            self.points = [*(each for each in self.points if each.size < point.size), point]
            self._write_record(point)
        self.last_used = time.time()

    def _write_record(self, point: ResumePoint) -> None:
        """Append the point to the record. On failure less can be resumed after a crash, which is harmless."""
        self.recorded = point.size
        with contextlib.suppress(OSError):
            self._records.write(self.token, self.record, encode_point(point))


class PartialRegistry:
    """The partial uploads that can be found. Thread-safe."""

    def __init__(self, records: ResumeRecords, accounting: QuotaAccounting) -> None:
        self.records = records
        self._accounting = accounting
        self._lock = Lock()
        self._all: dict[bytes, PartialUpload] = {}

    def add(self, partial: PartialUpload) -> None:
        """Add a partial upload, which can be found from now on."""
        with self._lock:
            self._all[partial.token] = partial

    def all(self) -> list[PartialUpload]:
        """All partial uploads that can be found."""
        with self._lock:
            return list(self._all.values())

    def __contains__(self, partial: PartialUpload) -> bool:
        with self._lock:
            return partial.token in self._all

    def hide(self, partial: PartialUpload) -> None:
        """Make it impossible to find."""
        with self._lock:
            self._all.pop(partial.token, None)

    def shrink(self, partial: PartialUpload) -> None:
        """Count only what has arrived: nothing more comes for now. Hold its lock."""
        self._accounting.give_back(partial.allocation, self._accounting.cost(partial.points[-1].size))

    def remove(self, partial: PartialUpload, *, committed: bool) -> None:
        """Forget it and its record, once its file was committed or removed. Hold its lock."""
        self.hide(partial)
        self.records.remove(partial.token)
        self._accounting.release(partial.allocation, committed=committed)


def not_resumable(endpoint: Endpoint) -> Changed:
    """The refusal to resume an upload that the server does not have."""
    return Changed(f"no part of this content of {display_path(endpoint)} has arrived: send it from offset 0")
