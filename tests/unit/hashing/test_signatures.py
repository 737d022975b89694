"""Signatures in the hash cache: what counts of a stat on which disk."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.hashing.filehash import signature
from homeftp.hashing.signatures import (
    LATE_NS,
    folder_signature,
    has_change_time,
    is_same,
    is_still_marked,
    is_unchanged,
    signature_on,
)
from homeftp.metadata.kept import ChangeTime


def stat_of(*, size: int = 7, mtime_ns: int = 5, ctime_ns: int = 6, inode: int = 1) -> os.stat_result:
    """A stat with these values."""
    return os.stat_result(
        (0o100644, inode, 1, 1, 0, 0, size, 0, 0, 0), {"st_mtime_ns": mtime_ns, "st_ctime_ns": ctime_ns}
    )


BEFORE = stat_of()
AFTER = {
    "size": stat_of(size=8),
    "mtime": stat_of(mtime_ns=6),
    "ctime": stat_of(ctime_ns=6 + LATE_NS),
    "late ctime": stat_of(ctime_ns=5 + LATE_NS),
    "inode": stat_of(inode=2),
}


class SignaturesTests(SynchronousTestCase):
    """`signature_on` and what compares it."""

    def test_what_counts(self) -> None:
        """The whole stat, but a ctime that moves late may do so, and one that is made up does not count at all."""
        for change_time, changed in (
            (ChangeTime.CTIME, set(AFTER)),
            (ChangeTime.LATE_CTIME, {"size", "mtime", "ctime", "inode"}),
            (ChangeTime.MTIME, {"size", "mtime"}),
        ):
            self.assertTrue(is_unchanged(BEFORE, stat_of(), change_time))
            found = {name for name, after in AFTER.items() if not is_unchanged(BEFORE, after, change_time)}
            self.assertEqual(found, changed, change_time)

    def test_forms(self) -> None:
        """A signature of one kind of disk is not that of another, whatever the stat; most have that of before."""
        forms = [signature_on(BEFORE, change_time) for change_time in ChangeTime]
        self.assertEqual([is_same(one, other) for one in forms for other in forms].count(True), len(forms))
        self.assertEqual(signature_on(BEFORE, ChangeTime.CTIME), signature(BEFORE))
        self.assertEqual([has_change_time(form) for form in forms], [True, True, False])

    def test_folder(self) -> None:
        """Whatever changes in a folder changes its signature: a name, the stat of any file, and what else counts."""
        names = ["a", "b"]
        before = folder_signature(names, [BEFORE, BEFORE], "x")
        self.assertEqual(before, folder_signature(["a", "".join("b")], [stat_of(), stat_of()], "x"))
        same = [BEFORE, BEFORE]
        others = [
            folder_signature(names, same),
            folder_signature(names, same, "y"),
            folder_signature(names, same, "x", ""),
            folder_signature(["a", "c"], same, "x"),
            folder_signature(["a\udcff", "b"], same, "x"),
            folder_signature(["a"], [BEFORE], "x"),
            folder_signature([], [], "x"),
            *(folder_signature(names, [BEFORE, after], "x") for after in AFTER.values()),
            *(folder_signature(names, [after, BEFORE], "x") for after in AFTER.values()),
        ]
        self.assertEqual(len({before, *others}), 1 + len(others))

    def test_marks(self) -> None:
        """The mark of a file stays whatever its ctime is, and where inodes are made up whatever that is."""
        for change_time in ChangeTime:
            marked = signature_on(BEFORE, change_time)
            self.assertTrue(is_still_marked(marked, AFTER["ctime"]), change_time)
            for changed in ("size", "mtime"):
                self.assertFalse(is_still_marked(marked, AFTER[changed]), change_time)
            self.assertEqual(is_still_marked(marked, AFTER["inode"]), change_time is ChangeTime.MTIME)
