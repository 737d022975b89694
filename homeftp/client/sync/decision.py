"""Decides about one name: a pure function of both sides' entries and the state that they agreed on last.

The content decides first. Here X and Y are any two different contents that are not the agreed B; a name that does not
exist has the content `-`, and so has one that was never agreed on.

====== ====== ====== ==========================================================
agreed here   there
====== ====== ====== ==========================================================
any    X      X      agreed: both sides have it, or neither
B      B      Y      to here: it was changed there, or deleted (Y is `-`)
B      X      B      to there: it was changed here, or deleted
B      `-`    Y      to here: an edit outweighs a deletion, which loses nothing
B      X      `-`    to there
B      X      Y      conflict
====== ====== ====== ==========================================================

An empty file is what a crash leaves. So where the table would replace a content by an empty file, or where one of two
files in conflict is empty, the empty one is suspicious: a person decides. If the agreed content was empty, it is not.

If the content is the same, the same table holds for time and mode; the server's win a conflict, in which no content is
at stake.
"""

from __future__ import annotations

import enum

from homeftp.client.sync.model import Preference, Side, SyncNode, same_content


class Decision(enum.Enum):
    """The decision about a name."""

    AGREED = "agreed"
    TO_HERE = "to here"
    TO_THERE = "to there"
    CONFLICT = "conflict"
    EMPTY_HERE = "empty here"
    """The file here is suspicious."""
    EMPTY_THERE = "empty there"
    """The server's file is suspicious."""
    LINK = "link"
    """It is reached by a link here, and nothing is changed there."""
    MERGE = "merge"
    """Both edits of a text go to both sides."""

    @property
    def target(self) -> Side:
        """The side that is changed, or whose file is doubtful."""
        return Side.HERE if self in (Decision.TO_HERE, Decision.EMPTY_HERE, Decision.CONFLICT) else Side.THERE


def decide(
    base: SyncNode | None,
    here: SyncNode | None,
    there: SyncNode | None,
    preference: Preference | None = None,
) -> Decision:
    """The decision about the content of a name; `base` is the agreed state.

    A `preference` resolves conflicts and what is suspicious; by age nothing that is suspicious, since a crash leaves
    the newer time.
    """
    decision = _doubt(base, here, there, _decide(base, here, there))
    if preference is Preference.HERE and decision in _UNSETTLED:
        return Decision.TO_THERE
    if preference is Preference.THERE and decision in _UNSETTLED:
        return Decision.TO_HERE
    if preference is Preference.NEWER and decision is Decision.CONFLICT:
        return _newer(here, there)
    return decision


_UNSETTLED = (Decision.CONFLICT, Decision.EMPTY_HERE, Decision.EMPTY_THERE)


def _decide(base: SyncNode | None, here: SyncNode | None, there: SyncNode | None) -> Decision:
    if same_content(here, there):
        return Decision.AGREED
    if same_content(here, base):
        return Decision.TO_HERE
    if same_content(there, base):
        return Decision.TO_THERE
    if here is None:
        return Decision.TO_HERE
    if there is None:
        return Decision.TO_THERE
    return Decision.CONFLICT


def _doubt(base: SyncNode | None, here: SyncNode | None, there: SyncNode | None, decision: Decision) -> Decision:
    """The decision, or that an empty file is suspicious."""
    if here is None or there is None or here.kind != "file" or there.kind != "file":
        return decision
    if base is not None and base.kind == "file" and not base.size:
        return decision
    if not here.size and there.size and decision in (Decision.TO_THERE, Decision.CONFLICT):
        return Decision.EMPTY_HERE
    if not there.size and here.size and decision in (Decision.TO_HERE, Decision.CONFLICT):
        return Decision.EMPTY_THERE
    return decision


def _newer(here: SyncNode | None, there: SyncNode | None) -> Decision:
    """Where the newer of two files goes; a directory has no age, so that it stays a conflict."""
    times = [node.mtime_us for node in (here, there) if node is not None and node.kind == "file"]
    if len(times) < 2 or None in times or times[0] == times[1]:
        return Decision.CONFLICT
    return Decision.TO_THERE if (times[0] or 0) > (times[1] or 0) else Decision.TO_HERE


def decide_metadata(base: SyncNode | None, here: SyncNode, there: SyncNode) -> Decision:
    """The decision about time and mode where the content is the same; never a conflict."""
    if here.metadata == there.metadata:
        return Decision.AGREED
    is_changed_here_only = base is not None and there.metadata == base.metadata
    return Decision.TO_THERE if is_changed_here_only else Decision.TO_HERE
