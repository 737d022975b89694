"""The database of dead properties."""

from __future__ import annotations

import contextlib
import os
import sqlite3

from homeftp.config import Limits
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Internal, NoSpace
from homeftp.model import SERVER, Change
from homeftp.server.http.dav.properties.database import FILE, MAX_VALUE, PropertyDatabase
from tests.support.folders import QuickCase

ONE, TWO = ("urn:x", "one"), ("", "two")
ANN, BOB = "1" * 32, "2" * 32


def change(what: str, path: str, to: str | None = None) -> Change:
    """A change of a directory, in the store."""
    return Change(what, "directory", parse(path), SERVER, None if to is None else parse(to))


class PropertyDatabaseTests(QuickCase):
    """One database."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder, 0o700)
        self.database = PropertyDatabase(self.folder)
        self.addCleanup(self.database.close)

    def test_change(self) -> None:
        """Properties are set, replaced and removed; they are there after a restart. Reading makes no file."""
        self.assertEqual((self.database.of(parse("a")), self.database.inside(ROOT)), ({}, {}))
        self.assertEqual(os.listdir(self.folder), [])
        self.database.change(parse("a"), {ONE: "1", TWO: "2"}, ANN)
        self.database.change(parse("a"), {ONE: "3", TWO: None}, ANN)
        self.database.close()
        self.assertEqual(self.database.of(parse("a")), {ONE: "3"})
        self.assertEqual(os.stat(os.path.join(self.folder, FILE)).st_mode & 0o077, 0)

    def test_inside(self) -> None:
        """Those of everything in a folder come together, without those of the folder and of what is deeper."""
        for path in ("d", "d/a", "d/b", "d/b/c", "da"):
            self.database.change(parse(path), {ONE: path}, ANN)
        self.assertEqual(self.database.inside(parse("d")), {"a": {ONE: "d/a"}, "b": {ONE: "d/b"}})
        self.assertEqual(set(self.database.inside(ROOT)), {"d", "da"})

    def test_tree(self) -> None:
        """They go with what is moved, copied and removed, and with nothing else."""
        for path in ("d", "d/a", "d/b/c", "da", "d0", "e/x"):
            self.database.change(parse(path), {ONE: path}, ANN)
        self.database.copied(parse("d"), parse("e"), ANN, deep=True)
        self.assertEqual(self.database.of(parse("e/b/c")), {ONE: "d/b/c"})
        self.assertEqual(self.database.of(parse("e/x")), {})
        self.database.copied(parse("d"), parse("f"), ANN, deep=False)
        self.assertEqual((self.database.of(parse("f")), self.database.of(parse("f/a"))), ({ONE: "d"}, {}))
        self.database.follow([change("move", "d", "g/h")])
        self.assertEqual((self.database.of(parse("d/a")), self.database.of(parse("g/h/a"))), ({}, {ONE: "d/a"}))
        self.database.follow([change("delete", "g")])
        self.assertEqual(self.database.of(parse("g/h/b/c")), {})
        for path in ("da", "d0"):
            self.assertEqual(self.database.of(parse(path)), {ONE: path})

    def test_follow(self) -> None:
        """Changes are followed in their order; others change nothing, and make no database where there are none."""
        self.database.follow([change("delete", "a")])
        self.assertEqual(os.listdir(self.folder), [])
        self.database.change(parse("a"), {ONE: "1"}, ANN)
        self.database.follow([change("add", "a"), change("replace", "a"), change("metadata", "a")])
        self.assertEqual(self.database.of(parse("a")), {ONE: "1"})
        self.database.follow([change("move", "a", "b"), change("move", "b", "c"), change("delete", "b")])
        self.assertEqual([self.database.of(parse(name)) for name in "abc"], [{}, {}, {ONE: "1"}])
        self.database.close()
        self.database.follow([change("delete", "c")])
        self.assertEqual(self.database.of(parse("c")), {})

    def test_size(self) -> None:
        """All of them together have no more than so many bytes: more are refused, and copies go without."""
        database = PropertyDatabase(self.folder, most_bytes=20 * MAX_VALUE)
        self.addCleanup(database.close)
        kept = 0
        value = "x" * (MAX_VALUE - 100)
        with self.assertRaises(NoSpace):
            for kept in range(100):
                database.change(parse(f"d/{kept}"), {ONE: value}, ANN)
        self.assertIn(kept, range(10, 20))
        self.assertEqual((database.of(parse(f"d/{kept}")), database.of(parse("d/0"))), ({}, {ONE: value}))
        database.copied(parse("d"), parse("e"), ANN, deep=True)
        self.assertEqual(database.inside(parse("e")), {})
        database.follow([change("move", "d/1", "e/1")])
        database.change(parse("e/1"), {ONE: None}, ANN)
        database.copied(parse("d/0"), parse("e/0"), ANN, deep=True)
        self.assertEqual(database.inside(parse("e")), {"0": {ONE: value}})

    def test_bounds(self) -> None:
        """One resource has no more than so much: a change beyond that is refused, and changes nothing."""
        self.database.change(parse("a"), {ONE: "1"}, ANN)
        self.assertRaises(NoSpace, self.database.change, parse("a"), {ONE: None, TWO: "x" * MAX_VALUE}, ANN)
        self.assertEqual(self.database.of(parse("a")), {ONE: "1"})

    def test_all(self) -> None:
        """All together there are no more than so many."""
        import homeftp.server.http.dav.properties.database as module

        self.patch(module, "MAX_PROPERTIES", 2)
        self.database.change(parse("a"), {ONE: "1", TWO: "2"}, ANN)
        self.assertRaises(NoSpace, self.database.change, parse("b"), {ONE: "1"}, ANN)
        self.database.change(parse("a"), {ONE: None}, ANN)
        self.database.change(parse("b"), {ONE: "1"}, ANN)

    def test_account(self) -> None:
        """One account has no more than so many, and so many bytes: more are refused in words; another one has its own.

        Those that somebody else sets anew, or copies, count for that account; those that are removed for none.
        """
        for limits in (Limits(account_properties=2), Limits(account_property_bytes=2 * len("urn:xone1"))):
            database = PropertyDatabase(self.folder, limits)
            for name in "ab":
                database.change(parse(name), {ONE: "1"}, ANN)
            refused = self.assertRaises(NoSpace, database.change, parse("c"), {ONE: "1"}, ANN)
            self.assertIn("your account has too many WebDAV properties", refused.message)
            self.assertEqual(database.of(parse("c")), {})
            database.change(parse("a"), {ONE: "2"}, ANN)
            database.change(parse("c"), {ONE: "1"}, BOB)
            database.copied(parse("a"), parse("d"), ANN, deep=False)
            self.assertEqual(database.of(parse("d")), {})
            database.copied(parse("a"), parse("d"), BOB, deep=False)
            self.assertEqual(database.of(parse("d")), {ONE: "2"})
            self.assertRaises(NoSpace, database.change, parse("e"), {ONE: "1"}, BOB)
            database.follow([change("move", "d", "f")])
            self.assertRaises(NoSpace, database.change, parse("e"), {ONE: "1"}, BOB)
            database.follow([change("delete", "f")])
            database.change(parse("a"), {ONE: "1"}, BOB)
            database.change(parse("e"), {ONE: "1"}, ANN)
            database.close()
            os.remove(os.path.join(self.folder, FILE))

    def test_first_version(self) -> None:
        """Properties that an earlier version has kept stay, and count for no account."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.folder, FILE))) as connection, connection:
            connection.execute(
                "CREATE TABLE properties (parent TEXT NOT NULL, name TEXT NOT NULL, namespace TEXT NOT NULL, local TEXT"
                " NOT NULL, value TEXT NOT NULL, PRIMARY KEY (parent, name, namespace, local)) WITHOUT ROWID"
            )
            connection.execute("INSERT INTO properties VALUES ('', 'old', 'urn:x', 'one', '1')")
            connection.execute("PRAGMA user_version = 1")
        database = PropertyDatabase(self.folder, Limits(account_properties=1))
        self.addCleanup(database.close)
        self.assertEqual(database.of(parse("old")), {ONE: "1"})
        database.change(parse("new"), {ONE: "1"}, ANN)
        self.assertEqual((database.of(parse("old")), database.of(parse("new"))), ({ONE: "1"}, {ONE: "1"}))

    def test_unwritable(self) -> None:
        """Where nothing can be kept that is said; reading finds nothing."""
        database = PropertyDatabase(os.path.join(self.folder, FILE))
        with open(os.path.join(self.folder, FILE), "w") as file:
            file.write("no folder")
        self.addCleanup(database.close)
        self.assertRaises(Internal, database.change, parse("a"), {ONE: "1"}, ANN)
        self.assertEqual(database.of(parse("a")), {})
