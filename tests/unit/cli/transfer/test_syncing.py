"""The plan of a sync on the screen. What a sync prints is in test_sync.py of the commands."""

from __future__ import annotations

import argparse
import json
import sys
from typing import cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.transfer.progress import ProgressBar
from homeftp.cli.transfer.screen import Screen
from homeftp.cli.transfer.syncing import LOCK_POLL_SECONDS, LOCKED_SECONDS, PlanScreen, when_unlocked
from homeftp.client import Act, IClientReactor, Side, SyncAction, SyncNode, SyncPlan, SyncRequest, SyncResult
from homeftp.errors import InUse, OperatorError
from tests.support.commandline import Output

PLAN = SyncPlan([SyncAction(Act.COPY, Side.HERE, "a", None, SyncNode("file", "h", 5))])


class PlanScreenTests(SynchronousTestCase):
    """A plan with one step."""

    def setUp(self) -> None:
        self.out, self.err = Output(), Output()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def screen(self, *, json: bool = False) -> PlanScreen:
        clock = cast(IClientReactor, Clock())
        request = SyncRequest("here", "Docs", server="nas")
        options = argparse.Namespace(json=json)
        return PlanScreen(clock, options, request, Screen(ProgressBar(clock, silent=True)), asks=False)

    def test_not_asked(self) -> None:
        """Where nothing is asked nothing is printed; with --json the plan is, for a script."""
        confirmed = Deferred.fromCoroutine(self.screen().confirm(PLAN))
        self.assertTrue(self.successResultOf(confirmed))
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", ""))
        self.successResultOf(Deferred.fromCoroutine(self.screen(json=True).confirm(PLAN)))
        head, step = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual((head["remote"], head["endpoint"], step["name"]), ("nas", "Docs", "a"))

    def test_printed(self) -> None:
        """A plan is printed for people; one without steps is not."""
        self.screen().print_plan(PLAN)
        self.assertIn("here <- server  new        a (5 B)", self.out.getvalue())
        self.out.clear()
        self.screen().print_plan(SyncPlan())
        self.assertEqual(self.out.getvalue(), "")


class LockedTests(SynchronousTestCase):
    """A sync of a folder that another process may have locked."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.problem: Exception | None = InUse("docs is being synced by process 7")
        self.tries = 0
        self.said: list[str] = []

    async def sync(self) -> SyncResult:
        self.tries += 1
        if self.problem is not None:
            raise self.problem
        return SyncResult(PLAN, 1, 0.1)

    def begin(self) -> Deferred[SyncResult]:
        return Deferred.fromCoroutine(when_unlocked(self.clock, self.sync, self.said.append))

    def test_waits(self) -> None:
        """It says once which process it waits for, and syncs when that has ended; in a free folder it says nothing."""
        syncing = self.begin()
        self.clock.pump([LOCK_POLL_SECONDS] * 3)
        self.assertNoResult(syncing)
        self.problem = None
        self.clock.advance(LOCK_POLL_SECONDS)
        self.assertEqual(self.successResultOf(syncing).plan, PLAN)
        self.assertEqual(self.said, ["docs is being synced by process 7: waiting for up to 30 s until that has ended"])
        self.said.clear()
        self.successResultOf(self.begin())
        self.assertEqual(self.said, [], "the control: nothing to wait for")

    def test_too_long(self) -> None:
        """It gives up after a while, with what to do."""
        syncing = self.begin()
        self.clock.advance(LOCKED_SECONDS - 0.01)
        self.assertNoResult(syncing)
        self.clock.advance(LOCK_POLL_SECONDS)
        failure = self.failureResultOf(syncing, InUse)
        self.assertEqual(str(failure.value), "docs is being synced by process 7: wait until that has ended, or stop it")
        self.assertEqual((self.tries, len(self.said)), (3, 1))

    def test_other_problem(self) -> None:
        """Nothing else is waited for; nor is anything tried again after a person has stopped it."""
        self.problem = OperatorError("is its disk mounted?")
        self.failureResultOf(self.begin(), OperatorError)
        self.assertEqual((self.tries, self.said), (1, []))
        self.problem = InUse("docs is being synced by process 7")
        syncing = self.begin()
        syncing.cancel()
        self.failureResultOf(syncing, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
