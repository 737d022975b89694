"""A payload of entries, in pieces that end anywhere."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import BATCH_ENTRIES, MAX_REQUEST_LINE, SMALL_FILE
from homeftp.errors import BadRequest, TooLarge
from homeftp.wire.batch import BatchItem, BatchParser, InvalidEntry, PushEntry, decode_batch, encode_item, encode_items

HASH = "sha256:" + "0" * 64


def parsed(payload: bytes, size: int, most: int = 100) -> list[BatchItem[PushEntry]]:
    """The entries of a payload that arrives in pieces of so many bytes."""
    parser = BatchParser(PushEntry)
    items = []
    for start in range(0, len(payload), size):
        parser.receive_data(payload[start : start + size])
        while some := parser.next_items(most):
            assert len(some) <= most
            items += some
    parser.receive_end()
    return items


class BatchParserTests(SynchronousTestCase):
    """Entries of a PUSH."""

    def test_any_split(self) -> None:
        """The same entries are found wherever the pieces end, and however many are asked for at once."""
        chance = random.Random(7)
        contents = [chance.randbytes(size) for size in (0, 1, 5, 1000, 0, SMALL_FILE)]
        payload = b"".join(encode_item({"name": f"f{n}"}, content) for n, content in enumerate(contents))
        expected = [
            BatchItem(PushEntry(f"f{number}", content_length=len(content)), content)
            for number, content in enumerate(contents)
        ]
        for size in (1, 7, 1000, len(payload)):
            for most in (1, 4, 100):
                self.assertEqual(parsed(payload, size, most), expected, (size, most))

    def test_together(self) -> None:
        """Pieces may come before any entry is taken; nothing behind one that cannot be understood is looked at."""
        item, parser = encode_item({"name": "a"}, b"content"), BatchParser(PushEntry)
        for piece in (item, item[:5], item[5:] + item[:-1], item[-1:]):
            parser.receive_data(piece)
        self.assertEqual([len(parser.next_items(most)) for most in (2, 9, 9)], [2, 1, 0])
        for piece in (item, b"[]\n", item):
            parser.receive_data(piece)
        self.assertEqual(len(parser.next_items(9)), 1)
        for _ in range(2):
            self.assertRaises(BadRequest, parser.next_items, 9)

    def test_invalid_entry(self) -> None:
        """An entry that is not understood is skipped with its content, and the next one is found."""
        bad = b'{"name": 7, "content_length": 9}\nno entry\n'
        items = parsed(bad + encode_item({"name": "a"}, b"content") + b'{"content_length": 2}\nxx', 5)
        self.assertEqual([item.content for item in items], [b"no entry\n", b"content", b"xx"])
        self.assertEqual([type(item.entry) for item in items], [InvalidEntry, PushEntry, InvalidEntry])
        entry = items[0].entry
        assert isinstance(entry, InvalidEntry)
        self.assertIn("name", entry.refusal.message)

    def test_encoded(self) -> None:
        """Entries are encoded together as one after the other: each says how many bytes follow, where any do."""
        items: list[tuple[dict[str, object], bytes]] = [({"name": "a", "mode": 1}, b"content"), ({"name": "b"}, b"")]
        self.assertEqual(encode_items(items), b'{"name":"a","mode":1,"content_length":7}\ncontent{"name":"b"}\n')
        self.assertEqual(encode_items(items), b"".join(encode_item(*item) for item in items))

    def test_exhausted(self) -> None:
        """It is known when nothing more can be found, without asking once more."""
        item = encode_item({"name": "a"}, b"content")
        parser = BatchParser(PushEntry)
        self.assertTrue(parser.exhausted)
        parser.receive_data(2 * item + item[:-1])
        self.assertFalse(parser.exhausted)
        self.assertEqual(len(parser.next_items(2)), 2)
        self.assertFalse(parser.exhausted, "there may be more than were asked for")
        self.assertEqual(parser.next_items(2), [])
        self.assertTrue(parser.exhausted)
        parser.receive_data(item[-1:] + b"[]\n")
        self.assertEqual(len(parser.next_items(9)), 1)
        self.assertFalse(parser.exhausted, "what cannot be understood is still to be raised")
        self.assertRaises(BadRequest, parser.next_items, 9)

    def test_beyond_understanding(self) -> None:
        """Behind a line without a usable length nothing is read; what came before it is given first."""
        good = encode_item({"name": "a"}, b"1")
        large = encode_item({"name": "b"}, bytes(SMALL_FILE + 1))
        for bad, error in (
            (b"[]\n", BadRequest),
            (b"\xff\n", BadRequest),
            (b'{"name": "b", "content_length": true}\n', BadRequest),
            (b'{"name": "b", "content_length": -1}\n', BadRequest),
            (b" " * (MAX_REQUEST_LINE + 3), TooLarge),
            (large, TooLarge),
        ):
            parser = BatchParser(PushEntry)
            parser.receive_data(good + bad + good)
            self.assertEqual([item.content for item in parser.next_items(9)], [b"1"])
            for _ in range(2):
                self.assertRaises(error, parser.next_items, 9)
            parser.receive_data(good)
            self.assertRaises(error, parser.next_items, 9)

    def test_end(self) -> None:
        """A payload that ends in a line, or in a content, is an error; between entries it is not."""
        whole = encode_item({"name": "a"}, b"content")
        for end in range(1, len(whole)):
            self.assertRaises(BadRequest, parsed, whole + whole[:end], 4)
        self.assertEqual(len(parsed(whole + whole, 4)), 2, "the control")


class DecodeTests(SynchronousTestCase):
    """`decode_batch`."""

    def test_all(self) -> None:
        """Every entry, however many there are."""
        count = 2 * BATCH_ENTRIES + 1
        payload = b"".join(encode_item({"name": f"f{number}"}) for number in range(count))
        self.assertEqual(len(decode_batch(payload, PushEntry)), count)
        self.assertEqual(decode_batch(b"", PushEntry), [])

    def test_faults(self) -> None:
        """Good entries before it hide no fault."""
        good = encode_item({"name": "a"}, b"1")
        for before in (b"", good):
            for bad in (b"[]\n", b'{"name": "b"}', b'{"name": "b", "content_length": 2}\nx'):
                self.assertRaises(BadRequest, decode_batch, before + bad + good, PushEntry)
            self.assertRaises(TooLarge, decode_batch, before + bytes(MAX_REQUEST_LINE + 1) + b"\n", PushEntry)
