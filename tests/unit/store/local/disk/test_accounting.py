"""Quota accounting: what arrived counts for all, what was declared within bounds; homes count with their versions."""

from __future__ import annotations

import threading

from homeftp.config import MIB
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import Busy
from homeftp.model import Actor, Allotment
from homeftp.store.local.disk.accounting import Allocation, QuotaAccounting
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.syscalls import System
from tests.support.storecases import SpaceCase

BLOCK = 4096
QUOTA = 100 * BLOCK


def account(name: str, home: str = "", quota: int | None = QUOTA) -> Actor:
    """An account with a home."""
    return Actor(name, allotment=Allotment(parse(home), quota, may_discard=True, sees_all=False))


class BooksCase(SpaceCase):
    """The usage of a root."""

    def setUp(self) -> None:
        """Open them."""
        super().setUp()
        self.safe_root = SafeRoot(self.root, System())
        self.addCleanup(self.safe_root.close)
        self.accounting = QuotaAccounting(self.safe_root, QUOTA)
        self.accounting.whole.count()

    def begun(self, actor: Actor, path: str = "a", *, declared: int = 0, arrived: int = 0) -> Allocation:
        """An upload that has begun."""
        allocation = Allocation(actor, parse(path), device=1, declared=declared * BLOCK)
        self.accounting.reserve(allocation)
        self.assertIsNone(self.accounting.count_arrived(allocation, arrived * BLOCK, []))
        return allocation

    def blocks(self, usage: QuotaUsage | None) -> int:
        """The blocks that a quota leaves."""
        assert usage is not None
        return (usage.left() or 0) // BLOCK


class AllocationTests(BooksCase):
    """Files on their way."""

    def test_arrived(self) -> None:
        """What arrived is reserved, and then used or given back; what was declared is not."""
        for committed in (False, True):
            allocation = self.begun(account("ann"), declared=50, arrived=10)
            self.assertEqual(self.blocks(self.accounting.whole), 90)
            self.accounting.give_back(allocation, 4 * BLOCK)
            self.assertEqual((self.blocks(self.accounting.whole), allocation.outstanding), (96, 0))
            self.accounting.release(allocation, committed=committed)
            self.accounting.release(allocation, committed=committed)
            self.assertEqual(self.blocks(self.accounting.whole), 96 if committed else 100)

    def test_held_back(self) -> None:
        """Of what others declared a bounded part is held back, of one's own all of it, and of later ones nothing."""
        ann, bob = account("ann"), account("bob")
        self.begun(bob, declared=50, arrived=10)
        self.begun(bob, declared=3)
        self.begun(ann, "other", declared=20)
        allocation = self.begun(ann, declared=9)
        self.begun(bob, declared=70)
        for most, held_back in ((5, 25), (0, 20), (1000, 63)):
            self.assertEqual(self.accounting.held_back(allocation, most * BLOCK), held_back * BLOCK)
        self.assertEqual(self.accounting.held_back(allocation, MIB, home=parse("other")), 20 * BLOCK)
        self.assertEqual(self.accounting.held_back(allocation, MIB, device=2), 0)

    def test_held_back_as_it_arrives(self) -> None:
        """What has arrived, or is not expected any more, is not held back; what is expected again is, in its turn."""
        before = self.begun(account("ann"))
        first = self.begun(account("ann"), declared=5)
        after = self.begun(account("ann"))
        for step, held_back in (
            (lambda: None, 5),
            (lambda: self.assertIsNone(self.accounting.count_arrived(first, 2 * BLOCK, [])), 3),
            (lambda: self.assertIsNone(self.accounting.count_arrived(first, 3 * BLOCK, [])), 0),
            (lambda: self.accounting.give_back(first, 4 * BLOCK, expected=6 * BLOCK), 2),
            (lambda: self.accounting.release(first, committed=False), 0),
            (lambda: self.accounting.give_back(first, 0, expected=6 * BLOCK), 0),
        ):
            step()
            self.assertEqual(self.accounting.held_back(after, MIB), held_back * BLOCK)
            self.assertEqual(self.accounting.held_back(before, MIB), 0)

    def test_continued(self) -> None:
        """An upload that is continued begins after all others, and what it has counts once."""
        first = self.begun(account("ann"), declared=50, arrived=10)
        second = self.begun(account("bob"), declared=50)
        self.assertEqual(self.accounting.held_back(second, MIB), 40 * BLOCK)
        self.accounting.reserve(first)
        self.assertEqual(self.accounting.held_back(second, MIB), 0)
        self.assertEqual(self.blocks(self.accounting.whole), 90)

    def test_taken_together(self) -> None:
        """Of many threads that take the rest of a quota, so many succeed as it has space for."""
        taken = []

        def take(number: int) -> None:
            allocation = self.begun(account("ann"), f"{number}")
            if self.accounting.count_arrived(allocation, 3 * BLOCK, [(self.accounting.whole, 0)]) is None:
                taken.append(number)

        threads = [threading.Thread(target=take, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(taken), self.blocks(self.accounting.whole)), (33, 1))


class HomeTests(BooksCase):
    """Homes with a quota."""

    def test_counted(self) -> None:
        """A home's files, directories and versions count, on a disk that is mounted above or in it too, and no others.

        In the home are three directories, two files and two versions.
        """
        for path in (
            "ann/a",
            "ann/d/b",
            "bob/c",
            "annex/d",
            ".homeftp/versions/2026-11-26/ann/d/.homeftp-00.00.00.000000-v",
            ".homeftp/versions/2026-11-26/bob/.homeftp-00.00.00.000000-v",
            "ann/disk/.homeftp/versions/2026-11-26/.homeftp-00.00.00.000000-v",
        ):
            self.lay(path)
        self.assertEqual(self.blocks(self.accounting.home(account("ann", "ann"))), 93)
        self.assertEqual(self.blocks(self.accounting.home(account("bob", "bob"))), 98)
        self.assertIsNone(self.accounting.home(account("ann", "ann", None)))
        self.assertIsNone(self.accounting.home(Actor("ann")))

    def test_under_way(self) -> None:
        """What is arriving when a home is counted for the first time counts, and what comes later."""
        allocation = self.begun(account("bob"), "ann/a", arrived=10)
        home = self.accounting.home(account("ann", "ann"))
        self.assertEqual(self.blocks(home), 90)
        self.begun(account("bob"), "annex/b", arrived=10)
        self.assertIsNone(self.accounting.count_arrived(allocation, BLOCK, []))
        self.assertEqual(self.blocks(home), 89)
        self.accounting.release(allocation, committed=True)
        self.assertEqual(self.blocks(home), 89)

    def test_moved(self) -> None:
        """What is moved between homes counts where it is; a directory of unknown size is counted again."""
        self.lay("ann/d/a", bytes(4 * BLOCK))
        self.lay("ann/b", bytes(BLOCK))
        ann, bob = account("ann", "ann"), account("bob", "bob")

        def both() -> tuple[int, int]:
            return self.blocks(self.accounting.home(ann)), self.blocks(self.accounting.home(bob))

        self.assertEqual(both(), (94, 100))
        self.accounting.moved(parse("ann/b"), parse("bob/b"), BLOCK, self.accounting.mark())
        self.assertEqual(both(), (95, 99))
        self.accounting.moved(parse("ann/d"), parse("ann/e"), None, self.accounting.mark())
        self.assertEqual(both(), (95, 99))
        self.accounting.moved(parse("ann/d"), parse("bob/d"), None, self.accounting.mark())
        self.assertEqual(both(), (94, 100), "as they are on the disk")

    def test_removed(self) -> None:
        """What is removed is subtracted where it was, unless it was counted since."""
        self.lay("ann/a", bytes(4 * BLOCK))
        before = self.accounting.mark()
        home = self.accounting.home(account("ann", "ann"))
        self.accounting.removed(parse("ann/a"), BLOCK, before)
        self.assertEqual(self.blocks(home), 96)
        self.accounting.removed(parse("bob/a"), BLOCK, self.accounting.mark())
        self.assertEqual(self.blocks(home), 96)
        self.accounting.removed(parse("ann/a"), BLOCK, self.accounting.mark())
        self.assertEqual(self.blocks(home), 97)
        self.accounting.kept(parse("ann/a"), BLOCK, self.accounting.mark())
        self.assertEqual(self.blocks(home), 97)

    def test_busy(self) -> None:
        """While one thread counts a home, others are told to try later, so that they do not all wait for it."""
        accounting = self.accounting
        refused: list[str] = []

        class Slow(QuotaUsage):
            def scan(self) -> int:
                if not refused:
                    with_another = threading.Thread(target=ask)
                    with_another.start()
                    with_another.join()
                return super().scan()

        def ask() -> None:
            try:
                accounting.home(account("ann", "ann"))
            except Busy as error:
                refused.append(error.message)

        key: tuple[Endpoint, int] = (parse("ann"), QUOTA)
        accounting._homes[key] = Slow(self.safe_root, QUOTA, (b"ann",))
        self.assertEqual(self.blocks(accounting.home(account("ann", "ann"))), 100)
        self.assertIn("still counting", refused[0])

    def test_root(self) -> None:
        """The whole store counts everything once."""
        self.lay("ann/a")
        self.lay(".homeftp/versions/2026-11-26/ann/.homeftp-00.00.00.000000-v")
        self.accounting.refresh()
        self.accounting.whole.count()
        self.assertEqual(self.blocks(self.accounting.whole), 96, "two files, and a directory for each")
        self.assertEqual(self.blocks(self.accounting.home(account("all", str(ROOT)))), 96)

    def test_directories(self) -> None:
        """A directory counts in the homes that it is in, for the block that it takes; a home is not in itself."""
        home = self.accounting.home(account("ann", "ann"))
        for path, left in (("ann", 100), ("ann/d", 99), ("bob/d", 99)):
            allocation = Allocation(account("ann"), parse(path), in_parent=True)
            self.accounting.reserve(allocation)
            self.assertIsNone(self.accounting.count_arrived(allocation, BLOCK, []))
            self.assertEqual(self.blocks(home), left)
            self.accounting.release(allocation, committed=True)
            self.assertEqual(self.blocks(home), left)
        self.accounting.directory_made(parse("ann/d"))
        self.assertEqual(self.blocks(home), 98)
        self.accounting.directory_removed(parse("ann/d"), self.accounting.mark())
        self.accounting.directory_removed(parse(""), self.accounting.mark())
        self.assertEqual((self.blocks(home), self.blocks(self.accounting.whole)), (99, 98))
