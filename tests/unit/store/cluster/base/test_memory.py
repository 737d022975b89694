"""Many uploads together hold no more than few."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MIB
from homeftp.model import WriteRequest
from homeftp.store.cluster.base.memory import SMALLEST, UploadMemory
from tests.support.clustercase import ClusterCase, request


class MemoryTests(SynchronousTestCase):
    """Shares of it."""

    def test_shared(self) -> None:
        """A few uploads have whole parts; more have smaller ones, down to the smallest; and whole ones afterwards."""
        memory = UploadMemory(8 * MIB, 64 * MIB)
        sizes = []
        for _ in range(100):
            memory.reserve()
            sizes.append(memory.part_bytes)
        self.assertEqual((sizes[:8], sizes[15], sizes[-1]), ([8 * MIB] * 8, 4 * MIB, SMALLEST))
        for _ in range(100):
            memory.release()
        self.assertEqual(memory.part_bytes, 8 * MIB)

    def test_small_parts(self) -> None:
        """Where the owner wants smaller parts than that they stay so."""
        self.assertEqual(UploadMemory(1000).part_bytes, 1000)


class UploadTests(ClusterCase):
    """Uploads that are under way."""

    def asked(self, number: int) -> WriteRequest:
        """A large file."""
        return request(f"{number}.bin", size=3 * MIB)

    def test_given_back(self) -> None:
        """However an upload ends, its share is free again, once."""
        uploads = [self.store.upload(self.asked(number)) for number in range(40)]
        self.assertEqual(self.context.memory.part_bytes, 64 * MIB // 40)
        for upload in uploads:
            upload.write(bytes(3 * MIB))
        self.assertGreaterEqual(len(self.objects()), 40, "each has written a part by now")
        for number, upload in enumerate(uploads):
            (upload.commit, upload.suspend, upload.abort)[number % 3]()
            upload.abort()
        self.assertEqual(self.context.memory.part_bytes, 8 * MIB)
        self.assertEqual(self.content("0.bin"), bytes(3 * MIB))
        self.assert_sound()
