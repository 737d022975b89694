"""The plan of a sync on the screen. What a sync prints is in test_sync.py of the commands."""

from __future__ import annotations

import argparse
import json
import sys
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.transfer.progress import ProgressBar
from homeftp.cli.transfer.screen import Screen
from homeftp.cli.transfer.syncing import PlanScreen
from homeftp.client import Act, IClientReactor, Side, SyncAction, SyncNode, SyncPlan, SyncRequest
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
