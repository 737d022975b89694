"""Packets, encrypted and authenticated: AES-GCM (RFC 5647 as OpenSSH has it), and AES-CTR with encrypt-then-MAC.

Conch has neither. In both the length of a packet is not encrypted, so that nothing is decrypted before it is known to
be from the client.
"""

from __future__ import annotations

import hmac
import os
import struct
from typing import Protocol, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from twisted.conch.ssh.transport import SSHCiphers

_LENGTH = struct.Struct(">I")
_SEQUENCE = struct.Struct(">I")

_COUNTER = struct.Struct(">Q")
_COUNTS = 2**64
_FIXED_BYTES = 4
"""The fixed bytes of the nonce of AES-GCM, beside the counter (RFC 5647, section 7.1)."""

BLOCK = 16
"""Bytes of a block of AES."""

MIN_PADDING = 4

GCM_KEYS = {b"aes128-gcm@openssh.com": 16, b"aes256-gcm@openssh.com": 32}
CTR_KEYS = {b"aes128-ctr": 16, b"aes192-ctr": 24, b"aes256-ctr": 32}
"""Bytes of the key of each cipher."""

MAC_HASHES = {b"hmac-sha2-256-etm@openssh.com": ("sha256", 32), b"hmac-sha2-512-etm@openssh.com": ("sha512", 64)}
"""The hash of each MAC, and the bytes of its key and of its result."""


class BadPacket(Exception):
    """A packet was changed on its way, or is none."""


class PacketCipher(Protocol):
    """One direction of a connection."""

    block: int
    """The size of a packet is a multiple of this, without its length where that is not encrypted."""
    counted: int
    """Bytes of the length that count in that."""
    tag: int
    """Bytes behind a packet that authenticate it."""

    def encrypt(self, sequence: int, parts: Sequence[bytes | memoryview], size: int) -> bytes:
        """The packet whose payload of `size` bytes has these parts."""

    def decrypt(self, sequence: int, length: memoryview, packet: memoryview) -> bytes:
        """The padding's length, the payload and the padding of a packet; `packet` includes the tag.

        Raises `BadPacket`.
        """


def pad(block: int, size: int, counted: int = 1) -> int:
    """Bytes of padding for a payload of `size` bytes, of which the block counts `counted` more."""
    padding = block - (counted + size) % block
    return padding if padding >= MIN_PADDING else padding + block


class PlainPackets:
    """Before keys are exchanged."""

    block = 8
    counted = _LENGTH.size
    tag = 0

    def encrypt(self, sequence: int, parts: Sequence[bytes | memoryview], size: int) -> bytes:
        """The packet as it is."""
        padding = pad(self.block, size, _LENGTH.size + 1)
        head = _LENGTH.pack(1 + size + padding) + bytes((padding,))
        return b"".join((head, *parts, bytes(padding)))

    def decrypt(self, sequence: int, length: memoryview, packet: memoryview) -> bytes:
        """The packet as it is."""
        return bytes(packet)


class GcmPackets:
    """AES-GCM. The nonce counts packets, and begins anew with each exchange of keys."""

    block = BLOCK
    counted = 0
    tag = 16

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._gcm = AESGCM(key)
        self._fixed = iv[:_FIXED_BYTES]
        self._counter = int.from_bytes(iv[_FIXED_BYTES : _FIXED_BYTES + _COUNTER.size], "big")

    def _nonce(self) -> bytes:
        counter = self._counter
        self._counter = (counter + 1) % _COUNTS
        return self._fixed + _COUNTER.pack(counter)

    def encrypt(self, sequence: int, parts: Sequence[bytes | memoryview], size: int) -> bytes:
        """Encrypt a packet; its length is authenticated too."""
        padding = pad(self.block, size)
        length = _LENGTH.pack(1 + size + padding)
        plain = b"".join((bytes((padding,)), *parts, os.urandom(padding)))
        return length + self._gcm.encrypt(self._nonce(), plain, length)

    def decrypt(self, sequence: int, length: memoryview, packet: memoryview) -> bytes:
        """Decrypt a packet."""
        try:
            return self._gcm.decrypt(self._nonce(), packet, length)
        except InvalidTag:
            raise BadPacket("a packet was changed on its way") from None


class CtrPackets:
    """AES-CTR, with a MAC over the sequence number and what is encrypted."""

    block = BLOCK
    counted = 0

    def __init__(self, key: bytes, iv: bytes, hash: str, mac_key: bytes, *, encrypts: bool) -> None:
        cipher = Cipher(algorithms.AES(key), modes.CTR(iv[:BLOCK]))
        self._stream = cipher.encryptor() if encrypts else cipher.decryptor()
        self._hash = hash
        self._mac_key = mac_key
        self.tag = len(mac_key)

    def _mac(self, sequence: int, length: bytes | memoryview, encrypted: bytes | memoryview) -> bytes:
        mac = hmac.new(self._mac_key, _SEQUENCE.pack(sequence), self._hash)
        mac.update(length)
        mac.update(encrypted)
        return mac.digest()

    def encrypt(self, sequence: int, parts: Sequence[bytes | memoryview], size: int) -> bytes:
        """Encrypt a packet, and authenticate that."""
        padding = pad(self.block, size)
        length = _LENGTH.pack(1 + size + padding)
        encrypted = self._stream.update(b"".join((bytes((padding,)), *parts, os.urandom(padding))))
        return length + encrypted + self._mac(sequence, length, encrypted)

    def decrypt(self, sequence: int, length: memoryview, packet: memoryview) -> bytes:
        """Check a packet, and decrypt it."""
        encrypted, tag = packet[: -self.tag], packet[-self.tag :]
        if not hmac.compare_digest(self._mac(sequence, length, encrypted), bytes(tag)):
            raise BadPacket("a packet was changed on its way")
        return self._stream.update(encrypted)


def packet_cipher(cipher: bytes, mac: bytes, iv: bytes, key: bytes, mac_key: bytes, *, encrypts: bool) -> PacketCipher:
    """The cipher of that name for one direction; the keys may be longer than needed."""
    if cipher in GCM_KEYS:
        return GcmPackets(key[: GCM_KEYS[cipher]], iv)
    hash, size = MAC_HASHES[mac]
    return CtrPackets(key[: CTR_KEYS[cipher]], iv, hash, mac_key[:size], encrypts=encrypts)


class CipherPair(SSHCiphers):
    """The ciphers of both directions, in the place of Conch's `SSHCiphers`: what was negotiated, then the keys."""

    def __init__(self, outCip: bytes, inCip: bytes, outMac: bytes, inMac: bytes) -> None:
        super().__init__(outCip, inCip, outMac, inMac)
        self.sealing: PacketCipher = PlainPackets()
        self.opening: PacketCipher = PlainPackets()
        self.has_keys = False

    def setKeys(self, outIV: bytes, outKey: bytes, inIV: bytes, inKey: bytes, outInteg: bytes, inInteg: bytes) -> None:
        """Use these keys: Conch calls it when they are exchanged."""
        self.sealing = packet_cipher(self.outCipType, self.outMACType, outIV, outKey, outInteg, encrypts=True)
        self.opening = packet_cipher(self.inCipType, self.inMACType, inIV, inKey, inInteg, encrypts=False)
        self.has_keys = True
