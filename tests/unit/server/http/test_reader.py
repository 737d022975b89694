"""Bytes to requests: however they are divided, the same requests are found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.http.reader import MAX_HEAD, BodyEnd, Malformed, RequestHead, RequestReader
from tests.support.repeatable import REPEATABLE

SIZED = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED_HEAD = b"PUT /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
PLAIN = b"\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n"


def events(reader: RequestReader) -> list[str]:
    """The events that there are, in a few letters; each request is answered at once."""
    found: list[str] = []
    while (event := reader.next_event()) is not None:
        if isinstance(event, RequestHead):
            found.append(f"{event.method} {event.target} {event.size}")
        elif isinstance(event, BodyEnd):
            found.append("end")
            reader.next_request()
        else:
            found.append(event.decode())
    return found


def joined(found: list[str]) -> list[str]:
    """The same, with the pieces of a body together."""
    whole: list[str] = []
    for each in found:
        if whole and " " not in whole[-1] and whole[-1] != "end" and " " not in each and each != "end":
            whole[-1] += each
        else:
            whole.append(each)
    return whole


class RequestReaderTests(SynchronousTestCase):
    """One reader."""

    def test_requests(self) -> None:
        """Heads, bodies and their ends, one request after the other."""
        reader = RequestReader()
        self.assertTrue(reader.idle)
        reader.receive(SIZED + CHUNKED + PLAIN)
        expected = ["PUT /a 5", "hello", "end", "PUT /b None", "abc", "de", "end", "GET /c 0", "end"]
        self.assertEqual(events(reader), expected)
        self.assertTrue(reader.idle)

    @REPEATABLE
    @given(st.lists(st.integers(1, 40)))
    def test_divided(self, sizes: list[int]) -> None:
        """The pieces in which bytes arrive make no difference."""
        reader, data, found = RequestReader(), SIZED + CHUNKED + PLAIN, []
        for size in [*sizes, len(data)]:
            reader.receive(data[:size])
            data = data[size:]
            found += events(reader)
        expected = ["PUT /a 5", "hello", "end", "PUT /b None", "abcde", "end", "GET /c 0", "end"]
        self.assertEqual(joined(found), expected)

    def test_waits(self) -> None:
        """The next request waits until this one is answered; what has arrived of it is counted."""
        reader = RequestReader()
        reader.receive(PLAIN + PLAIN)
        self.assertIsInstance(reader.next_event(), RequestHead)
        self.assertIsInstance(reader.next_event(), BodyEnd)
        self.assertIsNone(reader.next_event())
        self.assertEqual((reader.waiting, reader.incomplete), (len(PLAIN), False))
        reader.next_request()
        self.assertIsInstance(reader.next_event(), RequestHead)

    def test_skip(self) -> None:
        """Bytes inside a body of known length are only counted; its last ones are not."""
        reader = RequestReader()
        reader.receive(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
        self.assertIsInstance(reader.next_event(), RequestHead)
        self.assertFalse(reader.skip_body(1), "what came before has to be taken first")
        self.assertEqual(reader.next_event(), b"ab")
        self.assertTrue(reader.skip_body(7))
        self.assertFalse(reader.skip_body(1))
        self.assertTrue(reader.incomplete)
        reader.receive(b"z")
        self.assertEqual([reader.next_event(), type(reader.next_event())], [b"z", BodyEnd])

    def test_skip_in_chunks(self) -> None:
        """Bytes inside a chunk are only counted, too; what says how long the next one is never is."""
        reader = RequestReader()
        reader.receive(CHUNKED_HEAD + b"5\r\na")
        while reader.next_event() is not None:
            pass
        self.assertTrue(reader.skip_body(3))
        self.assertFalse(reader.skip_body(1))
        reader.receive(b"e")
        self.assertEqual([reader.next_event(), reader.next_event()], [b"e", None])
        self.assertFalse(reader.skip_body(1))

    def test_chunk_lines(self) -> None:
        """What says how long a chunk is has a bounded length, also where all of it has arrived at once."""
        head, line = CHUNKED_HEAD, b"5;" + b"x" * MAX_HEAD
        for size in (len(head) + 2 * len(line), 10_000, 1000):
            reader, sent = RequestReader(), head + line + b"\r\nhello\r\n0\r\n\r\n"
            with self.assertRaises(Malformed):
                while sent:
                    reader.receive(sent[:size])
                    sent = sent[size:]
                    while reader.next_event() is not None:
                        pass
        reader = RequestReader()
        reader.receive(head + line[: MAX_HEAD - 10] + b"\r\nhello\r\n0\r\n\r\n")
        self.assertEqual(joined(events(reader)), ["PUT /b None", "hello", "end"], "the control")

    def test_ambiguous_chunks(self) -> None:
        """A line of chunks that others may divide in another way is refused, however its bytes arrive."""
        accepted = (
            b"5;a=b\r\nhello\r\n0;c\r\n\r\n",
            b"5 \r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\n",
        )
        refused = (
            b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            b"5;a\r\r\nhello\r\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\rhello\r\n0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5\r\nhello\r0\r\n\r\n",
            b"5\r\nhello5\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0;a\rb\r\n\r\n",
            b"5\r\nhello\r\n0\n\r\n\r\n",
            b"5\r\nhello\r\n0\r\n\n\r\n\r\n",
            b"5\r\nhello\r\n0\r\n\r\r\n\r\n",
            b"5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n",
            b"5\r\nhello\r\n0\r\nA: b\rC: d\r\n\r\n",
            b"5\r\nhello\r\n0\r\nA: b\r\n\n\r\n\r\n",
            b"5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
            b"5\r\nhello\r\n0\r\nA b\r\n\r\n",
            b"5\r\nhello\r\n0\r\n A: b\r\n\r\n",
        )
        for size in (1, 2, 3, 5, 7, 1000):
            for body in accepted:
                found = joined(self.divided(CHUNKED_HEAD + body + PLAIN, size))
                self.assertEqual(found, ["PUT /b None", "hello", "end", "GET /c 0", "end"], body)
            for body in refused:
                with self.assertRaises(Malformed, msg=(size, body)) as caught:
                    self.divided(CHUNKED_HEAD + body + PLAIN, size)
                self.assertEqual(caught.exception.status, 400)

    def divided(self, sent: bytes, size: int) -> list[str]:
        """The events of what arrives in pieces of this size."""
        reader, found = RequestReader(), []
        for start in range(0, len(sent), size):
            reader.receive(sent[start : start + size])
            found += events(reader)
        return found

    def test_nothing_behind(self) -> None:
        """Nothing follows chunks that are refused, whatever arrives."""
        reader = RequestReader()
        reader.receive(CHUNKED_HEAD + b"5;a\rb\r\nhello\r\n0\r\n\r\n")
        self.assertRaises(Malformed, events, reader)
        reader.receive(PLAIN)
        self.assertIsNone(reader.next_event())
        self.assertTrue(reader.waiting)

    def test_large_chunks(self) -> None:
        """Large chunks are whole, and the request behind them comes after them."""
        body = bytes(range(256)) * 1000
        reader = RequestReader()
        reader.receive(CHUNKED_HEAD + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) + PLAIN * 2)
        found = []
        while isinstance(event := reader.next_event(), (RequestHead, bytes)):
            found.append(event)
        self.assertEqual(b"".join(each for each in found if isinstance(each, bytes)), body)
        self.assertIsInstance(event, BodyEnd)
        self.assertEqual(reader.waiting, 2 * len(PLAIN))
        reader.next_request()
        self.assertIsInstance(reader.next_event(), RequestHead)

    def test_incomplete(self) -> None:
        """A client owes bytes from the first of a head to the last of its body."""
        reader = RequestReader()
        self.assertFalse(reader.incomplete)
        reader.receive(b"G")
        self.assertIsNone(reader.next_event())
        self.assertTrue(reader.incomplete)
        self.assertFalse(reader.idle)

    def test_malformed(self) -> None:
        """A head that is too long, or has a line without CRLF, is refused before it is complete."""
        for sent, status in (
            (b"GET /" + b"a" * MAX_HEAD, 431),
            (b"GET / HTTP/1.1\nHost: x", 400),
            (b"GET / HTTP/1.1\r\nX: \rY", 400),
            (b"GET / HTTP/1.1\r\nX: y\r\n z", 400),
            (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        ):
            reader = RequestReader()
            reader.receive(sent)
            with self.assertRaises(Malformed) as caught:
                reader.next_event()
            self.assertEqual(caught.exception.status, status, sent[:50])
