"""Which stores were served with a state folder: so that a disk that is not mounted is not taken for a new store."""

from __future__ import annotations

import json
import os

from homeftp.crypto.secretfiles import read_private, write_private
from homeftp.errors import OperatorError

FILE = "roots.json"
"""Inside the state folder: a list of locations."""


class KnownRoots:
    """The locations of the stores that could be changed. Blocks; raises `OperatorError`."""

    def __init__(self, state: str, location: str) -> None:
        self._file = os.path.join(state, FILE)
        self._location = os.path.realpath(location) if os.path.isabs(location) else location

    def is_known(self) -> bool:
        """Whether the store was served before."""
        return self._location in self._read()

    def add(self) -> None:
        """Remember the store."""
        known = self._read()
        if self._location not in known:
            write_private(self._file, json.dumps([*known, self._location], indent=1).encode() + b"\n")

    def _read(self) -> list[str]:
        content = read_private(self._file)
        if content is None:
            return []
        try:
            known = json.loads(content)
        except ValueError:
            known = None
        if not isinstance(known, list) or not all(isinstance(each, str) for each in known):
            raise OperatorError(
                f"{self._file} is damaged. Check that the disks of all shared folders are mounted, remove the file and "
                "start the server again"
            )
        return known
