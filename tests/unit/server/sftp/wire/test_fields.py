"""Fields: integers and strings, never past the end of their packet."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.sftp.wire.fields import Attributes, FieldReader, MalformedPacket, string, u32


class FieldTests(SynchronousTestCase):
    """Reading one packet."""

    def test_read(self) -> None:
        """Fields follow one another from the offset on."""
        fields = FieldReader(memoryview(b"xx" + u32(7) + bytes(7) + b"\x09" + string(b"abc") + string(b"")), 2)
        self.assertEqual((fields.u32(), fields.u64(), fields.view(), fields.string()), (7, 9, b"abc", b""))
        self.assertRaises(MalformedPacket, fields.u32)

    def test_end(self) -> None:
        """A string that would end behind the packet is malformed, however long it claims to be."""
        for length in (4, 2**32 - 1):
            self.assertRaises(MalformedPacket, FieldReader(memoryview(u32(length) + b"abc"), 0).view)

    def test_attributes(self) -> None:
        """Attributes that are not given are None."""
        self.assertEqual(FieldReader(memoryview(u32(0)), 0).attributes(), Attributes())
        self.assertEqual(FieldReader(memoryview(u32(8) + u32(1) + u32(2)), 0).attributes(), Attributes(mtime=2))
