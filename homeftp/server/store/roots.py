"""Which stores were served with a state folder: so that a disk that is not mounted is not taken for a new store.

Each has an id from the first time on. The file is not a part of the state's backup: on a server that was restored the
stores have other ids, and clients do not take what the restored files lack for something that was deleted.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import Mapping

from homeftp.crypto.secretfiles import read_private, write_private
from homeftp.errors import OperatorError

FILE = "roots.json"
"""Inside the state folder: the id of each location."""

_ID_BYTES = 16


class KnownRoots:
    """The locations of the stores that could be changed. Blocks; raises `OperatorError`."""

    def __init__(self, state: str, location: str) -> None:
        self._file = os.path.join(state, FILE)
        self._location = os.path.realpath(location) if os.path.isabs(location) else location

    def is_known(self) -> bool:
        """Whether the store was served before."""
        return self._location in self._read()

    def id(self) -> str | None:
        """The id of the store; None where it has none, because it could never be changed."""
        return self._read().get(self._location) or None

    def add(self) -> None:
        """Remember the store."""
        known = self._read()
        if not known.get(self._location):
            changed = {**known, self._location: secrets.token_hex(_ID_BYTES)}
            write_private(self._file, json.dumps(changed, indent=1).encode() + b"\n")

    def _read(self) -> Mapping[str, str]:
        """The id of each location; "" for one that an earlier version remembered."""
        content = read_private(self._file)
        if content is None:
            return {}
        try:
            known = json.loads(content)
        except ValueError:
            known = None
        if isinstance(known, list) and all(isinstance(each, str) for each in known):
            return dict.fromkeys(known, "")
        if not (isinstance(known, dict) and known) or not all(isinstance(each, str) for each in known.values()):
            raise OperatorError(
                f"{self._file} is damaged. Check that the disks of all shared folders are mounted, remove the file and "
                "start the server again"
            )
        return known
