"""A store in memory that answers at once, but for one file."""

from __future__ import annotations

from zope.interface import implementer

from homeftp.endpoint import Endpoint, parse
from homeftp.interfaces import IOpenFile
from homeftp.interfaces.immediate import IImmediateStore
from homeftp.model import Entry
from homeftp.store.memory import MemoryStore

COLD = parse("cold.txt")


@implementer(IImmediateStore)
class ImmediateMemoryStore(MemoryStore):
    """Has everything at hand but `COLD`."""

    def stat_at_once(self, endpoint: Endpoint, hashed: bool = True) -> Entry | None:
        """Of other files."""
        return None if endpoint == COLD else self.stat(endpoint)

    def open_at_once(self, endpoint: Endpoint, inline: int, hashed: bool = True) -> IOpenFile | None:
        """Other files."""
        (file,) = self.open_many([endpoint], inline)
        return None if endpoint == COLD or isinstance(file, Exception) else file

    def is_new_at_once(self, endpoint: Endpoint) -> bool:
        """Of other files."""
        return endpoint != COLD and self.stat(endpoint) is None
