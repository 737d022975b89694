"""The result of a whole transfer, for programs: totals, and the files that were not transferred or differ."""

from __future__ import annotations

from typing import Mapping

import attrs

from homeftp.client.sync.model import SyncPlan
from homeftp.client.transfer.model import FileResult, Outcome
from homeftp.client.transfer.observer import TransferObserver

_MOST_PROBLEMS = 10_000
"""Results that a summary keeps: a tree of a million files that cannot be read must not fill the memory."""

_SHOWN_PROBLEMS = 3
"""Results that a message names."""


@attrs.frozen
class TransferSummary:
    """The end of a transfer or of a comparison."""

    counts: Mapping[Outcome, int]
    """How many files and folders had each outcome. A folder counts only if something was done with it or is wrong."""
    bytes_moved: int
    """Bytes of content that crossed the network."""
    problems: tuple[FileResult, ...]
    """The files and folders that were not transferred, or that differ: the first 10,000."""

    @property
    def same(self) -> bool:
        """Whether both sides are the same now. A time or mode that a disk cannot store does not count."""
        return not any(number for outcome, number in self.counts.items() if not outcome.done)


@attrs.frozen
class SyncSummary(TransferSummary):
    """The end of a sync."""

    plan: SyncPlan
    """The plan that was carried out, or with a dry run would be."""


class TransferIncomplete(Exception):
    """Some files were not transferred: `summary` says which, and why. Everything else was done."""

    def __init__(self, summary: TransferSummary) -> None:
        shown = [_describe(result) for result in summary.problems[:_SHOWN_PROBLEMS]]
        number = sum(number for outcome, number in summary.counts.items() if _is_problem(outcome))
        if number > len(shown):
            shown.append("…")
        super().__init__(f"{number} not transferred: {'; '.join(shown)}")
        self.summary = summary


def _is_problem(outcome: Outcome) -> bool:
    """Whether an outcome is a problem. `EXISTS` is none: `ignore_existing` asks for it."""
    return not outcome.done and outcome is not Outcome.EXISTS


def _describe(result: FileResult) -> str:
    name = result.name or "the source itself"
    return f"{name}: {result.outcome.value}" + (f" ({result.reason})" if result.reason else "")


class SummaryObserver(TransferObserver):
    """Collects a summary, and passes everything on to the callbacks of another observer."""

    def __init__(self, other: TransferObserver) -> None:
        super().__init__(
            on_result=self._collect,
            on_same=other.on_same,
            on_plan=other.on_plan,
            on_compared=other.on_compared,
            on_start=other.on_start,
            on_bytes=other.on_bytes,
            on_reconnected=other.on_reconnected,
            on_resumed=other.on_resumed,
            on_suspended=other.on_suspended,
            on_notice=other.on_notice,
            on_progress=other.on_progress,
        )
        self._other = other
        self._problems: list[FileResult] = []

    def _collect(self, result: FileResult) -> None:
        if _is_problem(result.outcome) and len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(result)
        self._other.on_result(result)

    def summary(self) -> TransferSummary:
        """The summary of all reports so far."""
        return TransferSummary(dict(self.counts), self.bytes_moved, tuple(self._problems))
