"""A draft is what a file in memory would be, whatever is done with it, and writes only the blocks that were changed."""

from __future__ import annotations

import random

from homeftp.endpoint import parse
from homeftp.errors import TooLarge
from homeftp.hashing.filehash import hash_bytes
from homeftp.store.cluster.writes.draft import MOST_GAPS
from tests.support.clustercase import ClusterCase, request

BLOCK = 100


class DraftTests(ClusterCase):
    """Blocks of 100 bytes."""

    cluster_options = {"part_bytes": BLOCK}  # noqa: RUF012 (read only)

    def test_as_in_memory(self) -> None:
        """After random writes and truncations it reads as a bytearray does, before the commit and after it."""
        chance = random.Random(5)
        for size in (0, 50, 730):
            expected = bytearray(chance.randbytes(size))
            self.write("a.bin", content=bytes(expected))
            draft = self.store.edit(request("a.bin"))
            for _ in range(60):
                offset, data = chance.randrange(900), chance.randbytes(chance.randrange(1, 150))
                if chance.random() < 0.3:
                    draft.truncate(offset)
                    del expected[offset:]
                    expected.extend(bytes(offset - len(expected)))
                else:
                    draft.write(offset, data)
                    expected.extend(bytes(max(0, offset - len(expected))))
                    expected[offset : offset + len(data)] = data
                start, length = chance.randrange(1000), chance.randrange(400)
                self.assertEqual(draft.read(start, length), bytes(expected[start : start + length]))
                self.assertEqual(draft.size, len(expected))
            self.assertEqual(draft.commit().hash, hash_bytes(bytes(expected)))
            self.assertEqual(self.content("a.bin"), bytes(expected))
        self.assert_sound()

    def test_only_changed_blocks(self) -> None:
        """A change of one byte writes one block; the version has the same objects for the others."""
        self.write("a.bin", content=bytes(10 * BLOCK))
        before = self.objects()
        draft = self.store.edit(request("a.bin"))
        draft.write(5 * BLOCK + 7, b"x")
        draft.commit()
        self.assertEqual(len(self.objects() - before), 1)
        self.store.restore(parse("a.bin"), None, None)
        self.assertEqual(self.content("a.bin"), bytes(10 * BLOCK))
        self.assert_sound()

    def test_endless_gap(self) -> None:
        """No client makes the server store zeros without end: the bound holds for all gaps of a draft together."""
        draft = self.store.edit(request("a.bin"))
        for extend in (lambda: draft.truncate(MOST_GAPS + 1), lambda: draft.write(2**60, b"x")):
            self.assertRaises(TooLarge, extend)
            self.assertEqual(draft.size, 0)
        draft.truncate(MOST_GAPS - 5)
        draft.write(MOST_GAPS, b"x")
        self.assertRaises(TooLarge, draft.write, MOST_GAPS + 2, b"x")
        draft.truncate(7 * BLOCK)
        draft.write(8 * BLOCK, b"x")
        self.assertEqual(draft.commit().size, 8 * BLOCK + 1)
        self.assertEqual(self.content("a.bin"), bytes(8 * BLOCK) + b"x")
        self.assert_sound()

    def test_aborted(self) -> None:
        """What a draft has written before it is aborted is found by listing."""
        draft = self.store.edit(request("a.bin"))
        draft.write(0, bytes(10 * BLOCK))
        self.assertGreater(len(self.objects()), 5, "it holds two blocks at most")
        draft.abort()
        self.assertEqual(self.names(), [])
        self.assert_sound()
