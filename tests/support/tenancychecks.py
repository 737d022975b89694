"""The logins of the tenancy machine, what one call may change, and whether two stores told the same."""

from __future__ import annotations

from typing import Any

import attrs
from msgspec import structs
from twisted.internet.defer import Deferred

from homeftp.errors import Refusal
from homeftp.interfaces import ILogin, SpaceReport
from homeftp.model import Entry, TreeDigest
from tests.support.tenancyrules import DISCARD, Rules, inside
from tests.support.tenancysteps import Step
from tests.support.tenancyworld import Snapshot, wait


@attrs.define(eq=False)
class Session:
    """A login in both stores, and what is known of it."""

    account: str
    rules: Rules
    pair: tuple[ILogin, ILogin]
    valid: bool = True
    """Whether nothing changed since that ends it."""
    of_device: bool = False


@attrs.define(eq=False)
class Attempt:
    """A login in both stores that is not complete."""

    account: str
    right: bool
    """Whether the password is that of the account when the attempt begins."""
    pair: tuple[Deferred[ILogin], Deferred[ILogin]]
    changed: bool = False
    """Whether the account was changed since: then the attempt may fail."""
    valid: bool = True
    """Whether it is still the same account, with the same password: otherwise the attempt must fail."""
    of_device: bool = False
    """Whether it is a device with an app password, which is the same again when the account is added again."""


def check_changes(
    session: Session, step: Step, before: Snapshot, after: Snapshot, *, refused: bool, context: str
) -> None:
    """What changed is what the account may change, and a refused call changed nothing."""
    changed = {
        path for path in {*before.entries, *after.entries} if before.entries.get(path) != after.entries.get(path)
    }
    kept = {path for path in {*before.versions, *after.versions} if before.has_other_versions(after, path)}
    if changed or kept:
        assert session.valid, f"a login that has ended changed {changed or kept}: {context}"
        assert not refused, f"a refused call changed {changed or kept}: {context}"
    named = [session.rules.whole(path) for path in step.paths]
    for path in changed | kept:
        assert any(inside(path, each) or inside(each, path) for each in named), f"{path} changed: {context}"
    for path in kept if step.discards else ():
        rights = session.rules.at_whole(path)
        assert rights >= DISCARD, f"{path} was pruned with {set(rights)}: {context}"
    for path in changed:
        was, is_now = before.entries.get(path), after.entries.get(path)
        if session.rules.is_top(path):
            assert was is None and is_now is not None, f"{path} is a top of its own: {context}"
            assert is_now[0] == "directory", f"{path} is a top of its own: {context}"
            continue
        needed = "add" if was is None else "delete" if is_now is None else "replace"
        rights = session.rules.at_whole(path)
        assert needed in rights, f"{path} needs {needed}, has {set(rights)}: {context}"


def outcome_of(login: ILogin, step: Step) -> Any:
    """The result of a call or its refusal; everything else is a fault."""
    try:
        return wait(step.call(login.files(step.what.upper())))
    except Refusal as refusal:
        return refusal


def check_disclosed(session: Session, step: Step, outcome: Any, *, context: str) -> None:
    """What an account was given is of what it may read."""
    rules = session.rules
    for path, entry in step.reads(outcome):
        assert rules.sees(path), f"it learned of {path!r}: {context}"
        if entry is not None and rules.is_way(path):
            learned = structs.replace(entry, name="")
            assert learned == Entry("", "directory"), f"it learned more of {path!r}: {context}"
    if step.what == "space" and outcome != SpaceReport():
        assert "read" in rules.everywhere, f"it learned how much others store: {context}"


def same_answers(outcome: Any, again: Any) -> bool:
    """Whether two answers tell the same. The time of a change is not the same in two stores."""
    if isinstance(outcome, Refusal) or isinstance(again, Refusal):
        return (type(outcome), str(outcome)) == (type(again), str(again))
    if isinstance(outcome, Entry) and isinstance(again, Entry):
        if None in (outcome.hash, again.hash):  # a snapshot hashes what is in the first store
            outcome, again = structs.replace(outcome, hash=None), structs.replace(again, hash=None)
        return _timeless(outcome) == _timeless(again)
    if isinstance(outcome, TreeDigest) and isinstance(again, TreeDigest):
        return structs.replace(outcome, full="") == structs.replace(again, full="")  # it covers times
    if isinstance(outcome, list | tuple):
        return len(outcome) == len(again) and all(same_answers(*each) for each in zip(outcome, again, strict=True))
    return bool(outcome == again)


def _timeless(entry: Entry) -> Entry:
    return structs.replace(entry, mtime_us=None)
