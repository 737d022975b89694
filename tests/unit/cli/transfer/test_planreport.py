"""What is printed of a plan."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.transfer.planreport import describe_plan
from homeftp.client import Act, Side, SyncAction, SyncNode, SyncPlan

FILE = SyncNode("file", "h", 1500, 5, 0o644)
OTHER = SyncNode("file", "o", 7, 5, 0o644)
DIRECTORY = SyncNode("directory", mode=0o755)

HERE, THERE = Side.HERE, Side.THERE


class PlanReportTests(SynchronousTestCase):
    """Plans in words."""

    def test_lines(self) -> None:
        """Each kind of step has its words, and the last line says what they are in all."""
        plan = SyncPlan(
            [
                SyncAction(Act.MOVE, THERE, "old", FILE, FILE, "new"),
                SyncAction(Act.KEEP_BOTH, HERE, "c", FILE, OTHER, "c (copy)"),
                SyncAction(Act.COPY, THERE, "d", DIRECTORY, None),
                SyncAction(Act.COPY, THERE, "d/x", FILE, None),
                SyncAction(Act.COPY, HERE, "y", OTHER, FILE),
                SyncAction(Act.METADATA, HERE, "z", FILE, FILE),
                SyncAction(Act.DELETE, HERE, "gone", FILE, None),
                SyncAction(Act.DELETE, THERE, "e", None, DIRECTORY),
                SyncAction(Act.MERGE, HERE, "text", FILE, OTHER),
                SyncAction(Act.SUSPICIOUS, HERE, "empty", OTHER, FILE),
            ]
        )
        self.assertEqual(
            list(describe_plan(plan)),
            [
                "  server          rename     old -> new",
                "  here            conflict   c: the copy here becomes c (copy)",
                "  here -> server  new        d/",
                "  here -> server  new        d/x (1.5 kB)",
                "  here <- server  changed    y (1.5 kB)",
                "  here <- server  time/mode  z",
                "  here            delete     gone",
                "  server          delete     e/",
                "  both            merge      text: both changes",
                "  here            empty      empty: left as it is, see --prefer",
                "1 file and 1 folder to the server (1.5 kB); 1 file to this machine (1.5 kB); 1 file renamed "
                "on the server; 1 file only time or mode here; 1 folder deleted on the server; 1 file deleted here; "
                "1 file merged; 1 conflict, of which both copies are kept; 1 left for you to decide.",
            ],
        )

    def test_many(self) -> None:
        """Of many steps some are printed, and how many there are."""
        plan = SyncPlan([SyncAction(Act.COPY, HERE, f"{number}", None, FILE) for number in range(1200)])
        lines = list(describe_plan(plan, 2))
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[2], "  and 1,198 more: -n lists them all")
        self.assertIn("1,200 files to this machine", lines[3])

    def test_none(self) -> None:
        """A plan without steps says so."""
        self.assertEqual(list(describe_plan(SyncPlan())), ["nothing to do."])

    def test_control_characters(self) -> None:
        """A name cannot steer the terminal."""
        (line, _) = describe_plan(SyncPlan([SyncAction(Act.MOVE, HERE, "a\x1b[2J", FILE, FILE, "b\r")]))
        self.assertEqual(line, "  here            rename     a\\x1b[2J -> b\\r")
