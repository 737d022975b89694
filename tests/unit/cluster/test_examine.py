"""What is asked of a database before it is trusted with files."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from homeftp.cluster.examine import examine_database
from homeftp.cluster.migrations import SchemaPart, migrate
from tests.support.engines import PostgreSQL, empty_schema

PART = SchemaPart("things", ("CREATE TABLE things (n integer)",))


class ExamineTests(SynchronousTestCase):
    """One that is sound, and one that is not."""

    def problems(self, database: Database) -> dict[str, str]:
        """What is wrong."""
        return {each.what: each.problem for each in examine_database(database, [PART]) if each.problem}

    def test_database(self) -> None:
        """A durable server with the tables has no problem; that there is no replica is said."""
        server = PostgreSQL(durable=True)
        self.addCleanup(server.stop)
        database = Database(server.create("x"), connections=1)
        self.addCleanup(database.close)
        self.assertEqual(self.problems(database).keys(), {"tables of things"})
        migrate(database, [PART])
        self.assertEqual(self.problems(database), {})
        self.assertIn("no synchronous replica", str([each.advice for each in examine_database(database, [PART])]))

    def test_settings(self) -> None:
        """Settings of connections that do not arrive are told, with statements that make up for that."""
        database = Database(empty_schema(), connections=1)
        self.addCleanup(database.close)
        self.assertNotIn("settings of connections", self.problems(database))
        database.settings = {**database.settings, "lock_timeout": "5001", "enable_sort": "off"}
        problem = self.problems(database)["settings of connections"]
        _, statements = problem.split("user: ")
        self.assertEqual(
            statements,
            "ALTER ROLE CURRENT_USER SET lock_timeout = 5001; ALTER ROLE CURRENT_USER SET enable_sort = off;",
        )
        with database.connection() as connection:
            connection.execute("BEGIN")
            connection.execute(statements.encode())
            connection.execute("ROLLBACK")

    def test_not_durable(self) -> None:
        """A server that loses what it has acknowledged is found, with the setting."""
        database = Database(empty_schema(), connections=1)
        self.addCleanup(database.close)
        self.assertEqual(
            self.problems(database).keys(), {"fsync", "full_page_writes", "synchronous_commit", "tables of things"}
        )
