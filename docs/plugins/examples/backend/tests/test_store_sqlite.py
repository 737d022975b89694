import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import OperatorError
from homeftp.interfaces import StoreOptions
from homeftp.plugins.store_sqlite import SqliteStore
from homeftp.store.factory import open_store
from homeftp.testing import StoreContract


class SqliteStoreTests(StoreContract, SynchronousTestCase):
    """The contract of a store."""

    def make_store(self, options):
        """A new database."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "files.db")
        return SqliteStore(self.path, options)

    def reopen_store(self, store, options):
        """The same database."""
        return SqliteStore(self.path, options)

    def test_capabilities(self):
        """These are tested; a test of another capability has nothing to do here, and passes."""
        capabilities = structs.asdict(self.make_store(StoreOptions()).capabilities)
        declared = {name for name, value in capabilities.items() if value is True}
        self.assertEqual(declared, {"atomic_directory_move", "similar_names", "unique_tags"})

    def test_refused_option(self):
        """An option that cannot count is refused."""
        self.assertRaises(OperatorError, open_store, "sqlite:///files.db", StoreOptions(quota=1))


if __name__ == "__main__":
    unittest.main()
