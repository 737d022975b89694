"""The database of what servers know."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.shared import shared_database
from tests.support.engines import empty_schema


class SharedDatabaseTests(SynchronousTestCase):
    """One process."""

    def test_one(self) -> None:
        """All who ask for a database have the same connections."""
        url = empty_schema()
        database = shared_database(url)
        self.addCleanup(shared_database.cache_clear)
        self.addCleanup(database.close)
        self.assertIs(shared_database(url), database)
        self.assertEqual(database.row("SELECT 1"), (1,))
