"""The numbers of the draft."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.sftp.wire.numbers import ALL_FLAGS, MAX_PACKET, MAX_READ, OpenFlag, PacketType, StatusCode


class NumberTests(SynchronousTestCase):
    """Numbers that must not change."""

    def test_numbers(self) -> None:
        """Types, codes and flags are those of draft-ietf-secsh-filexfer-02."""
        self.assertEqual((PacketType.OPEN, PacketType.SYMLINK, PacketType.EXTENDED), (3, 20, 200))
        self.assertEqual((StatusCode.EOF, StatusCode.OP_UNSUPPORTED), (1, 8))
        self.assertEqual(sum(bit for name, bit in vars(OpenFlag).items() if name.isupper()), ALL_FLAGS)
        self.assertLess(MAX_READ, MAX_PACKET)
