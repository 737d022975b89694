"""A verification reads in steps, goes on where it was, and mends only from bytes that it has read."""

from __future__ import annotations

import random
from functools import partial
from unittest import mock

from homeftp.config import MIB, SLICE
from homeftp.endpoint import Endpoint, parse
from homeftp.model import ONLY_MARKED, Damage, Verification
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import contents
from tests.support.clustercase import ClusterCase


class IntegrityTests(ClusterCase):
    """Contents whose objects are lost or changed."""

    cluster_options = {"part_bytes": MIB}  # noqa: RUF012 (read only)

    def verify(self, path: str = "", since_us: int = 0) -> Verification:
        """The sum of the steps."""
        return Verification.total(list(self.store.verify(parse(path), since_us)))

    def test_steps(self) -> None:
        """A large file is read in steps of about `SLICE`."""
        self.write("a.bin", content=bytes(2 * SLICE + 5))
        steps = list(self.store.verify(parse("")))
        self.assertGreater(len(steps), 2)
        self.assertLessEqual(max(step.size for step in steps), SLICE)
        self.assertEqual(Verification.total(steps), Verification(1, 0, 2 * SLICE + 5))

    def test_mended_in_steps(self) -> None:
        """The content that a damaged one is mended from is read in steps, too: none is longer for a larger file."""
        content = random.Random(3).randbytes(2 * SLICE + 5)
        self.write("a.bin", content=content)
        self.cluster.bucket.delete(sorted(self.objects()))
        self.write("b.bin", content=content)
        get, read = self.context.bucket.get, 0

        def counted(name: str, start: int, length: int) -> bytes:
            nonlocal read
            found = get(name, start, length)
            read += len(found)
            return found

        with mock.patch.object(self.context.bucket, "get", counted):
            steps = self.store.verify(parse("a.bin"))
            damages: list[Damage] = []
            whole = 0
            for step in steps:
                self.assertLessEqual(read, SLICE)
                damages += step.damages
                whole, read = whole + read, 0
        self.assertGreaterEqual(whole, len(content), "the control: all of it was read")
        self.assertEqual([each.mended for each in damages], [True, True], "what was found became a version")
        self.assertEqual(self.content("a.bin"), content)

    def test_metadata_set_meanwhile(self) -> None:
        """The time and the mode that a file is given while it is read are those of the mended one."""
        content = random.Random(4).randbytes(MIB)
        other, get, left = ClusterStore(self.server()), self.context.bucket.get, 0

        def set_meanwhile(endpoint: Endpoint, name: str, start: int, length: int) -> bytes:
            nonlocal left
            left -= 1
            if not left:
                other.set_metadata(endpoint, mtime_us=2_000_000, mode=0o640, precondition=None)
            return get(name, start, length)

        for lost in (False, True):
            path = f"{lost}.bin"
            before = self.objects()
            self.write(path, content=content, mtime_us=1_000_000, mode=0o600)
            (object,) = self.objects() - before
            self.write(f"copy of {path}", content=content)
            self.cluster.bucket.delete([object])
            if not lost:
                self.cluster.bucket.put(object, bytes(len(content)))
            left = 1
            with mock.patch.object(self.context.bucket, "get", partial(set_meanwhile, parse(path))):
                (damage,) = [each for each in self.verify(path).damages if each.at_us is None]
            self.assertTrue(damage.mended)
            self.assertLess(left, 1, "the control: it was set meanwhile")
            entry = self.store.stat(parse(path))
            assert entry is not None
            self.assertEqual((entry.mtime_us, entry.mode), (2_000_000, 0o640))
            self.assertEqual(self.content(path), content)
        self.assert_sound()

    def test_since(self) -> None:
        """What was read since a time is left out; what is marked is read again by itself."""
        self.write("a.txt", "b.txt")
        since_us = contents.now_us(self.context.database)
        self.assertEqual(self.verify("a.txt").files, 1)
        self.assertEqual(self.verify("", since_us).files, 1)
        self.assertEqual(self.verify("", since_us).files, 0)
        self.assertEqual(self.verify("", ONLY_MARKED).files, 0)

    def test_lost(self) -> None:
        """An object that is gone is damage that cannot be read; a copy of the file that shares it mends nothing."""
        self.write("a.txt")
        list(self.store.copy(parse("a.txt"), parse("b.txt"), source_precondition=None, target_precondition=None))
        self.cluster.bucket.delete(sorted(self.objects()))
        damages = self.verify().damages
        self.assertEqual({each.name for each in damages}, {"a.txt", "b.txt"})
        self.assertEqual([(each.damage, each.mended) for each in damages], [("unreadable", False)] * 2)
        self.write("c.txt")
        self.assertEqual([each.mended for each in self.verify("", ONLY_MARKED).damages], [True] * 4)
        self.assertEqual(self.content("b.txt"), b"content")
        self.assertEqual(len(self.kept()), 2, "what could not be read became a version, and was mended as well")
        self.assertEqual(list(self.store.damaged()), [])

    def test_copy_is_read(self) -> None:
        """Another file with the hash whose own bytes are gone as well mends nothing."""
        self.write("a.txt")
        self.write("b.txt")
        self.cluster.bucket.delete(sorted(self.objects()))
        damage = self.verify("a.txt").damages[0]
        self.assertEqual(damage, Damage("", "unreadable", damage.hash))
