"""A state machine of two laptops that sync a folder with one server, each with edits of its own, and interruptions.

Every edit writes a content that was never written before, so that a content that is missing shows. After each step:

- no content is lost: one that somebody wrote is on some laptop or on the server, unless a person replaced or deleted
  it where it could be seen;
- after a sync that came to its end, both sides are the same, nothing has failed, and a second sync has nothing to do.
  This holds for a sync of what events have named, too, unless the laptop has missed an event.

And when all laptops have synced until nothing is left to do, all are the same. If only one of them was changed since
the last time, all are as that one was: what was deleted is deleted, and nothing has another name.
"""

from __future__ import annotations

import os
import shutil
from typing import Any, ClassVar, Collection

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from homeftp.client import ConnectionFailed, TransferObserver
from homeftp.client.sync.model import SyncOptions
from homeftp.client.sync.run import SyncRequest, run_sync
from homeftp.client.sync.scope import WHOLE, Scope
from homeftp.client.sync.steps import changes_nothing
from tests.support.syncworld import Crash, SyncWorld, Watched

NAMES = ("a", "b", "c.txt")
PATHS = st.sampled_from([*NAMES, *(f"{first}/{second}" for first in NAMES for second in NAMES), "a/b/c.txt"])
LAPTOPS = st.integers(0, 1)
MISSED = st.just(frozenset[str]()) | st.frozensets(PATHS, min_size=1, max_size=3)
"""The names of events that are lost; mostly there are none."""

MOST_ROUNDS = 6
"""Syncs of all laptops, one after the other, after which they must agree."""


class SyncMachine(RuleBasedStateMachine):
    """The laptops at work. A subclass may have another engine."""

    run: ClassVar[Any] = staticmethod(run_sync)
    options: ClassVar[SyncOptions] = SyncOptions(machine="", day="2026-05-01")

    @initialize()
    def begin(self) -> None:
        """Nothing was written yet."""
        self.world = SyncWorld.make()
        self.count = 0
        self.written: set[bytes] = set()
        self.changed: dict[int, dict[str, bytes | None]] = {}
        """The laptops that were changed since all agreed, each as it was after its last change."""
        self.is_pure = True
        """Whether no sync was interrupted since, and none ran between the changes of two laptops."""
        self.watched = [Watched(laptop.path) for laptop in self.world.laptops]
        self.server = Watched(os.path.join(self.world.server.root, "Docs"))
        self.events: list[set[str]] = [set() for _ in self.world.laptops]
        """For each laptop the names of events, of its own folder and the server's, since it has synced these."""
        self.blind = set(range(len(self.world.laptops)))
        """The laptops that have missed an event since they have compared everything."""

    def teardown(self) -> None:
        """All laptops agree at the end."""
        try:
            if hasattr(self, "world"):
                self.agree()
        finally:
            if hasattr(self, "world"):
                self.world.close()

    def _path(self, number: int, name: str) -> str:
        return os.path.join(self.world.laptops[number].path, *name.split("/"))

    def _forget(self, content: bytes | None) -> None:
        """A person replaced or deleted a content."""
        if content is not None:
            self.written.discard(content)

    def _forget_beneath(self, number: int, name: str) -> None:
        for each, content in self.world.laptops[number].contents().items():
            if each == name or each.startswith(f"{name}/"):
                self._forget(content)

    def _has_changed(self, number: int) -> None:
        if set(self.changed) - {number}:
            self.is_pure = False
        self.changed[number] = self.world.laptops[number].contents()

    def _notice(self) -> None:
        """Every laptop gets the events of what has changed, its own changes among them."""
        there = self.server.changes()
        for events, watched in zip(self.events, self.watched, strict=True):
            events |= there | watched.changes()

    @rule(number=LAPTOPS, name=PATHS, mtime=st.integers(1, 10**9))
    def write(self, number: int, name: str, mtime: int) -> None:
        """Write a file, new or not; what is in the way of it goes. The clock of a laptop may say anything."""
        above = name
        while above := above.rpartition("/")[0]:
            if os.path.isfile(self._path(number, above)):
                self._forget_beneath(number, above)
                os.unlink(self._path(number, above))
        self._forget_beneath(number, name)
        if os.path.isdir(self._path(number, name)):
            shutil.rmtree(self._path(number, name))
        self.count += 1
        content = b"content %d" % self.count
        self.world.laptops[number].put(name, content, mtime=mtime)
        self.written.add(content)
        self._has_changed(number)

    @rule(number=LAPTOPS, name=PATHS)
    def remove(self, number: int, name: str) -> None:
        """Delete a file, or a folder with everything in it."""
        path = self._path(number, name)
        if not os.path.lexists(path):
            return
        self._forget_beneath(number, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
        self._has_changed(number)

    @rule(number=LAPTOPS, old=PATHS, new=PATHS)
    def rename(self, number: int, old: str, new: str) -> None:
        """Rename a file or folder, where nothing has the new name."""
        source, target = self._path(number, old), self._path(number, new)
        if not os.path.exists(source) or os.path.exists(target) or f"{new}/".startswith(f"{old}/"):
            return
        if not os.path.isdir(os.path.dirname(target)):
            return
        os.rename(source, target)
        self._has_changed(number)

    @rule(number=LAPTOPS, name=PATHS)
    def make_folder(self, number: int, name: str) -> None:
        """Make an empty folder."""
        path = self._path(number, name)
        if not os.path.exists(path) and os.path.isdir(os.path.dirname(path)):
            os.mkdir(path)
            self._has_changed(number)

    @rule(number=LAPTOPS, name=PATHS, mode=st.sampled_from([0o600, 0o640, 0o644]))
    def change_mode(self, number: int, name: str, mode: int) -> None:
        """Change the mode of a file."""
        if os.path.isfile(self._path(number, name)):
            os.chmod(self._path(number, name), mode)

    def _sync(self, number: int, scope: Scope = WHOLE, **ends: int) -> bool:
        """Sync a laptop, and check; whether there was anything to do."""
        laptop = self.world.laptops[number]
        options = attrs.evolve(self.options, machine=laptop.name)
        request = SyncRequest(laptop.path, "Docs", options=options, max_delete=1000, scope=scope)
        observer = TransferObserver()
        self._notice()
        try:
            plan = self.world.sync(laptop, self.run, request, observer, **ends).plan
        except (ConnectionFailed, Crash):
            assert ends
            self.is_pure = False
            self.check_contents()
            return True
        failed = {outcome.value: count for outcome, count in observer.counts.items() if not outcome.done}
        assert not failed, failed
        self.check_contents()
        self.events[number].clear()
        if scope.is_whole:
            self.blind.discard(number)
        elif number in self.blind:
            return bool(plan.actions)
        request = attrs.evolve(request, scope=WHOLE)
        assert laptop.contents() == self.world.there(), (laptop.contents(), self.world.there())
        if plan.actions:
            again = self.world.sync(laptop, self.run, attrs.evolve(request, dry_run=True), TransferObserver()).plan
            assert changes_nothing(again), again.actions
        return bool(plan.actions)

    def check_contents(self) -> None:
        """No content is lost."""
        lost = self.written - self.world.live()
        assert not lost, lost

    @rule(number=LAPTOPS)
    def sync(self, number: int) -> None:
        """Sync a laptop."""
        self._sync(number)

    def _scope(self, number: int, missed: Collection[str]) -> Scope:
        """What the events of a laptop name; it misses those of some names."""
        self._notice()
        if not self.events[number].isdisjoint(missed):
            self.blind.add(number)
            self.events[number].difference_update(missed)
        return Scope.of(self.events[number])

    @rule(number=LAPTOPS, missed=MISSED)
    def follow(self, number: int, missed: Collection[str]) -> None:
        """Sync what the events of a laptop name."""
        self._follow(number, missed)

    def _follow(self, number: int, missed: Collection[str] = ()) -> bool:
        """Sync what the events of a laptop name; whether there were any."""
        scope = self._scope(number, missed)
        if scope:
            self._sync(number, scope)
        return bool(scope)

    @rule()
    def keep_in_step(self) -> None:
        """Sync what events name, on all laptops, until there are none. Then those agree that have missed none."""
        for _ in range(2 * MOST_ROUNDS):
            followed = [self._follow(number) for number in range(len(self.events))]
            if not any(followed):
                break
        else:
            raise AssertionError("there are always more events")
        if not self.blind:
            trees = [laptop.contents() for laptop in self.world.laptops]
            assert trees[0] == trees[1] == self.world.there(), trees

    @rule(number=LAPTOPS, missed=MISSED, size=st.integers(0, 4000))
    def cut_following(self, number: int, missed: Collection[str], size: int) -> None:
        """Sync what the events of a laptop name, over a connection that ends at any request."""
        if scope := self._scope(number, missed):
            self._sync(number, scope, cut_after=size)

    @rule(number=LAPTOPS, size=st.integers(0, 4000))
    def cut(self, number: int, size: int) -> None:
        """Sync a laptop, over a connection that ends at any request."""
        self._sync(number, cut_after=size)

    @rule(number=LAPTOPS, jobs=st.integers(0, 40))
    def crash(self, number: int, jobs: int) -> None:
        """Sync a laptop, in a process that ends before any job."""
        self._sync(number, jobs=jobs)

    @rule()
    def agree(self) -> None:
        """Sync all laptops until nothing is left to do."""
        for _ in range(MOST_ROUNDS):
            plans = [self._sync(number) for number in range(len(self.world.laptops))]
            if not any(plans):
                break
        else:
            raise AssertionError("there is always something left to do")
        trees = [laptop.contents() for laptop in self.world.laptops]
        assert trees[0] == trees[1] == self.world.there(), trees
        if self.is_pure and len(self.changed) == 1:
            (expected,) = self.changed.values()
            assert trees[0] == expected, (trees[0], expected)
        self.changed = {}
        self.is_pure = True
