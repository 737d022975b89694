"""Large files arrive in parts, each of which another server can go on from."""

from __future__ import annotations

from homeftp.config import MIB
from homeftp.endpoint import parse
from homeftp.errors import Changed
from homeftp.hashing.filehash import hash_bytes
from homeftp.store.cluster.store import ClusterStore
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
