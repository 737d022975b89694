"""Names in order, few of them in memory at a time."""

from __future__ import annotations

from typing import Iterator

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.local.disk.sortednames import (
    PART,
    PER_DIRECTORY,
    NameBudget,
    SortedNames,
    directories_in,
    directory_steps,
    forget_outer,
)


class NameBudgetTests(SynchronousTestCase):
    """What each walk may keep."""

    def test_share(self) -> None:
        """All walks share the names; each may keep a page of them whatever the others keep."""
        budget = NameBudget(1000, least=100)
        self.assertEqual(budget.share, 1000)
        with budget.walk(), budget.walk():
            self.assertEqual(budget.share, 500)
            walks = [budget.walk() for _ in range(50)]
            for walk in walks:
                walk.__enter__()
            self.assertEqual((budget.walks, budget.share), (52, 100))
            for walk in walks:
                walk.__exit__(None, None, None)
        self.assertEqual((budget.walks, budget.share), (0, 1000))


class SortedNamesTests(SynchronousTestCase):
    """The names of one directory."""

    def setUp(self) -> None:
        self.present = {b"%03d" % number for number in range(100)}
        self.reads = 0

    def read(self) -> Iterator[bytes]:
        """All names of the directory."""
        self.reads += 1
        yield from self.present

    def all(self, names: SortedNames, most: int = 7) -> list[bytes]:
        """All names that are left."""
        given: list[bytes] = []
        while taken := names.take(most, self.read):
            given += taken
        self.assertTrue(names.ended)
        return given

    def test_order(self) -> None:
        """They are sorted, forwards or backwards, however few are kept; where all are kept they are read once."""
        for kept in (1, 2, 30, 1000):
            for backwards in (False, True):
                names = SortedNames(NameBudget(kept, least=1), backwards=backwards)
                self.assertEqual(self.all(names), sorted(self.present, reverse=backwards), kept)
        self.reads = 0
        self.all(SortedNames(NameBudget(1000)))
        self.assertEqual(self.reads, 1)

    def test_parts(self) -> None:
        """Many names are read in parts, of which each step reads one; few are read in one step."""
        many = [b"%06d" % (number * 7919 % 30_011) for number in range(3 * PART - 1)]
        names = SortedNames(NameBudget(300))
        steps = [names.read_part(lambda: many) for _ in range(4)]
        self.assertEqual(steps, [False, False, True, True])
        self.assertEqual(names.take(50, self.read), sorted(many)[:50])
        self.assertEqual(self.reads, 0)
        self.assertTrue(SortedNames(NameBudget()).read_part(self.read), "the control")

    def test_part_fails(self) -> None:
        """Where the names cannot be read they are read anew the next time."""

        def read() -> Iterator[bytes]:
            yield b"x"
            raise OSError("the disk fails")

        names = SortedNames(NameBudget(30, least=1))
        with self.assertRaises(OSError):
            names.read_part(read)
        self.assertEqual(self.all(names), sorted(self.present))

    def test_twice(self) -> None:
        """A name that a directory gives twice while it is replaced is given once."""

        def read() -> Iterator[bytes]:
            yield from sorted(self.present)
            yield from (b"000", b"050", b"099")

        for kept in (1, 2, 30, 1000):
            for backwards in (False, True):
                names = SortedNames(NameBudget(kept, least=1), backwards=backwards)
                given: list[bytes] = []
                while taken := names.take(7, read):
                    given += taken
                self.assertTrue(names.ended)
                self.assertEqual(given, sorted(self.present, reverse=backwards), kept)

    def test_bound(self) -> None:
        """No more names are kept than the share of the walk allows; the control: they would be if it were larger."""
        for share, kept in ((30, 30 // PER_DIRECTORY - 1), (1000, 99)):
            names = SortedNames(NameBudget(share, least=1))
            names.take(1, self.read)
            self.assertEqual(names.kept, kept)

    def test_changes(self) -> None:
        """A name that exists all the time is given once, whatever else comes and goes."""
        names = SortedNames(NameBudget(30, least=1))
        given = names.take(50, self.read)
        stay = sorted(self.present)
        self.present |= {b"000-new", b"050-new"}
        given += self.all(names)
        self.assertEqual([name for name in given if name in stay], stay)

    def test_forget(self) -> None:
        """Names that were forgotten are read again, from the last one on, or from an earlier one."""
        names = SortedNames(NameBudget())
        names.take(10, self.read)
        names.forget()
        self.assertEqual((names.kept, names.ended), (0, False))
        self.assertEqual(names.take(1, self.read), [b"010"])
        names.forget(b"004")
        self.assertEqual(names.take(1, self.read), [b"005"])

    def test_outer(self) -> None:
        """A walk whose directories keep too many names together forgets those of the outermost."""
        budget = NameBudget(100, least=1)
        levels = [SortedNames(NameBudget()) for _ in range(3)]
        for level in levels:
            level.take(20, self.read)
        forget_outer(levels, budget)
        self.assertEqual([level.kept for level in levels], [0, 0, 80])
        forget_outer(levels, NameBudget(1, least=1))
        self.assertEqual(levels[-1].kept, 80, "the directory that is being read keeps its names")


class DirectoriesTests(SynchronousTestCase):
    """A walk through directories."""

    def test_walk(self) -> None:
        """Each directory comes once, before or after those below it, however few names are kept."""
        tree = {(): [b"a", b"b", b"c"], (b"a",): [b"x", b"y"], (b"a", b"y"): [b"z"], (b"c",): [b"x"]}
        ways = [(), (b"a",), (b"a", b"x"), (b"a", b"y"), (b"a", b"y", b"z"), (b"b",), (b"c",), (b"c", b"x")]
        for kept in (1, 4, 1000):
            budget = NameBudget(kept, least=1)
            found = list(directories_in((), lambda way: tree.get(way, []), budget))
            self.assertEqual(found, ways, kept)
            after = list(directories_in((), lambda way: tree.get(way, []), budget, left=True))
            self.assertEqual(sorted(after), ways)
            self.assertTrue(all(after.index(way) < after.index(way[:-1]) for way in ways if way))

    def test_steps(self) -> None:
        """A directory with many names is read in steps, although few of them are directories."""

        def read(way: tuple[bytes, ...]) -> Iterator[bytes | None]:
            yield from () if way else (b"d" if number == PART else None for number in range(2 * PART))

        self.assertEqual(list(directory_steps((), read, NameBudget())), [(), None, None, (b"d",)])
