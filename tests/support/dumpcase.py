"""What the tests of dumps have in common: a cluster with an identity, accounts and files, and empty databases."""

from __future__ import annotations

import functools
import os
import tempfile
from typing import Any, Callable
from unittest import mock

import attrs

from homeftp.cluster.database import Database
from homeftp.cluster.dumps.manifest import DumpManifest, read_manifest
from homeftp.cluster.dumps.recovering import recover
from homeftp.cluster.dumps.writing import write_dump
from homeftp.crypto.ca import HomeCA, open_identity, read_ca
from homeftp.host import now
from homeftp.server.clusterschema import SCHEMA
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import collected
from tests.support import clusterchecks
from tests.support.clustercase import ClusterCase
from tests.support.engines import empty_schema
from tests.support.kepttables import PATIENT

SECRET = "scrypt$of-ann"
"""What is stored as a password."""

AUDITED = '{"event": "login", "account": "ann"}'


@functools.cache
def home() -> HomeCA:
    """The CA of the cluster of all these tests."""
    with tempfile.TemporaryDirectory() as folder:
        state = os.path.join(folder, "state")
        open_identity(state, now=now)
        found = read_ca(state)
    assert found is not None
    return found


class DumpCase(ClusterCase):
    """One cluster, whose bucket is to have dumps."""

    parts = schema_parts = SCHEMA

    def setUp(self) -> None:
        """Give the database an identity, an account and a line of the audit log."""
        super().setUp()
        self.database = self.context.database
        self.bucket = self.cluster.bucket
        self.database.transact(
            lambda transaction: transaction.execute(
                "INSERT INTO identity (certificate, key) VALUES (%s, %s)", (home().certificate, home().key)
            )
        )
        self.cluster.execute(
            "INSERT INTO accounts (name, password, home, rights) VALUES ('ann', %s, '/', 'read')", SECRET
        )
        self.cluster.execute("INSERT INTO audit (server, line) VALUES ('one', %s)", AUDITED)

    def dump(self) -> DumpManifest:
        """Write one."""
        return write_dump(self.database, self.bucket, self.parts)[0]

    def empty(self) -> Database:
        """An empty database."""
        database = Database(empty_schema(), connections=2, timeouts=PATIENT)
        self.addCleanup(database.close)
        return database

    def recovered(self, name: str | None = None, ca: HomeCA | None = None) -> Database:
        """A database recovered from that dump, or the newest."""
        database = self.empty()
        manifest = read_manifest(self.bucket, name)
        recover(database, self.bucket, manifest, self.parts, ca or home(), collected.hold)
        return database

    def store_of(self, database: Database) -> ClusterStore:
        """The store in a recovered database."""
        return ClusterStore(attrs.evolve(self.context, database=database))

    def rows(self, database: Database, table: str, without: tuple[str, ...] = ()) -> list[Any]:
        """All rows of a table, as text."""
        removed = "".join(f" - '{name}'" for name in without)
        return database.rows(f"SELECT (to_jsonb(t){removed})::text FROM {table} t ORDER BY 1")

    def at_put(self, table: str, act: Callable[[], object]) -> Any:
        """While this is patched, do something right before the first object of a table is written."""
        whole = self.bucket.put
        done: list[str] = []

        def put(name: str, content: bytes) -> None:
            if name.startswith("dumps/parts/") and f"/{table}/" in name and not done:
                done.append(name)
                act()
            whole(name, content)

        return mock.patch.object(self.bucket, "put", put)

    def assert_consistent(self, database: Database) -> None:
        """The tables fit together, and no object that they name is missing."""
        self.assertEqual(clusterchecks.faults(database), [])
        self.assertEqual(clusterchecks.missing_objects(database, self.bucket, self.cluster.cluster.share), [])
