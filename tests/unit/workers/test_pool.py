"""The pool of threads, and the queues of accounts in front of it. More of it with several threads: test_pool_busy."""

from __future__ import annotations

import threading
from typing import Any, Callable

from twisted.internet.defer import CancelledError, Deferred
from zope.interface.verify import verifyObject

from homeftp.errors import Busy
from homeftp.interfaces import IWorkers
from homeftp.workers import ThreadWorkers
from homeftp.workers.deadline import OPERATION_SECONDS, current
from homeftp.workers.debts import FORGIVEN, LONG_SHARE, MOST_LONG, MOST_OWED
from homeftp.workers.fairloop import RECHECK_SECONDS
from tests.support.poolcase import PoolTestCase
from tests.support.waiting import WITHIN


class ThreadWorkersTests(PoolTestCase):
    """One thread."""

    def setUp(self) -> None:
        self.workers = self.make(1)

    def test_deadline(self) -> None:
        """A job has a deadline from its beginning on, which all share that wait in it; nobody waits for background."""
        found: list[float | None] = []

        def look() -> None:
            self.now += 1.0
            deadline = current()
            found.append(None if deadline is None else deadline.left())

        for run in (self.workers.run, self.workers.run_slice, self.workers.of("ann").run_hash):
            self.successResultOf(self.done(run(look)))
        self.successResultOf(self.done(self.workers.run_background(look)))
        self.assertEqual(found, [*[OPERATION_SECONDS - 1.0] * 3, None])

    def done(self, answer: Deferred[None]) -> Deferred[None]:
        """The answer of a job, which has run."""
        self.work(1)
        return answer

    def test_interface(self) -> None:
        """The pool, and an account's part of it, provide the interface."""
        verifyObject(IWorkers, self.workers)
        verifyObject(IWorkers, self.workers.of("ann"))
        self.assertEqual((self.workers.of("ann").size, self.workers.of("ann").of("bob").size), (1, 1))

    def test_result(self) -> None:
        """A job runs in another thread, and its result arrives on the reactor's, whichever way it was given."""
        for each in (self.workers, self.workers.of("ann")):
            for run in (each.run, each.run_unbounded, each.run_slice, each.run_hash):
                running = run(lambda number: (number + 1, threading.get_ident()), 4)
                self.assertNoResult(running)
                self.reactor.run()
                result, thread = self.successResultOf(running)
                self.assertEqual(result, 5)
                self.assertNotEqual(thread, threading.get_ident())

    def test_exception(self) -> None:
        """The exception of a job, even SystemExit, is its result, and the thread goes on."""
        for error in (ZeroDivisionError, SystemExit):

            def job(error: type[BaseException] = error) -> None:
                raise error

            running: Deferred[Any] = self.workers.run(job)
            self.reactor.run()
            self.failureResultOf(running, error)
        running = self.workers.run(int)
        self.reactor.run()
        self.assertEqual(self.successResultOf(running), 0)

    def test_bound(self) -> None:
        """Past its bound a queue refuses a first job as busy at once, and nothing that was begun; others have room."""
        for each, other in ((self.workers, self.workers.of("ann")), (self.workers.of("ann"), self.workers.of("bob"))):
            self.gate.clear()
            running = [each.run(self.gate.wait, WITHIN) for _ in range(3)]
            self.failureResultOf(each.run(int), Busy)
            self.assertRaises(Busy, each.admit)
            begun = [run(int) for run in (each.run_unbounded, each.run_slice, each.run_hash)]
            other.admit()
            others = other.run(int)
            self.work(7)
            self.assertEqual([self.successResultOf(each) for each in running], [True] * 3)
            self.assertEqual([self.successResultOf(each) for each in (*begun, others)], [0] * 4)
            again = each.run(int)
            self.reactor.run()
            self.assertEqual(self.successResultOf(again), 0)

    def test_counted(self) -> None:
        """What runs, waits and was refused is counted, and how long jobs waited and ran."""
        running = self.workers.run(self.gate.wait, WITHIN)
        waiting = [self.workers.of("ann").run(int), self.workers.of("ann").run_hash(int)]
        self.workers.of("ann").run_unbounded(int)
        self.failureResultOf(self.workers.of("ann").run(int), Busy)
        self.assertEqual((self.workers.running, self.workers.refused), (1, 1))
        self.assertEqual(self.workers.waiting(), {"short": 2, "slice": 0, "hash": 1, "background": 0})
        self.now = 3.0
        self.work(4)
        self.successResultOf(running)
        self.assertEqual([self.successResultOf(each) for each in waiting], [0, 0])
        self.assertEqual((self.workers.running, sum(self.workers.waiting().values())), (0, 0))
        self.assertEqual((self.workers.waits.cumulative()[-1], self.workers.waits.total), (4, 9.0))
        self.assertEqual((self.workers.seconds.cumulative()[-1], self.workers.seconds.total), (4, 3.0))

    def test_cancelled(self) -> None:
        """A job that nobody waits for any more keeps its place in the queue until it has ended."""
        running = [self.workers.run(self.gate.wait, WITHIN) for _ in range(3)]
        for each in running:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.failureResultOf(self.workers.run(int), Busy)
        idle = self.workers.idle()
        self.gate.set()
        for _ in range(3):
            self.assertNoResult(idle)
            self.reactor.run()
        for _ in range(3):
            self.reactor.run()
        self.successResultOf(idle)

    def test_in_turn(self) -> None:
        """One job of an account does not wait for all jobs of another."""
        order: list[str] = []
        self.workers.of("eve").run(self.gate.wait, WITHIN)
        for number in range(2):
            self.workers.of("eve").run(order.append, f"eve{number}")
        self.workers.of("ann").run(order.append, "ann")
        self.work(4)
        self.assertEqual(order, ["eve0", "ann", "eve1"])

    def test_who_owes_waits(self) -> None:
        """Nothing begins for an account that has used a processor while another's job waits or runs."""
        self.workers.of("eve").run(self.use, MOST_OWED)
        self.work(1)
        ann = self.workers.of("ann").run(int)
        eve = self.workers.of("eve").run(int)
        self.assertTrue(self.workers.of("eve").shared)
        self.work(1)
        self.successResultOf(ann)
        self.assertNoResult(eve)
        self.now += MOST_OWED / FORGIVEN
        self.reactor.advance(RECHECK_SECONDS)
        self.work(1)
        self.successResultOf(eve)

    def test_slice_keeps_waiting(self) -> None:
        """An account that has used a processor waits for another's slice, too, unless that one has had many of them."""
        ann = self.workers.of("ann")
        for run in (ann.run_slice, ann.run_hash):
            made = self.beside(run)
            self.assertEqual(made, [])
            self.work(1)
            self.reactor.advance(0)
            self.assertEqual(made, ["eve"])
            run(self.take_long)
            self.work(1)
            self.assertEqual(self.beside(run), ["eve"])
            self.work(1)
            self.now += MOST_LONG / LONG_SHARE

    def test_slices_keep_waiting(self) -> None:
        """Of slices that wait together only the first does: the account has little to do, until they have run."""
        ann = self.workers.of("ann")
        for runs in ([ann.run_slice] * 3, [ann.run_hash, ann.run_slice]):
            made = self.beside(*runs)
            self.assertEqual(made, [])
            self.work(1)
            self.reactor.advance(0)
            self.assertEqual(made, ["eve"])
            self.work(len(runs) - 1)

    def beside(self, *runs: Callable[..., object]) -> list[str]:
        """What is noted when eve, who has used a processor, has her turn; something else is run before."""
        made: list[str] = []
        eve = self.workers.of("eve")
        eve.run(self.use, MOST_OWED)
        self.work(1)
        for run in runs:
            run(int)
        eve.in_turn(made.append, "eve")
        return made

    def take_long(self) -> None:
        """In a worker: let a long time pass, and use no processor."""
        self.now += MOST_LONG

    def test_rest(self) -> None:
        """An account rests after a slice that took long, or a hashing, while another with only short work is served.

        How long it took counts, and not what it used of a processor. Its short work goes on.
        """
        eve = self.workers.of("eve")
        for run in (eve.run_slice, eve.run_hash):
            run(self.take_long)
            self.work(1)
            self.workers.of("ann").run(int)
            self.work(1)
            short, long = eve.run(int), run(int)
            self.work(1)
            self.successResultOf(short)
            self.assertNoResult(long)
            self.now += MOST_LONG / LONG_SHARE
            self.reactor.advance(RECHECK_SECONDS)
            self.work(1)
            self.successResultOf(long)
        eve.run(self.take_long)
        self.work(1)
        self.workers.of("ann").run(int)
        slow = eve.run_slice(int)
        self.work(2)
        self.successResultOf(slow)

    def wait_for_others(self) -> None:
        """In a worker: let a long time pass, in which other threads of the process have the processor."""
        self.now += MOST_LONG
        self.others += MOST_LONG

    def test_no_rest_for_others(self) -> None:
        """Who floods the server with short work lets nobody rest: a slice that waited for that owes nothing for it."""
        eve = self.workers.of("eve")
        for job, rests in ((self.wait_for_others, False), (self.take_long, True)):
            eve.run_slice(job)
            self.work(1)
            self.workers.of("ann").run(int)
            self.work(1)
            long = eve.run_slice(int)
            if rests:  # the control
                self.assertNoResult(long)
            else:
                self.work(1)
                self.successResultOf(long)

    def test_beside(self) -> None:
        """What was used in one pool is owed in the other one too; each has threads and queues of its own."""
        guesses = ThreadWorkers(self.reactor, size=1, queue=2, name="guesses", clocks=self.clocks, beside=self.workers)
        guesses.start()
        self.addCleanup(guesses.stop)
        self.addCleanup(self.gate.set)
        guesses.of("eve").run(self.use, MOST_OWED)
        self.work(1)
        self.gate.clear()
        ann = self.workers.of("ann").run(self.gate.wait, WITHIN)
        eve = guesses.of("eve").run(int)
        self.assertEqual((self.workers.usage("eve")[0], guesses.usage("eve")[0]), (0, 1))
        self.work(1)
        self.successResultOf(ann)
        self.assertNoResult(eve)
        self.reactor.advance(RECHECK_SECONDS)
        self.work(1)
        self.successResultOf(eve)

    def test_clock_set_back(self) -> None:
        """A reactor's clock that is set back, as the wall clock may be, keeps no account waiting."""
        made: list[str] = []
        self.workers.of("eve").run(self.use, MOST_OWED)
        self.work(1)
        self.workers.of("ann").run(self.gate.wait, WITHIN)
        self.reactor.rightNow -= 3600
        self.workers.of("eve").in_turn(made.append, "eve")
        self.assertEqual(made, [], "the control")
        self.now += MOST_OWED / FORGIVEN
        self.reactor.advance(RECHECK_SECONDS)
        self.assertEqual(made, ["eve"])

    def test_calls_in_turn(self) -> None:
        """A call is made on the reactor's thread, at once where nothing comes before it."""
        made: list[str] = []
        self.workers.in_turn(made.append, "server")
        self.workers.of("ann").in_turn(made.append, "ann")
        self.assertEqual(made, ["server", "ann"])

    def test_idle(self) -> None:
        """`idle` fires when nothing runs or waits: not while what waits for a result starts another job."""
        self.successResultOf(self.workers.idle())
        running = self.workers.run(self.gate.wait, WITHIN)
        second: list[Deferred[int]] = []
        running.addCallback(lambda _: second.append(self.workers.run(int)))
        idle = self.workers.idle()
        self.gate.set()
        self.reactor.run()
        self.assertEqual(len(second), 1)
        self.reactor.run()
        self.assertNoResult(idle)
        self.reactor.run()
        self.successResultOf(second[0])
        self.reactor.run()
        self.successResultOf(idle)

    def test_pause(self) -> None:
        """A pause ends after its time, while no thread is used for it."""
        pause = self.workers.of("ann").pause(2)
        running = self.workers.run(int)
        self.reactor.run()
        self.assertEqual(self.successResultOf(running), 0)
        self.reactor.advance(1.9)
        self.assertNoResult(pause)
        self.reactor.advance(0.2)
        self.successResultOf(pause)
