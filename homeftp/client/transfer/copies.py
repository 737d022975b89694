"""Contents that the server has elsewhere: a file that was renamed here is copied there, and not sent again."""

from __future__ import annotations

from itertools import islice
from typing import Mapping

from homeftp.client.api import Client
from homeftp.model import Entry

_COPY = "COPY"

_MOST = 100_000
"""Files that are looked through: each takes some 300 bytes. If there are more, the others are sent again."""


class RemoteCopies:
    """The larger files among `remote`, `most` of them, by their content.

    Small ones are sent: that costs no more than a request.
    """

    def __init__(self, client: Client, remote: Mapping[str, Entry], *, most: int = _MOST) -> None:
        self._names: dict[str, str] = {}
        self._sizes: set[int] = set()
        info = client.server_info
        if _COPY in info.request_types and info.may("read"):
            small = info.limits.small_file
            larger = (
                (entry.hash, entry.size, name)
                for name, entry in remote.items()
                if entry.hash is not None and entry.size > small
            )
            for hash, size, name in islice(larger, most):
                self._names[hash] = name
                self._sizes.add(size)

    def may_have(self, size: int) -> bool:
        """Whether there is a file of that size, so that it is worth knowing the hash of what is sent."""
        return size in self._sizes

    def find(self, hash: str | None) -> str | None:
        """The name of a file that had that content when it was listed."""
        return None if hash is None else self._names.get(hash)
