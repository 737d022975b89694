"""Many writes fall into runs, which have the effect of all of them one after the other."""

from __future__ import annotations

import os
import random
import stat

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.model import ABSENT, PRESENT, WriteRequest
from homeftp.store.local.disk.handles import WAYS_PARTS
from homeftp.store.local.writes.runs import BATCH, Contents, runs
from tests.support.stores import LONG_AGO, Recording, StoreCase, sha

_BATCHES = 200
_NAMES = ("a", "a/b", "a/b/c", "a/d", "e", "e/f", "g")


def asked(*names: str) -> Contents:
    """Requests for files, and for directories, whose names end with a slash; conditional ones have a mark in front."""
    return [
        (
            WriteRequest(
                endpoint=parse(name.lstrip("!").rstrip("/")), precondition=ABSENT if name.startswith("!") else None
            ),
            None if name.endswith("/") else b"x",
        )
        for name in names
    ]


class RunsTests(SynchronousTestCase):
    """Which entries are done together."""

    def assert_runs(self, expected: list[list[int]], *names: str) -> None:
        """These entries fall into these runs."""
        self.assertEqual(list(runs(asked(*names))), expected, names)

    def test_together(self) -> None:
        """A tree is one run, directories before or after what is in them."""
        self.assert_runs([])
        self.assert_runs([[0, 1, 2, 3]], "a/", "a/b/", "a/b/c", "a/d")
        self.assert_runs([[0, 1, 2]], "!a/", "!a/b/", "!a/b/c")
        self.assert_runs([[0, 1]], "a/b/", "a/")

    def test_time(self) -> None:
        """A directory after a file in it comes last: the file changes its time, and so does what comes late."""
        self.assert_runs([[0, 3], [1, 2, 4]], "a/b", "a/", "/", "c/d", "c/")
        self.assert_runs([[0], [1, 2]], "a/b/c", "a/b/", "a/")
        self.assert_runs([[0, 1]], "a/b/c", "a/")

    def test_noticed(self) -> None:
        """What would notice the difference begins another run."""
        for names in (
            ("a", "a"),
            ("a/", "a/"),
            ("a", "a/"),
            ("a/", "a"),
            ("a", "a/b"),
            ("a", "a/b/"),
            ("a", "a/b/c"),
            ("a/b", "a"),
            ("a/b", "!a/"),
            ("a/b/", "!a/"),
        ):
            self.assert_runs([[0], [1]], *names)
        self.assert_runs([[0], [1], [2]], "a/b", "a/", "a/c")

    def test_full(self) -> None:
        """A run has a bounded number of entries, and of directories that are open; shared ones count once."""
        found = list(runs(asked(*(f"a/{number}" for number in range(BATCH + 1)))))
        self.assertEqual([len(run) for run in found], [BATCH, 1])
        found = list(runs(asked(*(f"a/b/c/{number}/" for number in range(WAYS_PARTS)))))
        self.assertEqual([len(run) for run in found], [WAYS_PARTS - 3, 3])
        found = list(runs(asked(*(f"{number}/b/c/" for number in range(WAYS_PARTS)))))
        self.assertEqual({len(run) for run in found[:-1]}, {WAYS_PARTS // 3})
        self.assertEqual(
            [number for run in found for number in run], list(range(WAYS_PARTS)), "each comes once, in order"
        )


class OneByOneTests(StoreCase):
    """Random batches, beside a store that gets the same entries one after the other."""

    def test_same(self) -> None:
        """The results are of the same kinds, and so is the tree, with its contents, modes and times."""
        chance = random.Random(13)
        store = self.store(Recording())
        kinds = set()
        several = 0
        for number in range(_BATCHES):
            entries = [self.entry(chance) for _ in range(chance.randrange(2, 9))]
            several += any(len(run) > 1 and any(entries[each][1] is None for each in run) for run in runs(entries))
            found = []
            for folder in (f"alone{number}", f"together{number}"):
                os.mkdir(self.path(folder))
                placed = [
                    (structs.replace(asked, endpoint=parse(f"{folder}/{asked.endpoint}")), content)
                    for asked, content in entries
                ]
                batches = [placed] if folder.startswith("together") else [[entry] for entry in placed]
                results = [type(result).__name__ for batch in batches for result in store.write_many(batch)]
                found.append((results, self.tree(folder)))
            (alone, tree), (found_results, found_tree) = found
            kinds.update(alone)
            asked = [(str(request.endpoint), content, request.precondition) for request, content in entries]
            self.assertEqual((found_results, sorted(found_tree)), (alone, sorted(tree)), (number, asked))
            for name, (mode, content, mtime_us) in tree.items():
                self.assertEqual(found_tree[name][:2], (mode, content), (number, name, asked))
                if mtime_us == LONG_AGO:  # else it was changed after its time was set, or has none
                    self.assertEqual(found_tree[name][2], LONG_AGO, (number, name, asked))
        self.assertEqual(kinds, {"Entry", "Changed", "WrongKind"}, "the control")
        self.assertGreater(several, _BATCHES // 2, "the control")

    def entry(self, chance: random.Random) -> tuple[WriteRequest, bytes | None]:
        """A file or a directory, mostly without a condition."""
        content = None if chance.random() < 0.5 else chance.randbytes(4)
        condition = chance.choice((None, None, None, ABSENT, PRESENT))
        mode = chance.choice((None, 0o700, 0o750))
        mtime_us = chance.choice((None, LONG_AGO))
        request = WriteRequest(
            endpoint=parse(chance.choice(_NAMES)), size=None, mode=mode, mtime_us=mtime_us, precondition=condition
        )
        return request, content

    def tree(self, top: str) -> dict[str, tuple[int, str | None, int]]:
        """The mode, the hash and the time of all that is in a folder of the root."""
        found = {}
        for folder, folders, names in os.walk(self.path(top)):
            for name in (*folders, *names):
                path = os.path.join(folder, name)
                at = os.stat(path)
                content = sha(self.content(os.path.relpath(path, self.root))) if name in names else None
                relative = os.path.relpath(path, self.path(top))
                found[relative] = stat.S_IMODE(at.st_mode), content, at.st_mtime_ns // 1000
        return found
