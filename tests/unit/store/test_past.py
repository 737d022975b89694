"""Each store tells what was in it at any time, as a model does that saw it."""

from __future__ import annotations

import os
import shutil
import time
from typing import Callable
from unittest import mock

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.store.cluster.tables import restorations
from homeftp.store.local.store import LocalStore
from homeftp.store.local.versions import archive
from homeftp.store.memory import MemoryStore
from homeftp.store.memorytree import MemoryTree
from tests.support.births import BirthSystem
from tests.support.clusters import Cluster
from tests.support.folders import quick_temp_dir
from tests.support.needs import LONG
from tests.support.pastmodel import STEPS, Step, problems_of
from tests.support.repeatable import REPEATABLE
from tests.support.stores import QuickSystem

_EXAMPLES = 50 if LONG else 1


class _Clock:
    """Goes on when it is asked for a moment."""

    def __init__(self) -> None:
        self.now_us = 1_000_000

    def moment_us(self) -> int:
        """A time that nothing else has."""
        self.now_us += 2000
        return self.now_us - 1000


class _QuickBirths(QuickSystem, BirthSystem):
    """A file was made at its mtime; nothing waits for the disk."""


def moment_us() -> int:
    """A time that nothing before has, and nothing after: microseconds since 1970."""
    found = time.time_ns() // 1000 + 1
    while time.time_ns() // 1000 <= found:
        pass
    return found


class PastTests(SynchronousTestCase):
    """Random steps, and what the history says of each moment between them."""

    def check(self, examples: int, problems: Callable[[list[Step]], list[str]]) -> None:
        """No random steps have a problem."""

        @settings(REPEATABLE, max_examples=examples * _EXAMPLES)
        @given(STEPS)
        def run(steps: list[Step]) -> None:
            self.assertEqual(problems(steps), [])

        run()

    def in_memory(self, steps: list[Step]) -> list[str]:
        """The problems of a store in memory."""
        clock = _Clock()
        return problems_of(MemoryStore(StoreOptions(), clock=lambda: clock.now_us), clock.moment_us, steps)

    def in_folder(self, steps: list[Step]) -> list[str]:
        """The problems of a store in a folder."""
        folder = quick_temp_dir()
        os.mkdir(os.path.join(folder, "root"))
        cache = HashCache(os.path.join(folder, "cache"))
        store = LocalStore(os.path.join(folder, "root"), cache, StoreOptions(), system=_QuickBirths())
        try:
            return problems_of(store, moment_us, steps)
        finally:
            store.close()
            cache.close()
            shutil.rmtree(folder)

    def in_cluster(self, steps: list[Step]) -> list[str]:
        """The problems of a share of a cluster."""
        store: IStore = Cluster().open(StoreOptions())
        try:
            return problems_of(store, moment_us, steps)
        finally:
            store.close()

    def test_memory(self) -> None:
        """The store in memory."""
        self.check(100, self.in_memory)

    def test_local(self) -> None:
        """The local store."""
        self.check(15, self.in_folder)

    def test_cluster(self) -> None:
        """The cluster store."""
        self.check(5, self.in_cluster)

    def test_file_in_place_of_folder(self) -> None:
        """A file that is asked for by its name takes the place of a folder of today, once nothing is left in that."""
        steps: list[Step] = [("write", "d", "a", 0), ("remove", "d", "a", 0), ("write", "d/a", "a", 0)]
        for number in (0, 1, 2, 3):
            self.assertEqual(self.in_memory([*steps, ("revert", "d", "a", number)]), [])

    def test_control(self) -> None:
        """A store that does not tell what was put back gives what was not there, and one content for another."""
        gap: list[Step] = [("write", "a", "a", 0), ("remove", "a", "a", 0), ("restore", "a", "a", 0)]
        turns: list[Step] = [("write", "a", "a", 0), ("write", "a", "a", 0), *[("restore", "a", "a", 0)] * 2]
        for problems, forgetful in (
            (self.in_memory, mock.patch.object(MemoryTree, "keep_restoration")),
            (self.in_folder, mock.patch.object(archive, "make_private_link")),
            (self.in_cluster, mock.patch.object(restorations, "insert")),
        ):
            for steps in (gap, turns):
                self.assertEqual(problems(steps), [])
                with forgetful:
                    self.assertEqual(len(problems(steps)), 1)
