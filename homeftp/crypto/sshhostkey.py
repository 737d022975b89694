"""The file of the server's SSH key in the state folder: made, read, and replaced by the key that servers share.

Every server of a cluster uses this module, and needs no library of SSH for it.
"""

from __future__ import annotations

import os
from typing import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_ssh_private_key

from homeftp.crypto.secretfiles import private_folder, read_private, write_private
from homeftp.errors import OperatorError

FILE = "ssh_host_ed25519_key"
"""Its name in the state folder, and its format, are those of OpenSSH."""


def read_host_key(state: str) -> bytes | None:
    """The content of the file in a state folder; None where there is none. Raises `OperatorError`."""
    return read_private(os.path.join(state, FILE))


def write_host_key(state: str, content: bytes) -> None:
    """Write, or replace, the file."""
    write_private(os.path.join(private_folder(state), FILE), content)


def new_host_key() -> bytes:
    """The content of the file of a new key."""
    made = Ed25519PrivateKey.generate()
    return made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def is_host_key(content: bytes) -> bool:
    """Whether a content is that of the file of a key."""
    try:
        return isinstance(load_ssh_private_key(content, password=None), Ed25519PrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def share_host_key(state: str, share: Callable[[bytes], bytes], *, needed: bool) -> None:
    """Let a state folder have the key that `share` gives for its own.

    `needed`: whether it gets one where it has none yet. Raises `OperatorError` where what `share` gives is no key.
    """
    own = read_host_key(state)
    if own is None and not needed:
        return
    offered = own or new_host_key()
    shared = share(offered)
    if shared == own:
        return
    if not is_host_key(shared):
        raise OperatorError(
            "the SSH key of the servers in the database is not a private Ed25519 key. To replace it by the key of the "
            "server that starts next, run in the database: UPDATE identity SET ssh_key = NULL"
        )
    write_host_key(state, shared)
