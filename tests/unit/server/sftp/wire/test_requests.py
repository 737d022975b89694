"""Requests: each packet becomes something that can be answered, whatever is in it and however it arrives."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.sftp.wire.fields import Attributes
from homeftp.server.sftp.wire.numbers import MAX_PACKET
from homeftp.server.sftp.wire.requests import (
    MAX_HANDLE,
    MAX_PATH,
    PARSERS,
    Asked,
    AttributesAsked,
    CopyAsked,
    HandleAsked,
    OpenAsked,
    OtherAsked,
    PacketReader,
    PathAsked,
    PathsAsked,
    ReadAsked,
    SessionBroken,
    Verb,
    WriteAsked,
    parse_request,
)
from tests.support.repeatable import REPEATABLE
from tests.support.sftppackets import Raw, attrs, packet, request, text, u32, u64


def parsed(data: bytes) -> Asked:
    """The request of one packet with its length."""
    return parse_request(data[4:])


class RequestTests(SynchronousTestCase):
    """What each packet asks for."""

    def test_requests(self) -> None:
        """Every type of packet is understood, with all of its fields."""
        nothing = Attributes()
        given_attributes = attrs(size=2**40, mode=0o100644, mtime=7, owner=(1, 2))
        for data, asked in (
            (
                request(3, 1, b"/a", 0x1A, Raw(attrs(mode=0o600))),
                OpenAsked(1, b"/a", 0x1A, Attributes(permissions=0o600)),
            ),
            (request(4, 2, b"h"), HandleAsked(2, Verb.CLOSE, b"h")),
            (request(5, 3, b"h", Raw(u64(2**40)), 9), ReadAsked(3, b"h", 2**40, 9)),
            (request(6, 4, b"h", Raw(u64(5)), b"data"), WriteAsked(4, b"h", 5, memoryview(b"data"))),
            (request(7, 5, b"/a"), PathAsked(5, Verb.LSTAT, b"/a")),
            (request(8, 6, b"h"), HandleAsked(6, Verb.FSTAT, b"h")),
            (
                request(9, 7, b"/a", Raw(given_attributes)),
                AttributesAsked(7, Verb.SETSTAT, b"/a", Attributes(2**40, (1, 2), 0o100644, 7)),
            ),
            (request(10, 8, b"h", Raw(attrs())), AttributesAsked(8, Verb.FSETSTAT, b"h", nothing)),
            (request(11, 9, b"/d"), PathAsked(9, Verb.OPENDIR, b"/d")),
            (request(12, 10, b"h"), HandleAsked(10, Verb.READDIR, b"h")),
            (request(13, 11, b"/a"), PathAsked(11, Verb.REMOVE, b"/a")),
            (request(14, 12, b"/d", Raw(attrs())), AttributesAsked(12, Verb.MKDIR, b"/d", nothing)),
            (request(15, 13, b"/d"), PathAsked(13, Verb.RMDIR, b"/d")),
            (request(16, 14, b"."), PathAsked(14, Verb.REALPATH, b".")),
            (request(17, 15, b"/a"), PathAsked(15, Verb.STAT, b"/a")),
            (request(18, 16, b"/a", b"/b"), PathsAsked(16, Verb.RENAME, b"/a", b"/b")),
            (request(19, 17, b"/a"), PathAsked(17, Verb.READLINK, b"/a")),
            (request(20, 18, b"/a", b"/b"), PathsAsked(18, Verb.SYMLINK, b"/a", b"/b")),
            (
                request(200, 19, b"posix-rename@openssh.com", b"/a", b"/b"),
                PathsAsked(19, Verb.POSIX_RENAME, b"/a", b"/b"),
            ),
            (request(200, 20, b"hardlink@openssh.com", b"/a", b"/b"), PathsAsked(20, Verb.HARDLINK, b"/a", b"/b")),
            (request(200, 21, b"statvfs@openssh.com", b"/"), PathAsked(21, Verb.STATVFS, b"/")),
            (request(200, 22, b"fstatvfs@openssh.com", b"h"), HandleAsked(22, Verb.FSTATVFS, b"h")),
            (request(200, 23, b"fsync@openssh.com", b"h"), HandleAsked(23, Verb.FSYNC, b"h")),
            (
                request(200, 24, b"copy-data", b"h", Raw(u64(1) + u64(2)), b"i", Raw(u64(3))),
                CopyAsked(24, b"h", 1, 2, b"i", 3),
            ),
            (request(200, 25, b"limits@openssh.com"), OtherAsked(25, Verb.UNKNOWN)),
            (request(99, 26), OtherAsked(26, Verb.UNKNOWN)),
            (request(101, 27), OtherAsked(27, Verb.UNKNOWN)),
            (packet(1, u32(6), text(b"name"), text(b"value")), OtherAsked(6, Verb.INIT)),
        ):
            self.assertEqual(parsed(data), asked)

    def test_malformed(self) -> None:
        """A packet that ends within its fields has an id, and is malformed; so is one with names that are too long."""
        whole = request(3, 1, b"/a", 0x1A, Raw(attrs(size=1, mode=2, mtime=3, owner=(4, 5))))
        for end in range(9, len(whole)):
            self.assertEqual(parsed(whole[:end]), OtherAsked(1, Verb.MALFORMED), end)
        self.assertIsInstance(parsed(whole), OpenAsked, "the control")
        for kind, most in ((7, MAX_PATH), (8, MAX_HANDLE)):
            self.assertEqual(parsed(request(kind, 1, b"x" * (most + 1))), OtherAsked(1, Verb.MALFORMED))
            self.assertNotIsInstance(parsed(request(kind, 1, b"x" * most)), OtherAsked)  # the control
        extended = u32(0x80000000) + u32(65) + 130 * text(b"")
        self.assertEqual(parsed(request(9, 1, b"/a", Raw(extended))), OtherAsked(1, Verb.MALFORMED))
        extended = u32(0x80000000) + u32(1) + 2 * text(b"")
        self.assertIsInstance(parsed(request(9, 1, b"/a", Raw(extended))), AttributesAsked, "the control")

    @REPEATABLE
    @given(st.sampled_from([*sorted(PARSERS), 1, 2, 0, 77]), st.binary(max_size=80))
    def test_any(self, kind: int, rest: bytes) -> None:
        """Whatever follows the id, the request has that id."""
        asked = parse_request(bytes([kind]) + u32(77) + rest)
        self.assertEqual(asked.id, 77)

    def test_no_id(self) -> None:
        """A packet that is too short to have an id ends the session."""
        for size in range(5):
            self.assertRaises(SessionBroken, parse_request, bytes(size))


class ReaderTests(SynchronousTestCase):
    """Dividing what arrives."""

    @REPEATABLE
    @given(st.lists(st.binary(min_size=5, max_size=40), max_size=8), st.lists(st.integers(1, 9), min_size=1))
    def test_divided(self, bodies: list[bytes], sizes: list[int]) -> None:
        """Packets come out whole and in order, in whatever pieces they arrive; what is incomplete is known."""
        reader, found, data, turn = PacketReader(), [], b"".join(map(text, bodies)), 0
        while data:
            piece, data = data[: sizes[turn % len(sizes)]], data[sizes[turn % len(sizes)] :]
            turn += 1
            reader.append(piece)
            while (taken := reader.next_packet()) is not None:
                found.append(taken)
            self.assertEqual(reader.partial, reader.held)
        self.assertEqual((found, reader.held), (bodies, 0))

    def test_partial(self) -> None:
        """Nothing is partial where a whole packet waits."""
        reader = PacketReader()
        reader.append(text(b"12345") + text(b"12345")[:6])
        self.assertEqual(reader.partial, 0)
        self.assertEqual(reader.next_packet(), b"12345")
        self.assertEqual(reader.partial, 0, "its length was not looked at yet")
        self.assertIsNone(reader.next_packet())
        self.assertEqual((reader.partial, reader.held), (2, 2))

    def test_lengths(self) -> None:
        """A length that no packet has ends the session as soon as it has arrived."""
        for length in (0, 4, MAX_PACKET + 1, 2**32 - 1):
            reader = PacketReader()
            reader.append(struct.pack(">I", length))
            self.assertRaises(SessionBroken, reader.next_packet)
        reader = PacketReader()
        reader.append(struct.pack(">I", MAX_PACKET))
        self.assertIsNone(reader.next_packet(), "the control")
