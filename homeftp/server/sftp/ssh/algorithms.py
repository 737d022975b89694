"""The algorithms that are offered, the best first: what Conch can do of what OpenSSH still has in its defaults."""

from __future__ import annotations

from typing import Sequence

KEY_EXCHANGES = (
    b"mlkem768x25519-sha256",
    b"curve25519-sha256",
    b"curve25519-sha256@libssh.org",
    b"ecdh-sha2-nistp256",
    b"ecdh-sha2-nistp384",
    b"ecdh-sha2-nistp521",
)
"""No exchange in a finite field: Conch offers none with SHA-2 and a fixed group."""

STRICT_SERVER = b"kex-strict-s-v00@openssh.com"
STRICT_CLIENT = b"kex-strict-c-v00@openssh.com"
"""The name by which each end says that it knows the strict key exchange (OpenSSH, PROTOCOL, 1.10)."""

HOST_KEYS = (b"ssh-ed25519",)

CIPHERS = (
    b"aes128-gcm@openssh.com",
    b"aes256-gcm@openssh.com",
    b"aes256-ctr",
    b"aes192-ctr",
    b"aes128-ctr",
)

MACS = (b"hmac-sha2-256-etm@openssh.com", b"hmac-sha2-512-etm@openssh.com")
"""Only those that authenticate what is encrypted, before it is decrypted."""

COMPRESSIONS = (b"none",)

USER_KEYS = (
    b"ssh-ed25519",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"rsa-sha2-512",
    b"rsa-sha2-256",
)
"""How clients may sign; not ssh-rsa, which is SHA-1, and not DSA."""


def offered(wanted: Sequence[bytes], known: Sequence[bytes]) -> list[bytes]:
    """The algorithms that the library has, in our order."""
    return [each for each in wanted if each in known]
