import unittest
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import OperatorError
from homeftp.store.factory import open_store
from homeftp.testing import ReadOnlyStoreContract


class ZipStoreTests(ReadOnlyStoreContract, SynchronousTestCase):
    """What is in an archive is what is shared."""

    def make_read_only_store(self, files, options):
        """An archive with these files."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, "a.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return open_store(f"zip://{path}", options)

    def test_leading_out(self):
        """A name that leads out of the archive is not there."""
        self.assertEqual(self.names(self.filled({"../evil.txt": b"", "a.txt": b""})), ["a.txt"])

    def test_refused_option(self):
        """An option that cannot count is refused."""
        self.assertRaises(OperatorError, self.filled, {}, quota=1)


if __name__ == "__main__":
    unittest.main()
