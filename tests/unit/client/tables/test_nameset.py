"""Sets of the names of very many files."""

from __future__ import annotations

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.tables.nameset import NameSet


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
