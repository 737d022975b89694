"""Packets: sealed and opened, and padded to whole blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.sftp.ssh.algorithms import CIPHERS, MACS
from homeftp.server.sftp.ssh.ciphers import MIN_PADDING, BadPacket, CipherPair, PlainPackets, packet_cipher, pad
from tests.support.repeatable import REPEATABLE

KEYS = bytes(range(64)), bytes(range(64, 128)), bytes(range(128, 192))


class CipherTests(SynchronousTestCase):
    """Every cipher with every MAC."""

    def test_sealed(self) -> None:
        """What was sealed is opened in order, and nothing else is."""
        for cipher in CIPHERS:
            for mac in MACS:
                seal = packet_cipher(cipher, mac, *KEYS, encrypts=True)
                end = packet_cipher(cipher, mac, *KEYS, encrypts=False)
                for sequence in (0, 1):
                    packet = memoryview(seal.encrypt(sequence, (b"\x5e", b"payload"), 8))
                    opened = end.decrypt(sequence, packet[:4], packet[4:])
                    self.assertEqual(opened[1 : len(opened) - opened[0]], b"\x5epayload")
                    self.assertEqual((len(packet) - 4 - seal.tag) % seal.block, 0)
                self.assertRaises(BadPacket, end.decrypt, 2, packet[:4], packet[4:])

    def test_plain(self) -> None:
        """Before keys are exchanged the length counts too."""
        packet = memoryview(PlainPackets().encrypt(0, (b"\x14", b"x"), 2))
        self.assertEqual((len(packet) % 8, PlainPackets().decrypt(0, packet[:4], packet[4:])[1:3]), (0, b"\x14x"))

    @REPEATABLE
    @given(st.sampled_from([8, 16]), st.integers(0, 100), st.sampled_from([1, 5]))
    def test_padding(self, block: int, size: int, counted: int) -> None:
        """There are at least four bytes of padding, and no block too many."""
        padding = pad(block, size, counted)
        self.assertEqual((size + counted + padding) % block, 0)
        self.assertTrue(MIN_PADDING <= padding < MIN_PADDING + block)

    def test_pair(self) -> None:
        """A pair has keys once they were exchanged."""
        pair = CipherPair(CIPHERS[0], CIPHERS[-1], MACS[0], MACS[1])
        self.assertFalse(pair.has_keys)
        pair.setKeys(KEYS[0], KEYS[1], KEYS[0], KEYS[1], KEYS[2], KEYS[2])
        self.assertEqual((pair.has_keys, pair.sealing.tag, pair.opening.tag), (True, 16, 64))
