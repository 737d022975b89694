"""Large files arrive in parts, each of which another server can go on from."""

from __future__ import annotations

from typing import Any
from unittest import mock

from homeftp.cluster.database import Database
from homeftp.config import DAY, MIB
from homeftp.endpoint import parse
from homeftp.errors import Changed, Internal, NoSpace
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import StoreOptions
from homeftp.model import SECOND_US
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import usage
from tests.support.clustercase import ClusterCase, request

CONTENT = bytes(range(256)) * (4 * MIB // 256) + b"end"
HASH = hash_bytes(CONTENT)


class UploadTests(ClusterCase):
    """Parts of a mebibyte."""

    cluster_options = {"part_bytes": MIB}  # noqa: RUF012 (read only)

    def uploads(self) -> list[object]:
        """How much of each upload is known to have arrived."""
        query = "SELECT arrived FROM upload WHERE share = %s"
        return [arrived for (arrived,) in self.cluster.execute(query, self.context.share.id)]

    def test_parts(self) -> None:
        """A large file is several objects, and is read as one."""
        upload = self.store.upload(request("a.bin", size=len(CONTENT), hash=HASH))
        for start in range(0, len(CONTENT), 300_000):
            upload.write(CONTENT[start : start + 300_000])
        self.assertEqual(upload.commit().hash, HASH)
        self.assertEqual(len(self.objects()), 5)
        self.assertEqual(self.content("a.bin"), CONTENT)
        self.assertEqual(self.uploads(), [])
        self.assert_sound()

    def test_another_server(self) -> None:
        """A server that ends without a word leaves each full part, and another one goes on from there."""
        lost = self.store.upload(request("a.bin", size=len(CONTENT), hash=HASH))
        lost.write(CONTENT[: 2 * MIB + 500])
        other = ClusterStore(self.server())
        point = other.resume_point(parse("a.bin"), HASH, len(CONTENT), None)
        assert point is not None
        self.assertEqual((point.size, point.hash), (2 * MIB, hash_bytes(CONTENT[: 2 * MIB])))
        upload = other.upload(request("a.bin", size=len(CONTENT), hash=HASH, offset=point.size))
        self.assertEqual(list(upload.verify_resumed())[-1], point.size)
        upload.write(CONTENT[point.size :])
        self.assertEqual(upload.commit().hash, HASH)
        self.assertEqual(self.content("a.bin"), CONTENT)
        self.assert_sound()
        self.assertRaises(Changed, lost.write, CONTENT[2 * MIB + 500 : 4 * MIB])  # it was only slow
        lost.abort()
        self.assertEqual(self.content("a.bin"), CONTENT)
        self.assert_sound()

    def test_changed_in_the_bucket(self) -> None:
        """What arrived earlier is read again before more is taken: where it was not kept that is noticed."""
        upload = self.store.upload(request("a.bin", size=len(CONTENT), hash=HASH))
        upload.write(CONTENT[: 2 * MIB])
        upload.suspend()
        bucket = self.cluster.bucket
        for damage in (lambda name: bucket.put(name, bytes(MIB)), lambda name: bucket.delete([name])):
            damage(sorted(self.objects())[0])
            again = self.store.upload(request("a.bin", size=len(CONTENT), hash=HASH, offset=2 * MIB))
            self.assertRaises(Changed, lambda u=again: list(u.verify_resumed()))
            self.assertRaises(ValueError, again.write, b"")

    def test_aborted(self) -> None:
        """An upload that is aborted leaves no row, and its objects are looked at."""
        upload = self.store.upload(request("a.bin", size=len(CONTENT)))
        upload.write(CONTENT[: 3 * MIB])
        self.assertEqual(self.uploads(), [3 * MIB])
        upload.abort()
        self.assertEqual(self.uploads(), [])
        query = "SELECT count(*) FROM garbage WHERE object = ANY(%s)"
        self.assertEqual(self.cluster.execute(query, list(self.objects())), [(3,)])
        self.assert_sound()


class QuotaTests(ClusterCase):
    """Space for one large file, and a little more."""

    cluster_options = {"part_bytes": MIB}  # noqa: RUF012 (read only)
    options = StoreOptions(quota=6 * MIB)

    def test_counted_once(self) -> None:
        """What arrived of a file counts once for the quota: it is stored, and no version goes for it."""
        self.write("b.txt", content=b"old")
        self.write("b.txt", content=b"new")
        self.cluster.execute("UPDATE version SET at_us = at_us - %s", int(400 * DAY * SECOND_US))
        upload = self.store.upload(request("a.bin", size=len(CONTENT), hash=HASH))
        upload.write(CONTENT)
        self.assertEqual(upload.commit().hash, HASH)
        self.assertEqual(self.content("a.bin"), CONTENT)
        self.assertEqual(len(self.kept("b.txt")), 1)
        used = self.store.space().used
        self.cluster.execute("DELETE FROM usage")
        self.assertEqual(self.store.space().used, used)
        self.assert_sound()

    def expect_counted(self, used: int) -> None:
        """So much is counted as it is measured."""
        context = self.context
        self.assertEqual(self.store.space().used, used)
        self.assertEqual(usage.measure(context.database, context.share.id, context.share.root, ()), used)

    def test_taken_over_late(self) -> None:
        """What still arrives of an upload that another server is about to go on with counts until it is dropped."""
        kept = 3 * MIB // 2
        for path, late, before in (("a.bin", True, 0), ("b.bin", False, kept)):
            slow = self.store.upload(request(path, size=len(CONTENT), hash=HASH))
            slow.write(CONTENT[: 2 * MIB])
            upload = ClusterStore(self.server()).upload(request(path, size=len(CONTENT), hash=HASH, offset=MIB))
            list(upload.verify_resumed())
            if late:
                slow.write(CONTENT[2 * MIB : 3 * MIB])
                self.expect_counted(3 * MIB)
            upload.write(CONTENT[MIB:kept])
            upload.suspend()
            self.expect_counted(before + kept)
            slow.abort()
            self.expect_counted(before + kept)
        self.assert_sound()

    def test_taken_over_by_a_commit(self) -> None:
        """An upload counts once where another server takes it over only as it puts the file in place."""
        content = CONTENT[: 2 * MIB - 1]
        whole, part = (request("a.bin", size=len(content), hash=hash_bytes(content), offset=at) for at in (0, MIB))
        slow = self.store.upload(whole)
        slow.write(content[:MIB])
        upload = ClusterStore(self.server()).upload(part)
        list(upload.verify_resumed())
        upload.write(content[MIB:])
        slow.write(content[MIB:])
        slow.suspend()
        self.expect_counted(len(content))
        upload.commit()
        self.expect_counted(len(content))

    def test_stored_without_an_answer(self) -> None:
        """What was named in a transaction of which that is not known goes, and is not counted any more."""
        upload = self.store.upload(request("a.bin", size=len(CONTENT), hash=HASH))
        upload.write(CONTENT[:MIB])
        whole = Database.transact

        def unanswered(database: Database, *arguments: Any, **options: Any) -> Any:
            whole(database, *arguments, **options)
            raise Internal("not known")

        with mock.patch.object(Database, "transact", unanswered):
            self.assertRaises(Internal, upload.write, CONTENT[MIB : 2 * MIB])
        self.expect_counted(2 * MIB)
        upload.abort()
        self.expect_counted(0)

    def test_too_large(self) -> None:
        """The control: a file that is larger than what is left is refused, whatever arrived of it."""
        self.write("b.txt", content=bytes(3 * MIB))
        upload = self.store.upload(request("a.bin", size=None))
        self.assertRaises(NoSpace, upload.write, CONTENT)
        self.assertEqual(self.names(), ["b.txt"])
