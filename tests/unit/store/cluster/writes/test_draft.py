"""A draft is what a file in memory would be, whatever is done with it, and writes only the blocks that were changed."""

from __future__ import annotations

import contextlib
import random
from itertools import islice
from typing import Iterable, Iterator
from unittest import mock

from homeftp.endpoint import parse
from homeftp.errors import TooLarge
from homeftp.hashing.filehash import hash_bytes
from homeftp.store.cluster.writes import draft as draft_module
from homeftp.store.cluster.writes.draft import ClusterDraft
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

    def test_prepared(self) -> None:
        """Its content is hashed in steps of a block, and none is left for the commit, unless it is changed again."""
        self.write("a.bin", content=bytes(10 * BLOCK))
        draft = self.store.edit(request("a.bin"))
        draft.write(5 * BLOCK + 7, b"x")
        with self.read_blocks() as read:
            self.assertEqual(list(islice(draft.prepare(), 10)), [BLOCK] * 10)
            self.assertEqual(len(read), 9)
            draft.write(0, b"y")
            read.clear()
            self.assertEqual(list(draft.prepare()), [BLOCK] * 10)
            self.assertEqual(len(read), 8)
            read.clear()
            entry = draft.commit()
            self.assertEqual(read, [])
        content = b"y" + bytes(5 * BLOCK + 6) + b"x" + bytes(5 * BLOCK - 8)
        self.assertEqual((entry.hash, self.content("a.bin")), (hash_bytes(content), content))
        self.assert_sound()

    def test_in_order(self) -> None:
        """What is written from the beginning to the end is hashed as it comes, and no block is read again."""
        content = random.Random(7).randbytes(10 * BLOCK + 50)
        for length in (BLOCK, 70, 230):
            draft = self.store.edit(request(f"{length}.bin", empty=True))
            with self.read_blocks() as read:
                for start in range(0, len(content), length):
                    draft.write(start, content[start : start + length])
                self.assertEqual(draft.commit().hash, hash_bytes(content))
                self.assertEqual(read, [])
            self.assertEqual(self.content(f"{length}.bin"), content)
        self.assert_sound()

    @contextlib.contextmanager
    def read_blocks(self) -> Iterator[list[str]]:
        """The objects that are read in the block."""
        read: list[str] = []
        bucket, get = self.context.bucket, self.context.bucket.get

        def recorded(name: str, start: int, length: int) -> bytes:
            read.append(name)
            return get(name, start, length)

        with mock.patch.object(bucket, "get", recorded):
            yield read

    def test_endless_gap(self) -> None:
        """No client makes the server store zeros without end: a commit that would is refused, and stores nothing."""
        for extend in (lambda draft: draft.truncate(2**60), lambda draft: draft.write(2**60, b"x")):
            draft = self.store.edit(request("a.bin"))
            extend(draft)
            self.assertIn("send all of it", self.assertRaises(TooLarge, draft.commit).message)
        self.assertEqual((self.objects(), self.names()), (set(), []))

    def filled(self, before: int, sent: Iterable[int], after: int) -> ClusterDraft:
        """A draft whose size was set before and after blocks of these numbers were sent."""
        draft = self.store.edit(request("a.bin", empty=True))
        assert isinstance(draft, ClusterDraft)
        draft.truncate(before)
        for number in sent:
            draft.write(number * BLOCK, b"x" * BLOCK)
        draft.truncate(after)
        return draft

    def test_gaps(self) -> None:
        """The bound holds for all gaps together; what was sent in the end is none, in whatever order it came."""
        self.patch(draft_module, "MOST_GAPS", 3 * BLOCK)
        swapped = [1, 0, 3, 2, 5, 4, 7, 6]
        for before, sent in ((0, swapped), (0, reversed(range(8))), (8 * BLOCK, range(8)), (2**60, [2, 7, 5, 0, 3])):
            self.assertEqual(self.filled(before, sent, 8 * BLOCK).commit().size, 8 * BLOCK)
        for before, sent, after in (
            (0, [1, 3, 5, 7], 8 * BLOCK),
            (0, swapped, 12 * BLOCK),
            (9 * BLOCK, range(5), 9 * BLOCK),
        ):
            self.assertRaises(TooLarge, self.filled(before, sent, after).commit)
        draft = self.filled(0, swapped, 0)
        draft.truncate(4 * BLOCK)
        self.assertRaises(TooLarge, draft.commit)  # what was cut off is not sent any more
        longer = self.store.edit(request("a.bin"))
        longer.truncate(11 * BLOCK)
        self.assertEqual(longer.commit().size, 11 * BLOCK, "what the file had is no gap")
        self.assert_sound()

    def test_aborted(self) -> None:
        """What a draft has written before it is aborted is found by listing."""
        draft = self.store.edit(request("a.bin"))
        draft.write(0, bytes(10 * BLOCK))
        self.assertGreater(len(self.objects()), 5, "it holds two blocks at most")
        draft.abort()
        self.assertEqual(self.names(), [])
        self.assert_sound()
