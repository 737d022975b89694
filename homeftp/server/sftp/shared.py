"""Resources of all sessions of one server: their memory, the files that are open, and names that are taken."""

from __future__ import annotations

from collections import Counter
from typing import Callable

import attrs
from twisted.internet.defer import Deferred

from homeftp.config import MIB
from homeftp.files.budget import MemoryBudget
from homeftp.server.sftp.overlay.exclusive import ExclusiveNames

WINDOW_MEMORY = 16 * MIB
"""Bytes that the windows of all channels may have together, as long as each has a least one."""

MOST_ACCOUNT_HANDLES = 512
"""Files and directories that one account has open at once, over all its sessions: small files that are open are held
in memory, 32 MiB in all."""


class AccountHandles:
    """Counts what each account has open."""

    def __init__(self, most: int = MOST_ACCOUNT_HANDLES) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def reserve(self, account: str) -> bool:
        """Count one more; False where there are too many."""
        if self._open[account] >= self._most:
            return False
        self._open[account] += 1
        return True

    def release(self, account: str, count: int = 1) -> None:
        """Count this many fewer open handles of an account."""
        self._open[account] -= count
        if not self._open[account]:
            del self._open[account]

    def __len__(self) -> int:
        return self._open.total()


@attrs.frozen(kw_only=True)
class SftpParts:
    """The parts of the server that only the SFTP front end uses, besides what every front end gets."""

    state: str
    """The state folder, where its key is."""
    knows_key: Callable[[bytes, bytes], Deferred[bool]]
    """Whether an account has this key."""
    budget: MemoryBudget
    """The memory of all streams of the server."""


class WindowBudget(MemoryBudget):
    """The memory that is promised to clients as windows of their channels.

    It is separate from that of the streams: a channel holds its window as long as it is open, used or not, so that
    idle channels would leave little for the streams of other front ends.
    """

    def __init__(self) -> None:
        super().__init__(WINDOW_MEMORY)


@attrs.frozen(eq=False)
class SharedSessions:
    """The resources that the sessions of one server share."""

    windows: WindowBudget = attrs.field(factory=WindowBudget)
    """The memory of what clients have sent and was not answered."""
    handles: AccountHandles = attrs.field(factory=AccountHandles)
    exclusive: ExclusiveNames = attrs.field(factory=ExclusiveNames)
