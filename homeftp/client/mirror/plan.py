"""The files that a transfer deletes at its target, and the guard against deleting too much."""

from __future__ import annotations

from typing import Callable, Iterable

from homeftp.client.selection import Selector
from homeftp.client.transfer.model import DeletionPlan, FileResult, Outcome, TransferOptions
from homeftp.client.transfer.observer import TransferObserver
from homeftp.errors import OperatorError

_BLOCKING = (Outcome.FAILED, Outcome.REFUSED, Outcome.CORRUPT)
"""After these, the source is not known well enough to delete what it seems to lack."""


class DeletionDeclined(OperatorError):
    """The user does not want what would be deleted to be deleted: nothing was transferred."""


def plan_deletion(
    files: Iterable[tuple[str, int]],
    directories: Iterable[str],
    is_wanted: Callable[[str], bool],
    selector: Selector,
    kept: Iterable[str] = (),
    others: int = 0,
) -> DeletionPlan:
    """The plan for a target with these files, each with its size, and directories; the source has the wanted names.

    A directory stays that holds something that stays, such as one of the `kept` names. The target has as many `others`,
    which are wanted.
    """
    extra: list[str] = []
    holding: set[str] = set()
    total, extra_size = others, 0
    for name in kept:
        _add_above(name, holding)
    for name, size in files:
        total += 1
        if is_wanted(name) or not selector.takes(name, is_directory=False):
            _add_above(name, holding)
        else:
            extra.append(name)
            extra_size += size
    empty: list[str] = []
    for name in sorted(directories, key=lambda name: name.count("/"), reverse=True):
        if not name or is_wanted(name) or name in holding or not selector.takes(name, is_directory=True):
            _add_above(name, holding)
        else:
            empty.append(name)
    return DeletionPlan(tuple(extra), tuple(empty), extra_size, total)


def _add_above(name: str, holding: set[str]) -> None:
    while name:
        name = name.rpartition("/")[0]
        if name in holding:
            return
        holding.add(name)


def check_apart(targets: Iterable[str]) -> None:
    """Check that no target is that of two sources, or beneath another; raises `OperatorError`.

    Otherwise what comes from one source would be deleted for the other. Targets are paths with `/` between their parts.
    """
    seen: list[str] = []
    for target in sorted(f"{target}/" if target else "" for target in targets):
        if seen and target.startswith(seen[-1]):
            raise OperatorError("with --delete, each source needs a target of its own: run the command for each.")
        seen.append(target)


class ConfirmedDeletions:
    """The plans of one transfer that were found right; over a new connection less is left of them."""

    def __init__(self) -> None:
        self._plans: dict[str, DeletionPlan] = {}

    async def confirm(
        self, plan: DeletionPlan, options: TransferOptions, target: str, observer: TransferObserver
    ) -> None:
        """Check that a plan may be carried out, and ask; raises `OperatorError` where it may not.

        A dry run only reports that.
        """
        before = self._plans.get(target)
        if before is None or not (
            set(plan.files) <= set(before.files) and set(plan.directories) <= set(before.directories)
        ):
            await _confirm(plan, options, target, observer)
            self._plans[target] = plan


async def _confirm(plan: DeletionPlan, options: TransferOptions, target: str, observer: TransferObserver) -> None:
    count = len(plan.files)
    limit = plan.total // 2 if options.max_delete is None else options.max_delete
    if count > limit:
        allowed = "half of them" if options.max_delete is None else f"{limit}"
        problem = (
            f"{count:,} of the {plan.total:,} files in {target} would be deleted, more than {allowed}. Nothing was "
            f"changed: check the paths, and use --max-delete {count} if they are right"
        )
        if not options.dry_run:
            raise OperatorError(problem)
        observer.on_notice(problem)
    asked = options.confirm_deletion
    if asked is not None and (plan.files or plan.directories) and not options.dry_run and not await asked(plan):
        raise DeletionDeclined("Nothing was transferred or deleted.")


def may_delete(observer: TransferObserver) -> bool:
    """Whether everything was transferred, so that what the source lacks is known; otherwise reports that it is not."""
    if any(observer.counts[outcome] for outcome in _BLOCKING):
        observer.on_notice("nothing was deleted, because not everything could be transferred.")
        return False
    return True


def report_deleted(plan: DeletionPlan, observer: TransferObserver) -> None:
    """Report what a plan deletes, without deleting it."""
    for name in plan.files:
        observer.add_result(FileResult(Outcome.DELETED, name))
    for name in plan.directories:
        observer.add_result(FileResult(Outcome.DELETED, name, kind="directory"))
