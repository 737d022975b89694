"""The answers to RESTORE of a directory and to PRUNE as values, checked like all that comes from a server."""

from __future__ import annotations

from typing import Any

import msgspec

from homeftp.client.connection.replies import check_count, check_name, contradiction, understood
from homeftp.history.changes import PruneStep, RestoreStep
from homeftp.wire.history import PrunedBody, RevertedBody
from homeftp.wire.messages import Moment, Size


class _RestoreReport(msgspec.Struct, frozen=True):
    """An interim answer: counts since the beginning, and what was done since the answer before."""

    unchanged: Size = 0
    reverted: list[RevertedBody] = msgspec.field(default_factory=list)


class _RestoreTotals(msgspec.Struct, frozen=True):
    restored_total: Size
    removed_total: Size
    refused_total: Size
    unchanged_total: Size
    as_of: Moment


class _PruneReport(msgspec.Struct, frozen=True):
    versions: list[PrunedBody] = msgspec.field(default_factory=list)


class _PruneTotals(msgspec.Struct, frozen=True):
    pruned_total: Size
    bytes: Size
    refused_total: Size


class RestoreSteps:
    """The responses to a RESTORE of a directory as steps."""

    def __init__(self) -> None:
        self._unchanged = 0
        self._counts = {"restored": 0, "removed": 0, "refused": 0}

    def step(self, body: dict[str, Any]) -> RestoreStep:
        """The step of an interim answer. Raises `ProtocolViolation` for counts that shrink and for illegal names."""
        report = understood(body, _RestoreReport, "an interim answer to RESTORE")
        reverted = tuple(each.value() for each in report.reverted)
        for each in reverted:
            check_name(each.name)
            self._counts[each.outcome] += 1
            if (each.outcome == "refused") != (each.refusal is not None):
                raise contradiction("RESTORE")
        unchanged = report.unchanged - self._unchanged
        if unchanged < 0:
            raise contradiction("RESTORE")
        self._unchanged = report.unchanged
        check_count(sum(self._counts.values()))
        return RestoreStep(None, reverted, unchanged)

    def last(self, body: dict[str, Any]) -> RestoreStep:
        """The last step, which has the time that was gone back to. Raises `ProtocolViolation` for other totals."""
        totals = understood(body, _RestoreTotals, "the answer to RESTORE")
        counts = totals.restored_total, totals.removed_total, totals.refused_total, totals.unchanged_total
        if counts != (*self._counts.values(), self._unchanged):
            raise contradiction("RESTORE")
        return RestoreStep(totals.as_of)


class PruneSteps:
    """The responses to a PRUNE as steps."""

    def __init__(self) -> None:
        self._pruned = self._size = self._refused = 0

    def step(self, body: dict[str, Any]) -> PruneStep:
        """The step of an interim answer. Raises `ProtocolViolation` for illegal names."""
        pruned = tuple(each.value() for each in understood(body, _PruneReport, "an interim answer to PRUNE").versions)
        for each in pruned:
            check_name(each.name)
        gone = [each for each in pruned if each.refusal is None]
        self._pruned += len(gone)
        self._size += sum(each.size for each in gone)
        self._refused += len(pruned) - len(gone)
        check_count(self._pruned + self._refused)
        return PruneStep(pruned)

    def last(self, body: dict[str, Any]) -> None:
        """The answer. Raises `ProtocolViolation` for other totals."""
        totals = understood(body, _PruneTotals, "the answer to PRUNE")
        if (totals.pruned_total, totals.bytes, totals.refused_total) != (self._pruned, self._size, self._refused):
            raise contradiction("PRUNE")
