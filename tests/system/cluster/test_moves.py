"""Directories are moved while several servers push files into them: no path is lost, and none leads into itself."""

from __future__ import annotations

import random
import threading
from typing import Any, Callable

import attrs

from homeftp.endpoint import parse
from homeftp.errors import Refusal
from homeftp.model import Change
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import usage
from homeftp.store.cluster.writes import directories
from homeftp.testing.contract.case import request
from homeftp.testing.contract.recording import replayed
from tests.support import clusterchecks
from tests.support.clustercase import ClusterCase
from tests.support.needs import LONG

ACTS = 2000 if LONG else 80

FOLDERS = ("a", "b", "a/b", "b/a", "a/b/c", "c")


class MoveTests(ClusterCase):
    """Three servers."""

    def together(self, *acts: Callable[[], object]) -> None:
        """Run all at the same time, to their ends."""
        threads = [threading.Thread(target=act) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)

    def change(self, store: ClusterStore, seed: int) -> None:
        """Push, move and remove at random."""
        chance = random.Random(seed)
        for number in range(ACTS):
            try:
                self.change_once(store, chance, f"{seed}-{number}.txt")
            except Refusal:  # noqa: PERF203 (they get in each other's way)
                continue

    def change_once(self, store: ClusterStore, chance: random.Random, name: str) -> None:
        """One of them."""
        kind = chance.random()
        if kind < 0.5:
            path = f"{chance.choice(FOLDERS)}/{name}"
            store.write_many([(request(path, size=1), b"x"), (request(f"{path}.too", size=1), b"x")])
        elif kind < 0.85:
            store.move(parse(chance.choice(FOLDERS)), parse(chance.choice(FOLDERS)), None, None)
        else:
            list(store.remove(parse(chance.choice(FOLDERS)), None, True))

    def test_moves_and_pushes(self) -> None:
        """Whatever three servers do at once, each node has a path, and each content one owner and all of its bytes."""
        stores = [ClusterStore(self.server()) for _ in range(3)]
        self.together(*(lambda store=store, seed=seed: self.change(store, seed) for seed, store in enumerate(stores)))
        self.store.maintain()
        self.assert_sound()
        self.assertGreater(len(self.names()) + len(self.kept()), ACTS // 4)

    def test_replay(self) -> None:
        """Where changes are recorded in the database, replaying the records of all servers gives the tree."""
        recorded: list[tuple[int, list[Change]]] = []
        lock = threading.Lock()

        def journal(transaction: Any, changes: list[Change]) -> None:
            (number,) = transaction.row("SELECT nextval('number')")
            (xid,) = transaction.row("SELECT pg_current_xact_id()::text")
            with lock:
                recorded.append((number, [*changes, xid]))

        stores = [ClusterStore(self.journaled(journal)) for _ in range(3)]
        self.together(*(lambda store=store, seed=seed: self.change(store, seed) for seed, store in enumerate(stores)))
        done = []
        for _, (*changes, xid) in sorted(recorded, key=lambda each: each[0]):
            (status,) = self.context.database.row("SELECT pg_xact_status(%s::text::xid8)", (xid,))
            done += changes if status == "committed" else []
        there = {
            entry.name: entry.size if entry.kind == "file" else None
            for page in self.store.list(parse(""), True)
            for entry in page.entries
        }
        self.assertEqual(replayed(done, at_once=True), there)
        self.assertGreater(len(done), ACTS)

    def journaled(self, journal: Any) -> Any:
        """What a server has open whose audit log is in the database."""
        return attrs.evolve(self.server(), journal=journal)

    def test_without_the_lock(self) -> None:
        """The control: two moves that do not exclude each other put each directory into the other one."""
        for name in ("a", "b"):
            self.store.make_directory(request(name))
        barrier = threading.Barrier(2)

        def unlocked(transaction: Any, share: int, *, alone: bool) -> None:
            pass

        def check_reach(*arguments: object) -> None:
            barrier.wait(30)  # both have looked, and none has changed anything

        self.patch(usage, "lock_share", unlocked)
        self.patch(directories, "check_reach", check_reach)
        other = ClusterStore(self.server())
        self.together(
            lambda: self.store.move(parse("a"), parse("b/a"), None, None),
            lambda: other.move(parse("b"), parse("a/b"), None, None),
        )
        self.assertIn("2 nodes that no path leads to", clusterchecks.faults(self.context.database))
