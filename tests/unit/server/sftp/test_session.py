"""A session: every packet is answered, in an order that clients rely on."""

from __future__ import annotations

import stat as modes
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from homeftp.config import MIB
from tests.support.repeatable import REPEATABLE
from tests.support.sftppackets import (
    APPEND,
    BAD,
    DATA,
    DENIED,
    EOF,
    FAILURE,
    NAMES,
    NEW,
    NO_SUCH_FILE,
    OK,
    READ,
    UNSUPPORTED,
    WRITE,
    Raw,
    attrs,
    packet,
    request,
    text,
    u32,
    u64,
)
from tests.support.sftpsessions import SessionCase


class SessionTests(SessionCase):
    """What clients do."""

    def test_put_and_get(self) -> None:
        """A file is written and read; its time, its mode and its size are told."""
        handle = self.open("/a", NEW, mode=0o100600)
        self.assertEqual(self.write(handle, 0, b"content"), OK)
        self.assertEqual(self.code(10, handle, Raw(attrs(mtime=1_600_000_000))), OK)
        self.assertEqual(self.ask(8, handle).attributes, (7, modes.S_IFREG | 0o600, 1_600_000_000))
        self.assertEqual(self.code(4, handle), OK)
        self.assertEqual(self.content("a"), b"content")
        handle = self.open("a", READ)
        self.assertEqual(self.read(handle, 0, 4).string, b"cont")
        self.assertEqual(self.read(handle, 4, 100).string, b"ent")
        self.assertEqual(self.read(handle, 7, 100).code, EOF)
        self.assertEqual(self.read(handle, 2**64 - 1, 100).code, EOF)
        self.assertEqual(self.ask(8, handle).attributes, (7, modes.S_IFREG | 0o600, 1_600_000_000))
        self.assertEqual(self.code(4, handle), OK)
        self.assertEqual(self.read(handle, 0, 1).code, FAILURE)

    def test_listing(self) -> None:
        """A directory is listed with what only this session sees in it; at the end and again comes the end."""
        self.lay({f"d/{number:03}": b"x" for number in range(600)})
        draft, replaced = self.open("/d/new", NEW), self.open("/d/007", NEW)
        self.write(draft, 0, b"abc")
        handle = self.ask(11, b"/d").string
        found: dict[bytes, Any] = {}
        while (answer := self.ask(12, handle)).kind != 101:
            self.assertEqual(found.keys() & answer.names.keys(), set())
            found.update(answer.names)
        self.assertEqual((answer.code, self.code(12, handle), self.code(4, handle)), (EOF, EOF, OK))
        self.assertEqual(sorted(found), [*(b"%03d" % number for number in range(600)), b"new"])
        self.assertEqual((found[b"new"].size, found[b"007"].size, found[b"008"].size), (3, 0, 1))
        self.assertEqual((self.code(4, draft), self.code(4, replaced)), (OK, OK))

    def test_listing_expired(self) -> None:
        """A listing that a client does not read on with ends, so that it keeps nobody's place."""
        self.lay({f"{number:03}": b"" for number in range(600)})
        handle = self.ask(11, b"/").string
        self.assertEqual(self.ask(12, handle).kind, NAMES)
        self.clock.advance(61)
        self.assertEqual(self.code(12, handle), FAILURE)
        self.assertEqual(self.code(4, handle), OK)

    def test_names(self) -> None:
        """Paths are made plain; names are composed; what no file can be called does not exist."""
        self.lay({"d/\u00e4": b"x"})
        for path, plain in (
            (b".", b"/"),
            (b"", b"/"),
            (b"d/../../..//e/.", b"/e"),
            ("a\u0308".encode(), "/\u00e4".encode()),
        ):
            self.assertEqual(list(self.ask(16, path).names), [plain])
        self.assertEqual(self.ask(17, "/d/a\u0308".encode()).attributes.size, 1)
        self.assertEqual(self.ask(7, b"d/../d").attributes.mode, modes.S_IFDIR | 0o755)
        for path in (b"/none", b"/d/a:b", b"/d/CON", b"/.homeftp/x", b"/d/\xff", b"/d/x\0y"):
            self.assertEqual(self.code(17, path), NO_SUCH_FILE, path)
        for path in (b"/d/a:b", b"/.homeftp/x", b"/d/\xff", b"/d/x\0y"):
            self.assertEqual(self.code(3, path, NEW, Raw(attrs())), FAILURE, path)

    def test_changes(self) -> None:
        """Directories, renames and removals; a rename replaces only where that is asked for."""
        self.lay({"a": b"a", "b": b"b"})
        self.assertEqual(self.code(14, b"/d", Raw(attrs(mode=0o700))), OK)
        self.assertEqual(self.code(14, b"/d", Raw(attrs())), FAILURE)
        self.assertEqual(self.code(18, b"/a", b"/b"), FAILURE)
        self.assertEqual(self.code(18, b"/a", b"/d/a"), OK)
        self.assertEqual(self.code(200, b"posix-rename@openssh.com", b"/d/a", b"/b"), OK)
        self.assertEqual(self.content("b"), b"a")
        self.assertEqual((self.code(13, b"/d"), self.code(15, b"/b")), (FAILURE, FAILURE))
        self.assertEqual((self.code(13, b"/b"), self.code(15, b"/d")), (OK, OK))
        self.assertEqual((self.code(13, b"/b"), self.code(15, b"/d")), (NO_SUCH_FILE, NO_SUCH_FILE))
        for path in (b"/", b"/.."):
            self.assertNotEqual(self.code(15, path), OK)
            self.assertNotEqual(self.code(18, path, b"/c"), OK)

    def test_attributes(self) -> None:
        """Size, time and mode are set by path; the owner only to what it is."""
        self.lay({"a": b"0123456789"})
        self.assertEqual(self.code(9, b"/a", Raw(attrs(size=4))), OK)
        self.assertEqual(self.code(9, b"/a", Raw(attrs(mtime=7, mode=0o100640))), OK)
        self.assertEqual(self.ask(7, b"/a").attributes, (4, modes.S_IFREG | 0o640, 7))
        self.assertEqual(self.code(9, b"/a", Raw(attrs(owner=(1000, 1000)))), OK)
        self.assertEqual(self.code(9, b"/a", Raw(attrs(owner=(0, 0)))), DENIED)
        self.assertEqual(self.code(9, b"/none", Raw(attrs(mode=0o600))), NO_SUCH_FILE)

    def test_extensions(self) -> None:
        """Files are synchronized and copied on the server; the free space is told; links are refused plainly."""
        handle = self.open("/a", NEW)
        self.write(handle, 0, b"content")
        self.assertEqual(self.code(200, b"fsync@openssh.com", handle), OK)
        self.assertEqual(self.content("a"), b"content")
        source, target = self.open("/a", READ), self.open("/b", NEW)
        copied = self.code(200, b"copy-data", source, Raw(u64(3) + u64(0)), target, Raw(u64(1)))
        self.assertEqual((copied, self.code(4, target), self.content("b")), (OK, OK, b"\0tent"))
        self.assertEqual(self.code(200, b"copy-data", source, Raw(u64(0) + u64(0)), source, Raw(u64(1))), DENIED)
        for name, where in ((b"statvfs@openssh.com", b"/"), (b"fstatvfs@openssh.com", source)):
            self.assertIn(self.ask(200, name, where).kind, (101, 201))
        for asked in (
            self.ask(19, b"/a"),
            self.ask(20, b"/a", b"/l"),
            self.ask(200, b"hardlink@openssh.com", b"/a", b"/l"),
        ):
            self.assertEqual(asked.code, UNSUPPORTED)

    def test_append(self) -> None:
        """A file that is opened to append is written at its end, whatever offset a client gives."""
        self.lay({"a": b"one"})
        handle = self.open("/a", WRITE | APPEND)
        self.assertEqual((self.write(handle, 0, b"two"), self.code(4, handle)), (OK, OK))
        self.assertEqual(self.content("a"), b"onetwo")

    def test_wrong_handles(self) -> None:
        """A handle is good for what it was opened for."""
        self.lay({"a": b"one"})
        reader, writer, folder = self.open("/a", READ), self.open("/a", WRITE), self.ask(11, b"/").string
        self.assertEqual((self.write(reader, 0, b"x"), self.read(writer, 0, 1).code), (DENIED, DENIED))
        self.assertEqual((self.read(folder, 0, 1).code, self.code(12, reader)), (FAILURE, FAILURE))
        self.assertEqual(self.code(10, reader, Raw(attrs(size=0))), DENIED)
        for name in (b"", b"\0\0\0\0", bytes(256), bytes(257)):
            self.assertIn(self.code(4, name), (FAILURE, BAD))
        self.assertEqual(self.write(writer, 2**63 - 1, b"x"), FAILURE)
        self.assertEqual(self.write(writer, 0, b"X"), OK, "nothing was written, and nothing is lost")


class RevokedTests(SessionCase):
    """What is in memory when access is revoked."""

    def test_read_before(self) -> None:
        """Nothing of what an earlier request has read is given away: of small files, of large ones, of listings."""
        self.lay({"small": b"content", "large": bytes(4 * MIB), **{f"d/{number:03}": b"" for number in range(600)}})
        small, large = (self.open(f"/{name}", READ) for name in ("small", "large"))
        listed = self.ask(11, b"/d").string
        asked = ((5, small, Raw(u64(0)), 4), (5, large, Raw(u64(0)), 4), (12, listed))
        served = [DATA, DATA, NAMES]
        self.assertEqual([self.ask(*each).kind for each in asked], served, "the control")
        self.revoked = True
        self.assertEqual([self.code(*each) for each in asked], [DENIED] * 3)
        self.revoked = False
        self.assertEqual([self.ask(*each).kind for each in asked], served, "what was refused was in memory")

    def test_one_look_up(self) -> None:
        """Of the requests for one file that wait until access is confirmed only the first asks; all are answered."""
        self.lay({"large": bytes(4 * MIB)})
        large = self.open("/large", READ)
        self.assertEqual(self.ask(5, large, Raw(u64(0)), 4).kind, DATA)
        looking: Deferred[None] = Deferred()
        self.looking_up, self.confirmed = looking, 0
        ids = [self.send(5, large, Raw(u64(number)), 4) for number in range(20)]
        self.assertEqual((self.output.take(), self.confirmed), ([], 1))
        self.looking_up = None
        looking.callback(None)
        self.assertEqual([(each.id, each.kind) for each in self.output.take()], [(id, DATA) for id in ids])


class OrderTests(SessionCase):
    """What is sent without waiting for answers."""

    def test_order(self) -> None:
        """Each request sees the effect of the earlier ones on the same names."""
        handle = b"\0\0\0\1"
        self.send(14, b"/d", Raw(attrs()))
        self.send(3, b"/d/a", NEW, Raw(attrs()))
        self.send(7, b"/d/a")
        self.send(6, handle, Raw(u64(0)), b"early")
        self.workers.work_all()
        kinds = {answer.id: answer.kind for answer in self.output.take()}
        self.assertEqual((kinds[1], kinds[2], kinds[3]), (101, 102, 105))
        self.send(6, handle, Raw(u64(0)), b"content")
        self.send(8, handle)
        self.send(4, handle)
        self.send(18, b"/d/a", b"/d/b")
        self.send(17, b"/d/b")
        self.send(13, b"/d/b")
        self.send(15, b"/d")
        self.send(17, b"/d")
        self.workers.work_all()
        found = {answer.id: answer for answer in self.output.take()}
        self.assertEqual([found[id].code for id in (5, 7, 8, 10, 11, 12)], [OK, OK, OK, OK, OK, NO_SUCH_FILE])
        self.assertEqual((found[6].attributes.size, found[9].attributes.size), (7, 7))

    def test_apart(self) -> None:
        """What concerns other names does not wait."""
        self.lay({"a": b"a", "b": b"b"})
        self.send(13, b"/a")
        self.send(17, b"/b")
        self.assertEqual(len(self.workers.jobs), 1, "both are looked up at once")
        self.workers.work_all()

    def test_ended(self) -> None:
        """Where the client has gone, nothing is kept, nothing that waited begins, and no file stays open."""
        self.lay({"a": b"old", "big": bytes(MIB)})
        handle = self.open("/a", WRITE)
        self.write(handle, 0, b"new")
        self.send(13, b"/a")
        self.send(3, b"/big", READ, Raw(attrs()))
        self.send(14, b"/a/d", Raw(attrs()))
        self.send(4, handle)
        ended = self.session.close()
        self.workers.work_all()
        self.successResultOf(ended)
        self.successResultOf(self.session.close())
        self.assertEqual(self.output.take(), [])
        self.session.data_received(request(7, 9, b"/a"))
        self.assertEqual((self.output.take(), self.budget.granted), ([], 0))
        self.assertNotEqual(self.content("a"), b"new")


class MalformedTests(SessionCase):
    """What makes no sense."""

    def test_answered(self) -> None:
        """MalformedPacket and unknown packets are answered, and the session continues."""
        for data, code in (
            (request(3, 1, b"/a"), BAD),
            (request(200, 1), BAD),
            (request(200, 1, b"unknown@example.org"), UNSUPPORTED),
            (request(55, 1), UNSUPPORTED),
            (request(101, 1, 0), UNSUPPORTED),
        ):
            self.session.data_received(data)
            self.workers.work_all()
            self.assertEqual([answer.code for answer in self.output.take()], [code])
        self.assertFalse(self.output.lost)

    def test_lost(self) -> None:
        """What is no packet ends the session."""
        for data in (u32(0), u32(2**31), packet(7)):
            output, session = self.connect()
            session.data_received(data)
            self.assertTrue(output.lost)

    @REPEATABLE
    @given(
        st.lists(
            st.tuples(
                st.integers(1, 255),
                st.lists(
                    st.one_of(
                        st.sampled_from(
                            [
                                text(b"/a"),
                                text(b"/d/b"),
                                text(b"\0\0\0\1"),
                                text(b".."),
                                u32(0),
                                u32(26),
                                u32(2**32 - 1),
                                attrs(size=9),
                            ]
                        ),
                        st.binary(max_size=12),
                    ),
                    max_size=5,
                ),
            ),
            max_size=12,
        ),
        st.integers(1, 50),
    )
    def test_fuzzed(self, packets: list[tuple[int, list[bytes]]], size: int) -> None:
        """Each packet of any sequence has exactly one answer, in whatever pieces it arrives."""
        self.setUp()
        self.lay({"a": b"content", "d/b": b""})
        data = b"".join(packet(kind, u32(number), *fields) for number, (kind, fields) in enumerate(packets))
        for start in range(0, len(data), size):
            self.session.data_received(data[start : start + size])
            self.workers.work_all()
        found = sorted(answer.id for answer in self.output.take() if answer.kind != 2)
        asked = [number for number, (kind, _) in enumerate(packets) if kind != 1]
        self.assertEqual((found, self.output.lost, self.session.held), (asked, False, 0))
        self.session.close()
        self.workers.work_all()
        self.assertEqual(self.budget.granted, 0)
