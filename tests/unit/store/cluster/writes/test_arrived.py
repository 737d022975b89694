"""An upload that is continued is taken over when more of it has arrived, and by one server only."""

from __future__ import annotations

from homeftp.errors import Changed
from homeftp.hashing.filehash import hash_bytes
from homeftp.store.cluster.tables import uploads
from homeftp.store.cluster.writes.arrived import ArrivedParts, earlier
from tests.support.clustercase import ClusterCase, request

MIB = 2**20


class ArrivedTests(ClusterCase):
    """Two mebibytes have arrived in parts of one."""

    cluster_options = {"part_bytes": MIB}  # noqa: RUF012 (read only)

    def setUp(self) -> None:
        """Suspend an upload."""
        super().setUp()
        self.asked = request("a.bin", size=4 * MIB, hash=hash_bytes(b"whole"))
        upload = self.store.upload(self.asked)
        upload.write(bytes(2 * MIB))
        upload.suspend()

    def found(self, offset: int) -> ArrivedParts:
        """What arrived up to an offset."""
        return earlier(self.context, request("a.bin", size=4 * MIB, hash=self.asked.hash, offset=offset))

    def take(self, arrived: ArrivedParts) -> ArrivedParts:
        """Take it over."""
        return self.context.database.transact(
            lambda transaction: arrived.store(self.context, transaction, self.asked, hash_bytes(b""))
        )

    def test_offsets(self) -> None:
        """Up to any offset, within a part too, and not beyond what arrived."""
        self.assertEqual([part.size for part in self.found(2 * MIB).parts], [MIB, MIB])
        self.assertEqual([part.size for part in self.found(MIB + 5).parts], [MIB, 5])
        self.assertEqual((self.found(2 * MIB).hash is None, self.found(MIB).hash), (False, None))
        self.assertEqual(self.found(0), ArrivedParts())
        self.assertRaises(Changed, self.found, 2 * MIB + 1)

    def test_taken_over_once(self) -> None:
        """Of two servers that continue an upload one does; what it does not use is dropped."""
        one, other = self.found(MIB + 5), self.found(2 * MIB)
        taken = self.take(one)
        self.assertRaises(Changed, self.take, other)
        (row,) = uploads.of_path(self.context.database, self.context.share.id, ("a.bin",), None)
        self.assertEqual((row.arrived, taken.row is not None and taken.row.id), (MIB + 5, row.id))
        self.assert_sound()
        other.discard(self.context, self.asked)
        self.assert_sound()
        taken.discard(self.context, self.asked)
        self.assertEqual(uploads.of_path(self.context.database, self.context.share.id, ("a.bin",), None), [])
