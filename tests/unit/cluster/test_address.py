"""Which cluster a server belongs to."""

from __future__ import annotations

import os

from homeftp.cluster.address import CLUSTER_FILE, ClusterAddress, read_address, write_address
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

HOME = ClusterAddress("postgresql://homeftp@db/homeftp", "s3://files")


class AddressTests(QuickCase):
    """The file in one state folder."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())

    def test_written(self) -> None:
        """It is read as it was written, and a server has none at first. Only the owner may read it."""
        self.assertIsNone(read_address(self.folder))
        write_address(self.folder, HOME)
        write_address(self.folder, HOME)
        self.assertEqual(read_address(self.folder), HOME)
        self.assertEqual(os.stat(os.path.join(self.folder, CLUSTER_FILE)).st_mode & 0o777, 0o600)

    def test_bucket(self) -> None:
        """The bucket may have another address from now on, and the database may not."""
        write_address(self.folder, HOME)
        moved = ClusterAddress(HOME.database, "s3://others")
        write_address(self.folder, moved)
        self.assertEqual(read_address(self.folder), moved)
        with self.assertRaisesRegex(OperatorError, "belongs to the cluster postgresql://homeftp@db/homeftp"):
            write_address(self.folder, ClusterAddress("postgresql://else/x", "s3://files"))
        self.assertEqual(read_address(self.folder), moved)

    def test_damaged(self) -> None:
        """What cannot be read is no server without a cluster: it is refused."""
        write_address(self.folder, HOME)
        path = os.path.join(self.folder, CLUSTER_FILE)
        for content in (b"", b"{}", b'{"database": 1, "objects": ""}', b"\xff"):
            with open(path, "wb") as file:
                file.write(content)
            with self.assertRaisesRegex(OperatorError, "is damaged"):
                read_address(self.folder)
