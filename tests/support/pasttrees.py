"""A server whose folder was changed after a time, and the wait that its file system's clock needs for that."""

from __future__ import annotations

import time

from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.prune import PruneDispatcher
from homeftp.dispatchers.history.restore import RestoreDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from tests.support.transfers import TransferCase
from tests.support.waiting import wait_until

TICK_US = 20_000
"""More than a tick of the clock from which a file system takes the time at which a file is made."""


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def pass_a_tick() -> int:
    """Wait until what is made from now on is made later than the time that this returns, in microseconds since 1970."""
    start = now_us()
    wait_until(lambda: now_us() - start > TICK_US)
    found = now_us()
    wait_until(lambda: now_us() - found > TICK_US)
    return found


class PastTreeCase(TransferCase):
    """The folder "d", as it was `then` at the time `as_of`, and as it is now."""

    extra = (VersionsDispatcher(), RestoreDispatcher(), PruneDispatcher(), DeleteDispatcher())

    def setUp(self) -> None:
        super().setUp()
        for name in ("same", "replaced", "e/removed"):
            self.push(self.make_file("x", b"then", mtime=1_600_000_000), f"d/{name}", force=True)
        self.then = self.remote_files()
        self.as_of = pass_a_tick()
        self.push(self.make_file("x", b"now", mtime=1_650_000_000), "d/replaced", force=True)
        self.run_work(self.client.remove("d/e", recursive=True))
        self.push(self.make_file("x", b"new!"), "d/added", force=True)
