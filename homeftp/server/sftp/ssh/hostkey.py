"""The server's SSH key: made at the first start, kept in the state folder, shown by its fingerprint."""

from __future__ import annotations

import base64
import hashlib
import os

from twisted.conch.ssh.keys import BadKeyError, Key

from homeftp.crypto.sshhostkey import FILE, new_host_key, read_host_key, write_host_key
from homeftp.errors import OperatorError


def open_host_key(state: str) -> Key:
    """The key of the server in a state folder; a new one where it has none. Raises `OperatorError`."""
    path = os.path.join(state, FILE)
    content = read_host_key(state)
    if content is None:
        content = new_host_key()
        write_host_key(state, content)
    try:
        key: Key = Key.fromString(content)
    except (BadKeyError, ValueError) as error:
        raise OperatorError(f"{path} holds no SSH key ({error}): restore it, or remove it for a new one") from None
    if key.type() != "Ed25519" or key.isPublic():
        raise OperatorError(f"{path} holds no private Ed25519 key: restore it, or remove it for a new one")
    return key


def fingerprint(key: Key) -> str:
    """The fingerprint of a key as `ssh` shows it."""
    digest = hashlib.sha256(key.public().blob()).digest()
    return "SHA256:" + base64.b64encode(digest).rstrip(b"=").decode()
