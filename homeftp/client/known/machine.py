"""The id by which a server recognises this machine when it pairs again; each server gets another one."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets

from homeftp.crypto.secretfiles import private_folder, read_private, write_private

_SECRET_BYTES = 32
_MACHINE_FILE = "/etc/machine-id"
"""Differs between two machines that have a copy of the same home folder (machine-id(5))."""


class Machine:
    """The secret of this machine, in the client's folder `folder`. Raises `OperatorError`."""

    def __init__(self, folder: str, machine_file: str = _MACHINE_FILE) -> None:
        self._folder = os.path.join(os.path.abspath(folder), "remotes")
        self._path = os.path.join(self._folder, ".machine")
        self._machine_file = machine_file

    def id_for(self, fingerprint: str) -> str:
        """The id for the server with that CA: 64 hexadecimal digits, which tell nothing about the secret."""
        system_id = b""
        with contextlib.suppress(OSError), open(self._machine_file, "rb") as file:
            system_id = file.read().strip()
        message = b"homeftp machine\0" + system_id + b"\0" + fingerprint.encode("ascii")
        return hmac.new(self._secret(), message, hashlib.sha256).hexdigest()

    def _secret(self) -> bytes:
        found = read_private(self._path)
        if found is not None and len(found) == _SECRET_BYTES:
            return found
        private_folder(self._folder)
        made = secrets.token_bytes(_SECRET_BYTES)
        write_private(self._path, made)
        return made
