"""Plans are read as they were written, and what is no plan is refused."""

from __future__ import annotations

import json
from typing import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from homeftp.client.selection import Selection
from homeftp.client.sync.model import Direction, Preference, SyncOptions, SyncTree
from homeftp.client.sync.planfile import plan_lines, read_plan
from homeftp.client.sync.planner import make_plan
from homeftp.errors import OperatorError
from tests.support.repeatable import REPEATABLE
from tests.support.synctrees import TREES, Nodes, file

OPTIONS = SyncOptions(Direction.PUSH, Preference.NEWER, "ann-laptop", "2026-05-01")

SELECTION = Selection(("*.tmp", "!a.tmp"), ignore_files=False, strict_names=True, follow_links=True)
PAIR = {"local": "/home/ann/Docs", "remote": "nas", "endpoint": "Docs"}


class PlanFileTests(unittest.SynchronousTestCase):
    """Plans as files."""

    def lines(self) -> list[str]:
        plan = make_plan({}, {}, SyncTree({"a": file("one")}), SyncTree({"a": file("two")}), OPTIONS)
        return [json.dumps(line) for line in plan_lines(plan, OPTIONS, SELECTION, **PAIR)]

    @REPEATABLE
    @given(TREES, TREES, TREES, st.builds(SyncOptions, st.sampled_from(Direction), merge=st.booleans()))
    def test_round(self, base: Nodes, here: Nodes, there: Nodes, options: SyncOptions) -> None:
        """A plan is the same after it was written and read."""
        plan = make_plan(base, {}, SyncTree(here), SyncTree(there), options)
        lines = [json.dumps(line) for line in plan_lines(plan, options, SELECTION, **PAIR)]
        found = read_plan([*lines, "", json.dumps({"summary": {}})], "FILE")
        self.assertEqual((list(found.plan.actions), found.options), (list(plan.actions), options))

    def test_head(self) -> None:
        """The head says which pair it is for."""
        found = read_plan(self.lines(), "FILE")
        self.assertEqual((found.head.local, found.head.remote, found.head.endpoint), ("/home/ann/Docs", "nas", "Docs"))
        self.assertEqual((found.options, found.selection), (OPTIONS, SELECTION))

    def test_no_plan(self) -> None:
        """Anything else is refused, in one sentence that names the file."""
        head, step = self.lines()
        wrong: Sequence[Sequence[str]] = (
            [],
            ["no JSON"],
            ["[]"],
            [step],
            [head, "[]"],
            [head, "3"],
            [head.replace('"push"', '"sideways"')],
            [head.replace('"plan": 1', '"plan": 2')],
            [head.replace('"2026-05-01"', '"x/../../../2026"'), step],
            [head.replace('"2026-05-01"', '"2026-05-01\\n"'), step],
            [head, step.replace('"copy"', '"explode"')],
            [head, step.replace('"there"', '"nowhere"')],
            [head, step.replace('"a"', "5")],
            [head, step.replace('"act"', '"more": 1, "act"')],
            [head, "[" * 100_000],
        )
        for lines in wrong:
            error = self.assertRaises(OperatorError, read_plan, lines, "FILE")
            self.assertIn("FILE", str(error))
