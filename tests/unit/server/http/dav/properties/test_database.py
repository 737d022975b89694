"""The database of dead properties of one server."""

from __future__ import annotations

import contextlib
import os
import sqlite3

from homeftp.config import Limits
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Internal
from homeftp.model import Change
from homeftp.server.http.dav.properties.bounds import MAX_BYTES
from homeftp.server.http.dav.properties.database import FILE, PropertyDatabase
from tests.support import propertycontract
from tests.support.propertycontract import ANN, ONE, TWO, property_change


class PropertyDatabaseTests(propertycontract.PropertiesContract):
    """One database, which is asked by one server."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder, 0o700)
        self.properties = self.others = self.database = self.bounded(Limits())

    def bounded(self, limits: Limits, most_bytes: int = MAX_BYTES) -> PropertyDatabase:
        database = PropertyDatabase(self.folder, limits, most_bytes)
        self.addCleanup(database.close)
        return database

    def follow(self, *changes: Change) -> None:
        self.database.follow(changes)

    def forget(self) -> None:
        with contextlib.closing(sqlite3.connect(os.path.join(self.folder, FILE))) as connection, connection:
            connection.execute("DELETE FROM properties")

    def test_kept(self) -> None:
        """Properties are there after a restart, for nobody else. Reading makes no file, nor do changes of the store."""
        self.assertEqual((self.database.of(parse("a")), self.database.inside(ROOT)), ({}, {}))
        self.follow(property_change("delete", "a"))
        self.assertEqual(os.listdir(self.folder), [])
        self.database.change(parse("a"), {ONE: "1", TWO: "2"}, ANN)
        self.database.close()
        self.assertEqual(self.database.of(parse("a")), {ONE: "1", TWO: "2"})
        self.assertEqual(os.stat(os.path.join(self.folder, FILE)).st_mode & 0o077, 0)
        self.database.close()
        self.follow(property_change("delete", "a"))
        self.assertEqual(self.database.of(parse("a")), {})

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
