"""Versions go by their age and by what they take up, and uploads by their age."""

from __future__ import annotations

from homeftp.cluster.database import Transaction
from homeftp.config import DAY, PARTIAL_UPLOAD_SECONDS, Retention
from homeftp.endpoint import parse
from homeftp.interfaces.store import StoreOptions
from homeftp.model import SECOND_US
from homeftp.store.cluster.base.rows import VersionRow
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import versions
from homeftp.store.cluster.upkeep import expiry
from tests.support.clustercase import ClusterCase, request


class ExpiryTests(ClusterCase):
    """Some versions of one file."""

    def lay(self, **options: object) -> None:
        """Five versions of 1,000 bytes."""
        self.context = self.server(StoreOptions(**options))  # type: ignore[arg-type]
        self.store = ClusterStore(self.context)
        for number in range(6):
            self.write("a.txt", content=bytes([number]) * 1000)

    def age(self, table: str, seconds: float) -> None:
        """Have all rows of this store be older."""
        query = f"UPDATE {table} SET at_us = at_us - %s WHERE share = %s"
        self.cluster.execute(query, int(seconds * SECOND_US), self.context.share.id)

    def test_age(self) -> None:
        """What was kept for as long as the owner wants goes, and nothing else."""
        self.lay(retention=Retention(seconds=2 * DAY))
        self.age("version", DAY)
        expiry.expire(self.context)
        self.assertEqual(len(self.kept()), 5)
        self.write("a.txt", content=b"new")
        self.age("version", 1.5 * DAY)
        expiry.expire(self.context)
        self.assertEqual(len(self.kept()), 1)
        self.assert_sound()

    def test_restored(self) -> None:
        """That a version was put back is forgotten when versions of that time go."""
        self.lay(retention=Retention(seconds=2 * DAY))
        self.store.restore(parse("a.txt"), None, None)
        query, share = "SELECT count(*) FROM restored WHERE share = %s", self.context.share.id
        for seconds, left in ((DAY, 1), (1.5 * DAY, 0)):
            self.age("restored", seconds)
            expiry.expire(self.context)
            self.assertEqual(self.context.database.row(query, (share,)), (left,))

    def test_size(self) -> None:
        """The oldest go where all together take up too much: in bytes, or in percent of the quota."""
        percent = {"quota": 100_000, "retention": Retention(percent=3.5)}
        for options in ({"retention": Retention(percent=None, size=3500)}, percent):
            self.setUp()
            self.lay(**options)
            before = [each.hash for each in self.kept()]
            expiry.expire(self.context)
            self.assertEqual([each.hash for each in self.kept()], before[:3])
            self.assert_sound()

    def test_size_at_two_servers(self) -> None:
        """Two servers that do so at once remove no more than one alone."""
        self.expire_at_two()
        self.assertEqual(len(self.kept()), 200)

    def test_size_without_lock(self) -> None:
        """The control: more goes where neither waits for the other."""
        self.patch(versions, "lock_all", lambda transaction, share: True)
        self.expire_at_two()
        self.assertLess(len(self.kept()), 200)

    def expire_at_two(self) -> None:
        """Have 2,000 versions of 1,000 bytes, of which 200 may stay; a server begins while another has not ended."""
        options = StoreOptions(retention=Retention(percent=None, size=200_000))
        self.lay(retention=options.retention)
        self.cluster.execute(
            "WITH begun AS MATERIALIZED (SELECT now_us() AS us)"
            " INSERT INTO version (share, path, at_us, mtime_us, mode, size, hash, made_us)"
            " SELECT %s, 'b.txt', begun.us - number, 0, 420, 1000, '', 0 FROM begun, generate_series(1, 2000) number",
            self.context.share.id,
        )
        other, whole = self.server(options), versions.delete
        at_once: list[VersionRow] = []

        def delete(transaction: Transaction, share: int, version: VersionRow) -> bool:
            if not at_once:
                at_once.append(version)
                expiry.expire(other)
            return whole(transaction, share, version)

        self.patch(versions, "delete", delete)
        expiry.expire(self.context)
        self.assertEqual(len(at_once), 1)

    def test_no_size(self) -> None:
        """A percentage means nothing without a quota: a bucket has no size."""
        self.lay(retention=Retention(percent=0.0001))
        expiry.expire(self.context)
        self.assertEqual(len(self.kept()), 5)

    def test_uploads(self) -> None:
        """An upload of which nothing more arrived goes with its parts."""
        self.lay()
        upload = self.store.upload(request("b.bin", size=3 * 2**20))
        upload.write(bytes(2 * 2**20))
        upload.suspend()
        expiry.expire(self.context)
        query = "SELECT count(*) FROM upload WHERE share = %s"
        self.assertEqual(self.cluster.execute(query, self.context.share.id), [(1,)])
        self.age("upload", PARTIAL_UPLOAD_SECONDS + 1)
        expiry.expire(self.context)
        self.assertEqual(self.cluster.execute(query, self.context.share.id), [(0,)])
        self.assert_sound()
