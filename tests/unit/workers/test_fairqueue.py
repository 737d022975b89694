"""Which job runs next."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.workers.fairqueue import FairQueue, Lane

SHORT, SLICE, HASH = Lane.SHORT, Lane.SLICE, Lane.HASH


class FairQueueTests(SynchronousTestCase):
    """Four threads, of which one may hash."""

    def setUp(self) -> None:
        self.queue: FairQueue[str] = FairQueue(threads=4, hashing=1)

    def put(self, name: str | None, lane: Lane, count: int) -> None:
        """Add jobs that are named after their queue and their number."""
        for number in range(count):
            self.queue.put(name, lane, f"{name}{number}")

    def taken(self) -> list[tuple[str | None, Lane]]:
        """Take what may run now."""
        found = []
        while (taken := self.queue.take()) is not None:
            found.append(taken[:2])
        return found

    def test_in_turn(self) -> None:
        """Queues are served in turn, each in the order of its jobs: one job does not wait for a hundred of another."""
        queue: FairQueue[str] = FairQueue(threads=1, hashing=1)
        for number in range(3):
            queue.put("a", SHORT, f"a{number}")
        for name in ("b0", "b1"):
            queue.put("b", SHORT, name)
        order = []
        while (taken := queue.take()) is not None:
            order.append(taken[2])
            self.assertIsNone(queue.take(), "its only thread is busy")
            queue.done(*taken[:2])
        self.assertEqual(order, ["a0", "b0", "a1", "b1", "a2"])
        self.assertTrue(queue.idle())

    def test_never_all_threads(self) -> None:
        """Long work of many accounts leaves a thread to short jobs, and no account has more than one slice running."""
        for name in "abcdef":
            self.put(name, SLICE, 3)
        self.assertEqual(self.taken(), [("a", SLICE), ("b", SLICE), ("c", SLICE)])
        self.put("z", SHORT, 1)
        self.assertEqual(self.taken(), [("z", SHORT)])
        self.queue.done("b", SLICE)
        self.assertEqual(self.taken(), [("d", SLICE)])
        self.queue.done("a", SLICE)
        self.assertEqual(self.taken(), [("e", SLICE)])

    def test_has_long(self) -> None:
        """A slice or a hashing counts as long work of its own queue until it is done; other jobs do not."""
        for lane in Lane:
            is_long = lane in (SLICE, HASH)
            self.put("a", lane, 1)
            self.assertEqual((self.queue.has_long("a"), self.queue.has_long("b")), (is_long, False))
            self.assertEqual(self.taken(), [("a", lane)])
            self.assertEqual(self.queue.has_long("a"), is_long)
            self.queue.done("a", lane)
            self.assertFalse(self.queue.has_long("a"))

    def test_one_account(self) -> None:
        """One account never has all threads, whatever it asks for: half of them for short jobs, one slice, one hash."""
        for lane in Lane:
            self.put("a", lane, 9)
        mine = self.taken()
        self.assertEqual(len(mine), 3)
        self.assertLessEqual(mine.count(("a", SHORT)), 2)
        self.put("b", SHORT, 1)
        self.assertEqual(self.taken(), [("b", SHORT)])

    def test_half_for_short_jobs(self) -> None:
        """An account's short jobs run in half of the threads."""
        self.put("a", SHORT, 9)
        self.assertEqual(self.taken(), [("a", SHORT)] * 2)

    def test_background(self) -> None:
        """Work that nobody waits for begins only while nothing else runs or waits, one job at a time."""
        self.put(None, Lane.BACKGROUND, 2)
        self.put("a", SHORT, 3)
        self.assertEqual(self.taken(), [("a", SHORT)] * 2)
        self.queue.done("a", SHORT)
        self.queue.done("a", SHORT)
        self.assertEqual(self.taken(), [("a", SHORT)], "the third one waited")
        self.queue.done("a", SHORT)
        self.assertEqual(self.taken(), [(None, Lane.BACKGROUND)])
        self.put("a", HASH, 1)
        self.assertEqual(self.taken(), [("a", HASH)], "others do not wait for it")
        self.queue.done(None, Lane.BACKGROUND)
        self.assertEqual(self.taken(), [])
        self.queue.done("a", HASH)
        self.assertEqual(self.taken(), [(None, Lane.BACKGROUND)])

    def test_hashing(self) -> None:
        """Only so many threads hash as were given; other long work runs beside them."""
        self.put("a", HASH, 2)
        self.put("b", HASH, 2)
        self.assertEqual(self.taken(), [("a", HASH)])
        self.put("b", SLICE, 1)
        self.assertEqual(self.taken(), [("b", SLICE)])
        self.queue.done("a", HASH)
        self.assertEqual(self.taken(), [("b", HASH)])

    def test_lanes_in_turn(self) -> None:
        """An account's own short jobs do not keep its slices from running."""
        queue: FairQueue[str] = FairQueue(threads=1, hashing=1)
        for number in range(3):
            queue.put("a", SHORT, f"short{number}")
            queue.put("a", SLICE, f"slice{number}")
        order = []
        while (taken := queue.take()) is not None:
            order.append(taken[1])
            queue.done(*taken[:2])
        self.assertEqual(order, [SHORT, SLICE] * 3)

    def test_program(self) -> None:
        """The program's own queue may use all threads for short jobs; a thread is left by its long work too."""
        self.put(None, SHORT, 9)
        self.assertEqual(self.taken(), [(None, SHORT)] * 4)
        other: FairQueue[str] = FairQueue(threads=4, hashing=1)
        for _ in range(9):
            other.put(None, SLICE, "")
        running = 0
        while other.take() is not None:
            running += 1
        self.assertEqual(running, 3)

    def test_must_wait(self) -> None:
        """Nothing of a queue that must wait begins, whatever its lane; it begins when the queue need not wait."""
        waits = {"a"}
        self.queue = FairQueue(threads=4, hashing=1, must_wait=waits.__contains__)
        for lane in Lane:
            self.put("a", lane, 1)
        self.put("b", SHORT, 1)
        self.assertEqual(self.taken(), [("b", SHORT)])
        self.assertTrue(self.queue.left_waiting())
        waits.clear()
        begun = self.taken()
        self.assertFalse(self.queue.left_waiting())
        self.assertCountEqual(begun, [("a", lane) for lane in (SHORT, SLICE, HASH)])
        for name, lane in [("b", SHORT), *begun]:
            self.queue.done(name, lane)
        self.assertEqual(self.taken(), [("a", Lane.BACKGROUND)], "that one waits for all others")

    def test_must_rest(self) -> None:
        """No long job of a queue that must rest begins; its short jobs do, and the server's own work."""
        rests = {"a"}
        self.queue = FairQueue(threads=8, hashing=1, must_rest=rests.__contains__)
        for lane in (SHORT, SLICE, HASH):
            self.put("a", lane, 1)
        self.put("b", SLICE, 1)
        self.put(None, SLICE, 1)
        self.assertCountEqual(self.taken(), [("a", SHORT), ("b", SLICE), (None, SLICE)])
        self.assertTrue(self.queue.left_waiting())
        rests.clear()
        self.assertCountEqual(self.taken(), [("a", SLICE), ("a", HASH)])
        self.assertFalse(self.queue.left_waiting())

    def test_held(self) -> None:
        """A queue that could not begin anything is not held: it waits for a thread, and not for others."""
        self.queue = FairQueue(threads=1, hashing=1, must_wait=lambda name: name == "a")
        self.put("b", SHORT, 1)
        self.taken()
        self.put("a", SHORT, 1)
        self.assertEqual((self.taken(), self.queue.left_waiting()), ([], False))
        self.queue.done("b", SHORT)
        self.assertEqual((self.taken(), self.queue.left_waiting()), ([], True))

    def test_held_until_now(self) -> None:
        """A queue that had to wait when jobs were taken is held, also if it need not any more: nobody else looks."""
        waits = iter([True])
        self.queue = FairQueue(threads=4, hashing=1, must_wait=lambda name: next(waits, False))
        self.put("a", SLICE, 1)
        self.assertEqual((self.taken(), self.queue.left_waiting()), ([], True))
        self.assertEqual((self.taken(), self.queue.left_waiting()), ([("a", SLICE)], False))

    def test_waiting(self) -> None:
        """How many wait is counted for each queue; a queue that is done with is forgotten."""
        self.assertTrue(self.queue.idle())
        self.put("a", SHORT, 5)
        self.assertEqual((self.queue.waiting("a"), self.queue.waiting("b")), (5, 0))
        self.taken()
        self.assertEqual(self.queue.waiting("a"), 3)
        self.assertFalse(self.queue.idle())
