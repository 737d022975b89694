"""Sets of the names of very many files."""

from __future__ import annotations

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.tables.nameset import NameSet, is_beneath, nearest, upwards


class AroundTests(SynchronousTestCase):
    """A name and the directories around it."""

    def test_upwards(self) -> None:
        """From the name to the topmost directory; the top itself has no name."""
        self.assertEqual(list(upwards("a/b/c")), ["a/b/c", "a/b", "a"])
        self.assertEqual(list(upwards("")), [])

    def test_beneath(self) -> None:
        """A name is beneath itself, and beneath what it is in, but not beneath what begins like it."""
        for name, expected in (("a/b", True), ("a/b/c", True), ("a/bc", False), ("a", False), ("", False)):
            self.assertIs(is_beneath(name, {"a/b"}), expected, name)

    def test_nearest(self) -> None:
        """The innermost one counts."""
        for name, expected in (("a/b/c", "a/b"), ("a/b", "a/b"), ("a/c", "a"), ("b", "")):
            self.assertEqual(nearest(name, {"a", "a/b"}), expected, name)


class NameSetTests(SynchronousTestCase):
    """NameSet."""

    def test_names(self) -> None:
        """It has what was added, and nothing else; also while it is asked."""
        names = NameSet()
        self.assertFalse(names)
        names.update(["a", "b/c", "b/d/e", "ü/ß"])
        names.add("a")
        self.assertTrue(names)
        self.assertEqual(sorted(names), ["a", "b/c", "b/d/e", "ü/ß"])
        for name in ("a", "b/c", "b/d/e", "ü/ß"):
            self.assertIn(name, names)
        for name in ("", "b", "c", "b/cc", "b/d", "d/e", "ü/"):
            self.assertNotIn(name, names)
        self.assertNotIn("b/new", names)
        names.add("b/new")
        self.assertIn("b/new", names)

    def test_has_in(self) -> None:
        """It tells whether there is a name directly in a folder."""
        names = NameSet()
        names.update(["b/c", "b/d/e"])
        self.assertEqual([names.has_in(folder) for folder in ("b", "b/d", "", "b/d/e")], [True, True, False, False])

    def test_empty_name(self) -> None:
        """The name of the top is a name as well."""
        names = NameSet()
        self.assertNotIn("", names)
        names.add("")
        self.assertIn("", names)

    def test_memory(self) -> None:
        """A name takes little more than its characters; in a set it takes many times that."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        in_set: set[str] = set()
        in_names = NameSet()
        before, _ = tracemalloc.get_traced_memory()
        in_names.update(f"folder/{number:08}" for number in range(10_000))
        taken, _ = tracemalloc.get_traced_memory()
        in_set.update(f"folder/{number:08}" for number in range(10_000))
        in_a_set, _ = tracemalloc.get_traced_memory()
        self.assertLess((taken - before) * 5, in_a_set - taken)
