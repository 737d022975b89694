"""A store that answers some questions at once, without waiting for a disk."""

from __future__ import annotations

from zope.interface import Interface

from homeftp.endpoint import Endpoint
from homeftp.interfaces.store import IOpenFile
from homeftp.model import Entry

RECENT_SECONDS = 1.0
"""For how long a job's answer counts: that the disk was there, what was known of a file.

Another process may mark a file as damaged (`homeftp verify`), or unmount the disk: a job notices that.
"""

GRANTED_SECONDS = 0.005
"""For how long it counts that a job has found access granted. The command that revokes access takes longer to end, so
that nothing is read once it has; and where a server answers thousands of requests a second, few of them are jobs. With
20 ms a request that came right after the change of an account was cut sometimes: it was begun by the login before."""


class IImmediateStore(Interface):
    """A store that may have in memory what it is asked for. Optional.

    These calls never block, so that they are made on the reactor's thread; where they find nothing, the calls of
    `IStore` are made in the pool. What they answer was true within the last second.
    """

    def stat_at_once(endpoint: Endpoint, hashed: bool = True) -> Entry | None:
        """The answer of `IStore.stat` for an existing file; None where only that can tell.

        If `hashed` is False the entry may lack a known hash, and the mark of a damaged file.
        """

    def open_at_once(endpoint: Endpoint, inline: int, hashed: bool = True) -> IOpenFile | None:
        """A file of at most `inline` bytes as `IStore.open_many` gives it, read already; None where only that can tell.

        `inline` is at most `config.SMALL_FILE`. If `hashed` is False the entry may lack a known hash. A damaged file is
        never opened here.
        """

    def is_new_at_once(endpoint: Endpoint) -> bool:
        """Whether a file may get this name: nothing has it, nor a name that is too similar. False: only a job can tell.

        Another program may have made the name just now. So this is for changes that check it again when they are made.
        """


__all__ = ["GRANTED_SECONDS", "RECENT_SECONDS", "IImmediateStore"]
