"""A recovered database is the one that was dumped; what is not a whole dump of the cluster changes nothing."""

from __future__ import annotations

from typing import Callable

import attrs
from msgspec import structs

from homeftp.cluster.dumps import manifest as manifests
from homeftp.cluster.dumps.manifest import DumpManifest, part_name, read_manifest
from homeftp.cluster.dumps.recovering import recover
from homeftp.cluster.migrations import KeptTable, SchemaPart, states
from homeftp.crypto.ca import HomeCA, open_identity, read_ca
from homeftp.endpoint import parse
from homeftp.errors import OperatorError
from homeftp.history.changes import VersionId
from homeftp.host import now
from homeftp.store.cluster.tables import collected
from homeftp.store.cluster.upkeep import garbage
from tests.support.clustercase import request
from tests.support.dumpcase import DumpCase, home


def other_home(folder: str) -> HomeCA:
    """That of another cluster."""
    open_identity(folder, now=now)
    found = read_ca(folder)
    assert found is not None
    return found


class RecoverTests(DumpCase):
    """Into an empty database."""

    def test_equal(self) -> None:
        """Every table that is kept has the same rows."""
        self.write("a.txt", "d/b.txt", "d/ü {'t,'}.txt")
        self.write("a.txt", content=b"new")
        made = self.dump()
        database = self.recovered()
        for part in self.parts:
            for table in part.kept:
                found = self.rows(database, table.name, table.without)
                self.assertEqual(found, self.rows(self.database, table.name, table.without), table.name)
        self.assertEqual({table.name: table.rows for table in made.tables}["node"], 5)
        self.assert_consistent(database)
        for part in self.parts:
            for name in {"garbage", "identity", "invitations"} & set(part.left):
                self.assertEqual(self.rows(database, name), [])

    def test_goes_on(self) -> None:
        """The tree is changed and the log is written as before; no number comes twice, not even after the dump."""
        self.write("a.txt")
        self.dump()
        (late,) = self.write("late.txt")
        database = self.recovered()
        store = self.store_of(database)
        (entry,) = store.write_many([(request("b.txt", size=1), b"b")])
        assert not isinstance(entry, Exception)
        self.assertGreater(int(entry.tag or 0), int(late.tag or 0))
        again = self.store_of(self.recovered())
        (other,) = again.write_many([(request("c.txt", size=1), b"c")])
        assert not isinstance(other, Exception)
        self.assertGreater(int(other.tag or 0), int(entry.tag or 0), "recovered twice from one dump")
        database.transact(
            lambda transaction: transaction.execute("INSERT INTO audit (server, line) VALUES ('two', 'next')")
        )
        self.assertEqual([line for (line,) in database.rows("SELECT line FROM audit ORDER BY seq")][1:], ["next"])
        database.transact(lambda transaction: transaction.execute("UPDATE accounts SET rights = 'none'"))
        stamps = [self.rows(each, "accounts") for each in (database, self.database)]
        self.assertNotEqual(*stamps)

    def test_without_identity(self) -> None:
        """Without the home's key the files are recovered, and no account."""
        self.write("a.txt")
        self.dump()
        database = self.empty()
        rows = recover(database, self.bucket, read_manifest(self.bucket), self.parts, None, lambda transaction: None)
        self.assertNotIn("accounts", rows)
        self.assertEqual([self.rows(database, name) for name in ("accounts", "audit")], [[], []])
        self.assertEqual(len(self.rows(database, "node")), 2)

    def test_upgraded(self) -> None:
        """The tables are made as they were dumped, and upgraded with their rows in them."""
        self.write("a.txt")
        self.dump()
        (store,) = (part for part in self.parts if part.name == "store")
        step = "CREATE TABLE counted AS SELECT count(*) FROM node"
        later = attrs.evolve(store, steps=(*store.steps, step))
        new = SchemaPart("new", ("CREATE TABLE new (n integer)",), kept=(KeptTable("new"),))
        parts = [new, *(later if part is store else part for part in self.parts)]
        database = self.empty()
        recover(database, self.bucket, read_manifest(self.bucket), parts, home(), lambda transaction: None)
        self.assertEqual(database.rows("SELECT * FROM counted"), [(2,)])
        self.assertEqual([state.problem for state in states(database, parts)], [None] * len(parts))


class RefusedTests(DumpCase):
    """What is no dump that can be recovered here."""

    def setUp(self) -> None:
        super().setUp()
        self.write("a.txt")
        self.made = self.dump()

    def refused(self, manifest: DumpManifest | None = None, ca: HomeCA | None = None) -> str:
        """Why nothing was recovered; the database is as empty as it was."""
        database = self.empty()
        error = self.assertRaises(
            OperatorError,
            recover,
            *(database, self.bucket, manifest or self.made, self.parts, ca or home(), lambda transaction: None),
        )
        query = "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        self.assertEqual(database.rows(query), [(0,)])
        return str(error)

    def test_not_empty(self) -> None:
        """A database that has tables of homeftp is left as it is."""
        database = self.recovered()
        before = self.rows(database, "node"), self.rows(database, "homeftp_schema")
        recover_again = (database, self.bucket, self.made, self.parts, home(), lambda transaction: None)
        self.assertIn("empty database", str(self.assertRaises(OperatorError, recover, *recover_again)))
        self.assertEqual((self.rows(database, "node"), self.rows(database, "homeftp_schema")), before)

    def changed(self, table: str, change: Callable[[bytes], bytes]) -> DumpManifest:
        """The manifest of a dump of which an object was changed, by somebody who changes the manifest, too."""
        (dumped,) = (each for each in self.made.tables if each.name == table)
        name = part_name(self.made.name, table, 0)
        content = change(self.bucket.get(name, 0, dumped.parts[0].size))
        self.bucket.put(name, content)
        new = structs.replace(dumped, parts=(manifests.part_of(content),))
        return structs.replace(self.made, tables=tuple(new if each is dumped else each for each in self.made.tables))

    def test_objects(self) -> None:
        """An object that is missing or has other bytes is named."""
        name = part_name(self.made.name, "node", 0)
        manifest = self.changed("node", lambda content: bytes(len(content)))
        self.assertIn(f"another {name}", self.refused())
        self.assertIn("table node cannot be read", self.refused(manifest))
        self.bucket.delete([name])
        self.assertIn(f"not kept {name}", self.refused())

    def test_cut(self) -> None:
        """Rows that are not all are not taken for all."""
        manifest = self.changed("node", lambda content: content[:-5])
        self.assertIn("table node is not whole", self.refused(manifest))
        fewer = structs.replace(self.made.tables[0], rows=7)
        self.assertIn("instead of 7", self.refused(structs.replace(self.made, tables=(fewer,))))

    def test_forged(self) -> None:
        """Accounts that another one wrote, or that belong to another dump, are no accounts."""
        other = self.dump()
        (table,) = (each for each in other.tables if each.name == "accounts")
        moved = self.bucket.get(part_name(other.name, "accounts", 0), 0, table.parts[0].size)
        forgeries: list[Callable[[bytes], bytes]] = [lambda content: content[1:], lambda content: moved]
        (own,) = (each for each in self.made.tables if each.name == "accounts")
        name = part_name(self.made.name, "accounts", 0)
        whole = self.bucket.get(name, 0, own.parts[0].size)
        for forge in forgeries:
            self.assertIn("not encrypted by this cluster", self.refused(self.changed("accounts", forge)))
            self.bucket.put(name, whole)

    def test_other_identity(self) -> None:
        """The state folder of another home is refused before anything is read."""
        self.assertIn("another identity", self.refused(ca=other_home(self.mktemp())))

    def test_manifest(self) -> None:
        """A manifest may only name what dumps have, as far as this version knows it."""
        tables = self.made.tables
        foreign = structs.replace(tables[0], name="identity")
        self.assertIn("does not dump ('identity')", self.refused(structs.replace(self.made, tables=(foreign,))))
        injected = structs.replace(tables[0], columns=('id") FROM STDIN; DROP TABLE share; --',))
        self.assertIn("do not fit", self.refused(structs.replace(self.made, tables=(injected,))))
        self.assertIn("newer homeftp", self.refused(structs.replace(self.made, schema={"store": 99})))
        self.assertIn("newer homeftp", self.refused(structs.replace(self.made, schema={"other": 1})))
        self.assertIn("salt", self.refused(structs.replace(self.made, salt="x")))


class GraceTests(DumpCase):
    """The collector and the dumps."""

    cluster_options = {"grace_seconds": 7200.0}  # noqa: RUF012 (read only)

    def forget(self) -> None:
        """Remove all that the dump names."""
        history = self.store.history()
        assert history is not None
        for name in self.names():
            list(self.store.remove(parse(name), None, False))
        history.remove_versions([VersionId(parse(each.name), each.at_us) for each in self.kept()])

    def test_kept(self) -> None:
        """What a dump names stays in the bucket a grace period, whatever becomes of it: the recovered tree has it."""
        self.write("a.txt", "b.txt")
        self.write("a.txt", content=b"other")
        self.dump()
        self.forget()
        garbage.find_orphans(self.context)
        self.later(7199)
        garbage.collect(self.context)
        self.assert_consistent(self.recovered())

    def test_too_old(self) -> None:
        """The control: after the grace period it is gone."""
        self.write("a.txt")
        self.dump()
        self.forget()
        self.later(7201)
        garbage.collect(self.context)
        self.assertRaises(self.failureException, self.assert_consistent, self.recovered())

    def test_later(self) -> None:
        """What was stored after the dump stays in the bucket after a recovery, until the owner says otherwise."""
        self.write("a.txt")
        self.dump()
        self.write("later.txt")
        before = self.objects()
        database = self.recovered()
        context = attrs.evolve(self.context, database=database)
        for _ in range(2):
            garbage.collect(context)
            database.transact(lambda transaction: transaction.execute("UPDATE garbage SET since_us = 0"))
        self.assertEqual(self.objects(), before)
        database.transact(collected.release)
        for _ in range(2):
            garbage.collect(context)
            database.transact(lambda transaction: transaction.execute("UPDATE garbage SET since_us = 0"))
        self.assertEqual(len(before - self.objects()), 1)
        self.assert_consistent(database)
