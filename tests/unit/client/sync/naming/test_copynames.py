"""The names of the copies that conflicts leave."""

from __future__ import annotations

from twisted.trial import unittest

from homeftp.client.escapes import escape_name, unescape_name
from homeftp.client.sync.naming.copynames import copy_name, is_copy_of, may_be_cut, original_endpoint, original_name
from homeftp.endpoint import name_problem

DAY = "2026-05-01"


class CopyNameTests(unittest.SynchronousTestCase):
    """Names of copies of files with all sorts of names."""

    def test_names(self) -> None:
        """The machine and the day stand before the extension, in the same folder."""
        cases = {
            "name.txt": "name (conflict from ann-laptop 2026-05-01).txt",
            "a/b/name": "a/b/name (conflict from ann-laptop 2026-05-01)",
            "backup.tar.gz": "backup (conflict from ann-laptop 2026-05-01).tar.gz",
            ".profile": ".profile (conflict from ann-laptop 2026-05-01)",
            "Dr. Who and.the rest of it": "Dr. Who and.the rest of it (conflict from ann-laptop 2026-05-01)",
        }
        for name, copy in cases.items():
            self.assertEqual(copy_name(name, "ann-laptop", DAY, ()), copy)
            self.assertEqual(original_name(copy), name)
            self.assertIsNone(original_name(name))

    def test_taken(self) -> None:
        """A name that is taken gets a number."""
        taken = {copy_name("a", "m", DAY, ()), "a (conflict from m 2026-05-01 2)"}
        self.assertEqual(copy_name("a", "m", DAY, taken), "a (conflict from m 2026-05-01 3)")
        self.assertEqual(original_name("a (conflict from m 2026-05-01 3)"), "a")

    def test_copy_of_a_copy(self) -> None:
        """The copy of a copy is a copy of the original: names do not grow."""
        copy = copy_name("a.txt", "ann", DAY, ())
        self.assertEqual(copy_name(copy, "bob", "2026-06-02", ()), "a (conflict from bob 2026-06-02).txt")

    def test_legal(self) -> None:
        """The name is legal, and not too long, whatever the machine and the file are called."""
        for name in ("x", "x" * 255, "ä" * 127 + ".txt", "x" * 250 + ".txt"):
            for machine in ("m", "", "a/b:c (d)", "...", "\U00020000" * 300):
                made = copy_name(name, machine, DAY, ())
                self.assertIsNone(name_problem(made), made)
                self.assertIsNotNone(original_name(made))
                self.assertNotIn(copy_name(name, machine, DAY, {made}), (made, name))

    def test_escaped(self) -> None:
        """A character that is escaped only where it stands in the original is not escaped in the name of the copy."""
        for name, local, copy in (
            ("d/k\u201b\uff0e", "k.", "d/k. (conflict from m 2026-05-01)"),
            ("\u201b\uff43on", "con", "con (conflict from m 2026-05-01)"),
            ("2019\u201b\uff1a.txt", "2019:.txt", "2019\u201b\uff1a (conflict from m 2026-05-01).txt"),
        ):
            made = copy_name(name, "m", DAY, ())
            self.assertEqual((made, original_endpoint(made)), (copy, name))
            self.assertEqual(original_name(unescape_name(made.rpartition("/")[2]) or ""), local)
            self.assertEqual(copy_name(made, "m", DAY, ()), copy)
            self.assertIsNone(original_endpoint(name))

    def test_escaped_and_cut(self) -> None:
        """A name that is cut is still one that stands for a local name, and the longest that there is."""
        made = copy_name("\u201b\uff1a" * 42, "m", DAY, ())
        self.assertEqual(unescape_name(made), ":" * 37 + " (conflict from m 2026-05-01)")

    def test_may_be_cut(self) -> None:
        """Each copy whose name was cut is known as one that may be; the control: one of a shorter name is not."""
        for character in ("x", "\u00e4", "\u4e2d", "\U00020000", ":", "\x01", "\u201b", "."):
            is_cut = False
            for count in range(1, 256):
                name = "n" + character * count + "n.txt"
                wire = copy_name(escape_name(name), "m", DAY, ())
                copy = unescape_name(wire) or wire
                is_cut = is_cut or original_name(copy) != name
                if is_cut:
                    self.assertTrue(may_be_cut(copy), name)
                elif len(wire.encode()) < 246:
                    self.assertFalse(may_be_cut(copy), name)
            self.assertTrue(is_cut, character)
        self.assertFalse(may_be_cut("x" * 255), "no copy")

    def test_is_copy_of(self) -> None:
        """A copy belongs to one file in its own folder, also where its name was cut."""
        for last in ("a.txt", "x" * 251 + ".txt", "k\u201b\uff0e", "\u201b\uff1a" * 42):
            copy = copy_name(f"d/{last}", "m", DAY, ())
            self.assertTrue(is_copy_of(copy, f"d/{last}"), copy)
            for other in (last, f"e/{last}", "d/b.txt", copy):
                self.assertFalse(is_copy_of(copy, other), (copy, other))

    def test_not_a_copy(self) -> None:
        """Names that only look alike are no copies."""
        for name in ("a (conflict from m)", "a (conflict from m 2026-05-01) b", "(conflict from m 26-05-01).txt"):
            self.assertIsNone(original_name(name), name)
