"""A process that exchanges what is inside a store with links to the outside, as fast as it can, until SIGTERM.

    python -m tests.support.swapper ROOT SPARE OUTSIDE NAME...

Each NAME is exchanged with what lies in SPARE under the same number; "." is
the root itself. Directories are held open, so that a root that is swapped
misleads everyone but the swapper. At the end it prints how often it did.
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import sys

_RENAME_EXCHANGE = 2


class Pair:
    """A name in a directory of the store, and what it is exchanged with."""

    def __init__(self, root: str, name: str, spare: int, number: int, target: str) -> None:
        path = os.path.join(root, name) if name != "." else root
        self.name = os.path.basename(path).encode()
        self.directory = os.open(os.path.dirname(path), os.O_RDONLY)
        self.spare = spare
        self.number = str(number).encode()
        self._target = target
        self._wears_out = not os.path.isdir(path)
        os.symlink(target, self.number, dir_fd=spare)

    def mend(self) -> None:
        """Plant the link anew where a file was put in its place, which is allowed: the link is gone, not followed."""
        if self._wears_out and not self._link(self.name, self.directory) and not self._link(self.number, self.spare):
            os.unlink(self.number, dir_fd=self.spare)
            os.symlink(self._target, self.number, dir_fd=self.spare)

    def _link(self, name: bytes, directory: int) -> bool:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


def swap(pairs: list[Pair]) -> int:
    """Exchange all of them in turn until SIGTERM; all is where it was then. How often it was not, for each."""
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    print("swapping", flush=True)  # noqa: T201
    count = 0
    while not ended or count % 2:
        for pair in pairs:
            pair.mend()
            if exchange(pair.directory, pair.name, pair.spare, pair.number, _RENAME_EXCHANGE):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        count += 1
    return count // 2


def main(root: str, spare: str, outside: str, *names: str) -> None:
    """Swap, and say how often."""
    directory = os.open(spare, os.O_RDONLY)
    pairs = []
    for number, name in enumerate(names):
        inside = os.path.join(outside, "leaf") if os.path.isfile(os.path.join(root, name)) else outside
        pairs.append(Pair(root, name, directory, number, inside))
    print(swap(pairs))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
