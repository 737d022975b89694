"""The table of decisions, for all combinations of contents."""

from __future__ import annotations

import itertools

from twisted.trial import unittest

from homeftp.client.sync.decision import Decision, decide, decide_metadata
from homeftp.client.sync.model import Preference, Side, SyncNode
from tests.support.synctrees import DIRECTORY, file

NEVER = file("never")
CONTENTS = (None, DIRECTORY, file("B"), file("X"), file("Y"), file(""))


def expected(base: SyncNode | None, here: SyncNode | None, there: SyncNode | None) -> Decision:
    """The table of the module's docstring, and then the rule about empty files, written down another way."""
    row = (here == there, here == base, there == base)
    if row[0]:
        return Decision.AGREED
    decision = Decision.CONFLICT
    if row[1] or (here is None and not row[2]):
        decision = Decision.TO_HERE
    elif row[2] or there is None:
        decision = Decision.TO_THERE
    files = [node for node in (here, there) if node is not None and node.kind == "file"]
    if len(files) == 2 and base != file(""):
        if here == file("") and decision is not Decision.TO_HERE:
            return Decision.EMPTY_HERE
        if there == file("") and decision is not Decision.TO_THERE:
            return Decision.EMPTY_THERE
    return decision


class DecisionTests(unittest.SynchronousTestCase):
    """One name."""

    def test_all(self) -> None:
        """Every combination of three contents."""
        for base, here, there in itertools.product(CONTENTS, repeat=3):
            self.assertEqual(decide(base, here, there), expected(base, here, there), (base, here, there))

    def test_both_sides_are_alike(self) -> None:
        """What holds for one side holds for the other. The exception is in `decide_metadata`."""
        mirrored = {
            Decision.TO_HERE: Decision.TO_THERE,
            Decision.TO_THERE: Decision.TO_HERE,
            Decision.EMPTY_HERE: Decision.EMPTY_THERE,
            Decision.EMPTY_THERE: Decision.EMPTY_HERE,
        }
        for base, here, there in itertools.product(CONTENTS, repeat=3):
            decision = decide(base, here, there)
            self.assertEqual(decide(base, there, here), mirrored.get(decision, decision))

    def test_time_counts_for_nothing(self) -> None:
        """Whose clock is wrong does not matter: times decide nothing about contents."""
        for base, here, there in itertools.product((file("B", 5), file("X", 5)), repeat=3):
            later = decide(base, here._replace(mtime_us=1), there._replace(mtime_us=9))
            self.assertEqual(later, decide(base, here, there))

    def test_preference(self) -> None:
        """A preference decides conflicts and what is suspicious, and nothing else; an age only conflicts of files."""
        for base, here, there in itertools.product(CONTENTS, repeat=3):
            plain = decide(base, here, there)
            unsettled = plain in (Decision.CONFLICT, Decision.EMPTY_HERE, Decision.EMPTY_THERE)
            for preference, wanted in ((Preference.HERE, Decision.TO_THERE), (Preference.THERE, Decision.TO_HERE)):
                self.assertEqual(decide(base, here, there, preference), wanted if unsettled else plain)
            self.assertEqual(decide(base, here, there, Preference.NEWER), plain)  # all have the same time

    def test_newer(self) -> None:
        """The newer of two files stands; where a time is missing, or one is a directory, it stays a conflict."""
        cases = (
            (file("X", 2), file("Y", 1), Decision.TO_THERE),
            (file("X", 1), file("Y", 2), Decision.TO_HERE),
            (file("X", 1), file("Y")._replace(mtime_us=None), Decision.CONFLICT),
            (file("X", 1), DIRECTORY, Decision.CONFLICT),
            (file("", 2), file("Y", 1), Decision.EMPTY_HERE),
        )
        for here, there, decision in cases:
            self.assertEqual(decide(NEVER, here, there, Preference.NEWER), decision)

    def test_metadata(self) -> None:
        """Time and mode follow the same table; the server's win a conflict, and where nothing was agreed."""
        times = [file("B", time) for time in (1, 2, 3)]
        for base, here, there in itertools.product((None, *times), times, times):
            decision = Decision.TO_HERE
            if here == there:
                decision = Decision.AGREED
            elif there == base:
                decision = Decision.TO_THERE
            self.assertEqual(decide_metadata(base, here, there), decision)

    def test_target(self) -> None:
        """A decision says which side it is about."""
        self.assertEqual(Decision.TO_HERE.target, Side.HERE)
        self.assertEqual(Decision.TO_THERE.target, Side.THERE)
        self.assertEqual((Decision.EMPTY_HERE.target, Decision.EMPTY_THERE.target), (Side.HERE, Side.THERE))
