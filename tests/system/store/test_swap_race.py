"""B2, B3, B11: a directory is exchanged with a link to the outside while it is used, as fast as the kernel can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from itertools import product
from threading import Event, Thread
from time import monotonic
from typing import Callable, Iterable, Mapping

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import Retention
from homeftp.errors import Refusal, WrongKind
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import StoreOptions
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support import needs
from tests.support.needs import LONG
from tests.support.processes import WITHIN, environment
from tests.support.racing import (
    MARK,
    OPERATIONS,
    POSITIONS,
    READING,
    WRITING,
    Kernel,
    Naive,
    Operation,
    PartByPart,
    Position,
    create_by_path,
    lay,
    read_by_path,
)
from tests.support.stores import snapshot

SECONDS = 60.0
"""At most; where there is time for all of it, as long as that."""

OFTEN = 10
"""How often each operation must meet each state at each position."""

FEW_VERSIONS = Retention(percent=None, size=64 * 4096)
"""Excluded: listing the many versions of a file that is replaced all the time takes too long."""

SWITCH_SECONDS = 1e-5
"""Seconds after which a thread yields: those that call the kernel often would rarely get a turn."""

ROOT = {"root": POSITIONS["root"]}

BENEATH = {handle: position for handle, position in POSITIONS.items() if handle not in ROOT}

UNMOVED = {
    *((operation, "leaf") for operation in ("list_tree", "make_directory", "remove", "move")),
    *(("list_versions", handle) for handle in POSITIONS),
}
"""Operations that do not notice a link in a directory that they use."""


class Race:
    """One thread for each operation, all against one swapper."""

    def __init__(
        self, store: LocalStore, operations: Mapping[str, Operation], positions: Mapping[str, Position]
    ) -> None:
        self._store = store
        self._verbs = operations
        self._positions = positions
        self._over = Event()
        self.count: Counter[tuple[str, str, str]] = Counter()
        """The number of attempts by operation, position and outcome."""
        self.escaped: set[tuple[str, str]] = set()
        """The operations and positions that saw the outside."""
        self.broken: list[BaseException] = []
        """Exceptions that are no refusals."""

    def run(self, enough: Callable[[], bool]) -> None:
        """Run until it is enough, or time is up."""
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            self._run(enough)
        finally:
            sys.setswitchinterval(interval)

    def _run(self, enough: Callable[[], bool]) -> None:
        threads = [Thread(target=self._hammer, args=(name, operation)) for name, operation in self._verbs.items()]
        for thread in threads:
            thread.start()
        end = monotonic() + SECONDS
        while monotonic() < end and not enough() and not self.broken:
            threads[0].join(0.05)
        self._over.set()
        for thread in threads:
            thread.join()

    def _hammer(self, name: str, operation: Operation) -> None:
        while not self._over.is_set():
            for handle, position in self._positions.items():
                try:
                    became = self._attempt(operation, position)
                except Exception as error:  # noqa: BLE001 - any other is what this looks for
                    self.broken.append(error)
                    return
                self.count[name, handle, became] += 1
                if became == "escaped":
                    self.escaped.add((name, handle))

    def _attempt(self, operation: Operation, position: Position) -> str:
        try:
            seen = repr(list(operation(self._store, position)))
        except WrongKind:
            return "a link"
        except Refusal:
            return "refused"
        return "escaped" if MARK in seen else "inside"


def _seldom(
    counts: Counter[tuple[str, str, str]], operations: Iterable[str], positions: Mapping[str, Position]
) -> list[tuple[str, str, str]]:
    """The states that were not met often."""
    wanted = [(operation, handle, "inside") for operation, handle in product(operations, positions)]
    wanted += [
        (operation, handle, "a link")
        for operation, (handle, position) in product(operations, positions.items())
        if position.seen and (operation, handle) not in UNMOVED
    ]
    return [state for state in wanted if counts[state] <= OFTEN]


def _often_enough(operations: Iterable[str], positions: Mapping[str, Position]) -> Callable[[Race], bool]:
    return lambda race: not LONG and not _seldom(race.count, operations, positions)


class SwapCase(SynchronousTestCase):
    """A root, a folder outside, and a swapper that exchanges directories of the root with links to the outside."""

    def setUp(self) -> None:
        """Make the folders."""
        memory = "/dev/shm"  # there are many more attempts than on a disk
        self.base = tempfile.mkdtemp(dir=memory) if os.access(memory, os.W_OK) else os.path.abspath(self.mktemp())
        self.addCleanup(shutil.rmtree, self.base)
        self.cache = HashCache(os.path.join(self.base, "index.sqlite"))
        self.addCleanup(self.cache.close)
        self.swaps = 0
        self.lay()

    def lay(self) -> None:
        """Create both again: a write between two exchanges may leave the link in place of the file."""
        base = tempfile.mkdtemp(dir=self.base)
        self.root, self.outside = os.path.join(base, "root"), os.path.join(base, "outside")
        lay(self.root, self.outside)
        self.before = snapshot(self.outside)

    def race(
        self,
        system: System,
        operations: Mapping[str, Operation],
        positions: Mapping[str, Position] = POSITIONS,
        enough: Callable[[Race], bool] = lambda _: False,
    ) -> Race:
        """Run the race; when this returns the swapper has ended and everything is in its place."""
        store = LocalStore(self.root, self.cache, StoreOptions(retention=FEW_VERSIONS), system=system)
        race = Race(store, operations, positions)
        names = [position.swapped for position in positions.values()]
        spare = tempfile.mkdtemp(dir=self.base)
        command = [sys.executable, "-m", "tests.support.swapper", self.root, spare, self.outside, *names]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as swapper:
            assert swapper.stdout is not None
            try:
                self.assertEqual(swapper.stdout.readline(), "swapping\n")
                race.run(lambda: enough(race))
            finally:
                swapper.terminate()
                said = swapper.stdout.read()
                swapper.wait(WITHIN)
                store.close()
        self.assertEqual((swapper.returncode, race.broken), (0, []))
        self.swaps += int(said)
        return race


class RaceTests(SwapCase):
    """No operation sees or changes the outside, and every operation met both states."""

    def check(self, system: System) -> None:
        """All operations, some at the same time."""
        counts = self.race_all(system, BENEATH)
        hidden = [handle for handle, position in BENEATH.items() if not position.seen]
        for operation, handle in product(OPERATIONS, hidden):
            self.assertEqual(
                (counts[operation, handle, "a link"], counts[operation, handle, "refused"]), (0, 0), (operation, handle)
            )

    def race_all(self, system: System, positions: Mapping[str, Position]) -> Counter[tuple[str, str, str]]:
        """Run all operations at these positions, each often; gives what they met."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for operations in [{name: operation} for name, operation in OPERATIONS.items()] if LONG else [READING, WRITING]:
            self.lay()
            race = self.race(system, operations, positions, _often_enough(operations, positions))
            self.assertEqual(race.escaped, set())
            self.check_places()
            counts += race.count
        self.assertGreater(self.swaps, 1000)
        self.assertEqual(_seldom(counts, OPERATIONS, positions), [])
        return counts

    def check_places(self) -> None:
        """Nothing outside was changed, and nothing is left behind inside."""
        self.assertEqual(snapshot(self.outside), self.before)
        self.assertEqual(os.listdir(os.path.join(self.root, ".homeftp", "incoming")), [])
        shutil.rmtree(os.path.join(self.root, ".homeftp", "versions"))  # where such names are at home
        left = [name for _, folders, names in os.walk(self.root) for name in (*folders, *names) if ".homeftp-" in name]
        self.assertEqual(left, [])

    def test_kernel(self) -> None:
        """Paths are resolved by the kernel, with openat2."""
        needs.require("a kernel with openat2", lambda: System().has_openat2)
        self.check(Kernel())

    def test_walk(self) -> None:
        """Paths are resolved part by part."""
        self.check(PartByPart())

    def test_root(self) -> None:
        """While the root's own path leads elsewhere, as where its disk is not mounted, operations may be refused."""
        for system in (Kernel(), PartByPart()):
            counts = self.race_all(system, ROOT)
            self.assertEqual([state for state in counts if state[2] == "a link"], [])


class ControlTests(SwapCase):
    """Wrong operations that check a path and then use it escape in the same race."""

    def harmed(self, _: Race | None = None) -> bool:
        """Whether something was made outside."""
        return bool(self.made())

    def made(self) -> list[str]:
        """What was made outside."""
        return [
            os.path.join(above, name)
            for above, folders, names in os.walk(self.outside)
            for name in (*folders, *names)
            if name in ("new", "made")
        ]

    def test_naive(self) -> None:
        """Checking a directory's path before its use lets files be read, listed and written outside."""
        for handle in ("root's child", "parent", "root"):
            position = {handle: POSITIONS[handle]}
            reading = {operation: OPERATIONS[operation] for operation in ("read", "list_tree")}
            race = self.race(Naive(self.root), reading, position, lambda race: len(race.escaped) == 2)
            self.assertEqual(race.escaped, {("read", handle), ("list_tree", handle)})
        self.assertEqual(snapshot(self.outside), self.before)
        # The store looks again before it gives a name, which hides most of it; here the first look is what counts.
        self.patch(Namespace, "check_directory", lambda *_: None)
        for handle in ("root's child", "parent", "root"):
            self.race(
                Naive(self.root), {"write_many": OPERATIONS["write_many"]}, {handle: POSITIONS[handle]}, self.harmed
            )
            self.assertTrue(self.harmed(), handle)
            for path in self.made():
                os.unlink(path)

    def test_leaf(self) -> None:
        """Checking a file's path before its use lets another file be read."""
        positions = {"leaf": POSITIONS["leaf"]}
        race = self.race(Kernel(), {"read": read_by_path(self.root)}, positions, lambda race: bool(race.escaped))
        self.assertEqual(race.escaped, {("read", "leaf")})

    def test_temporaries(self) -> None:
        """Checking the path of the metadata directory before its use lets a temp file be created outside."""
        positions = {"temporaries": POSITIONS["temporaries"]}
        self.race(Kernel(), {"create": create_by_path(self.root)}, positions, self.harmed)
        self.assertTrue(self.harmed())
