"""The computer starts again after a power cut: its disk is mounted, the store is started, and both are judged."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator, Sequence

import attrs

from homeftp.errors import OperatorError, Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.store import LocalStore
from tests.system.powercut.filesystems import FileSystem, Unmountable
from tests.system.powercut.history import History
from tests.system.powercut.verdict import Crashed, Promise, resumed, swept

ROOT = "root"
"""The store's folder in the file system."""


class Recovery:
    """Starts disks with this file system; `folder` is for the mount point and for the store's cache."""

    def __init__(self, system: FileSystem, folder: str, history: History, promises: Sequence[Promise]) -> None:
        self._system = system
        self._history = history
        self._promises = promises
        self._cache = os.path.join(folder, "restarted.sqlite")
        self._point = os.path.join(folder, "restarted")
        os.mkdir(self._point)

    def faults(self, image: str, position: int) -> Iterator[str]:
        """What is not as it was promised on the disk in `image`. Changes it, as the start of a computer does."""
        root = os.path.join(self._point, ROOT)
        crashed = Crashed(root, self._history, position, self._system.journaled)
        try:
            with self._system.started(image, self._point):
                yield from self._in(crashed)
        except Unmountable as error:
            yield f"the disk cannot be mounted: {error}"
        except OSError as error:
            yield f"the disk cannot be read: {error}"

    def _in(self, crashed: Crashed) -> Iterator[str]:
        found = [fault for promise in self._promises for fault in promise(crashed)]
        yield from found
        try:
            with contextlib.ExitStack() as opened:
                cache = opened.enter_context(contextlib.closing(HashCache(self._cache)))
                store = opened.enter_context(contextlib.closing(LocalStore(crashed.root, cache)))
                started = attrs.evolve(crashed)
                for promise in (swept, *self._promises):
                    again = (fault for fault in promise(started) if fault not in found)
                    yield from (f"{fault}, after a start of the store" for fault in again)
                yield from resumed(crashed, store)
        except (OSError, Refusal, OperatorError) as error:
            yield f"the store does not start, or refuses new files: {error}"
        finally:
            os.unlink(self._cache)
