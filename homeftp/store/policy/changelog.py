"""What was changed in a share, handed on to be written down in the order in which it was done.

Only so can the tree be told from what was written: of two who store something
under one name the later one is the one that is there.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import Callable, Iterator

from homeftp.errors import Internal
from homeftp.interfaces.store import RecordChanges
from homeftp.model import Change


class ChangeLog:
    """The changes of one share. Safe in several threads.

    What could not be written down is owed: nothing more is changed before it is.
    """

    def __init__(self, write: RecordChanges) -> None:
        self._write = write
        self._lock = Lock()
        self._owed: list[Change] = []

    def settle(self) -> None:
        """To be called before something is changed; raises `Internal` (50) where nothing may be."""
        if self._owed:
            with self._lock:
                self._pay("nothing is changed before it can")

    @contextmanager
    def changing(self) -> Iterator[Callable[[Change], None]]:
        """While names are given or taken: tell what was done, each at once. At the end it is written down.

        Raises `Internal` (50) when that cannot be: what was told has been done nevertheless.
        """
        with self._lock:
            try:
                yield self._owed.append
            finally:
                self._pay("what was asked for has been done nevertheless")

    def _pay(self, outcome: str) -> None:
        if not self._owed:
            return
        try:
            self._write(self._owed)
        except OSError as error:
            raise Internal(f"the server's audit log cannot be written ({error.strerror}): {outcome}") from error
        self._owed.clear()
