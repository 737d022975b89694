"""The judgement itself: what it allows, and that it notices what it is for."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.support.stores import StoreCase
from tests.system.faults.driver import AFTERWARDS, AFTERWARDS_CONTENT
from tests.system.faults.driving import Answer, Call, Outcome
from tests.system.faults.scenarios import ABSENT, DIRECTORY, Asked, Scenario, file
from tests.system.faults.verdict import after_failure, after_restart, doubt, synced_again, unlawful

OLD, NEW, NEWER = file(b"old"), file(b"new"), file(b"newer")

YES = Answer("", "")
NO = Answer("Internal", "Internal: the server's disk failed at it")
DOUBT = Answer("Internal", "Internal: whether it has its new content is in doubt")

TWICE = Scenario(
    {"it": b"old", "kept": b"kept"},
    [Asked(lambda _: [], [{"it": NEW}]), Asked(lambda _: [], [{"it": NEWER}, {"a/b": NEW}])],
)
MOVE = Scenario({"from": b"old"}, [Asked(lambda _: [], [{"from": ABSENT, "to": OLD}])])


def call(name: str, descriptor: int = 3, result: str = "0", *, in_root: bool = True) -> Call:
    """A system call on a descriptor."""
    return Call(name, f"{descriptor}</root/it>", result, in_root)


FAILED = "-1 EIO (Input/output error) (INJECTED)"


class StateTests(SynchronousTestCase):
    """What may stand after which answers."""

    def wrong(self, it: str, *answers: Answer, **more: str) -> list[str]:
        """What is wrong when `it` exists there after these answers of TWICE; `more` are other paths' states."""
        return unlawful(TWICE, dict(enumerate(answers)), {"it": it, "kept": file(b"kept"), **more})

    def test_unanswered(self) -> None:
        """The old state or the new one, and nothing of what was not asked for yet."""
        self.assertEqual(self.wrong(OLD) + self.wrong(NEW), [])
        for state in (NEWER, DIRECTORY, ABSENT, file(b"ne")):
            self.assertEqual(len(self.wrong(state)), 1)
        self.assertEqual(len(self.wrong(OLD, a=DIRECTORY)), 1)

    def test_answered(self) -> None:
        """A path holds what was acknowledged last, or what was requested after that."""
        self.assertEqual(self.wrong(NEW, YES) + self.wrong(NEWER, YES), [])
        self.assertEqual(self.wrong(NEWER, YES, YES, YES, **{"a": DIRECTORY, "a/b": NEW}), [])
        self.assertEqual(len(self.wrong(OLD, YES)), 1)
        self.assertEqual(len(self.wrong(NEWER, YES, YES, YES)), 2, "the new file, and its directory")

    def test_refused(self) -> None:
        """The old state, unless there is doubt; a directory that was made on the way may stay."""
        self.assertEqual(self.wrong(OLD, NO) + self.wrong(NEW, DOUBT) + self.wrong(OLD, DOUBT), [])
        self.assertEqual(len(self.wrong(NEW, NO, NO, NO)), 1)
        self.assertEqual(self.wrong(OLD, NO, NO, NO, a=DIRECTORY), [])

    def test_others(self) -> None:
        """Paths without a request stay as they are, and none appear."""
        self.assertEqual(len(self.wrong(OLD, kept=ABSENT)), 1)
        self.assertEqual(len(self.wrong(OLD, **{"it.tmp": NEW})), 1)

    def test_two_paths(self) -> None:
        """A promise may speak of two paths, and of one where nothing is."""
        for found, wrong in (({"from": OLD}, 2), ({"to": OLD}, 0), ({}, 1)):
            self.assertEqual(len(unlawful(MOVE, {0: YES}, found)), wrong)
        self.assertEqual(unlawful(MOVE, {}, {"from": OLD}) + unlawful(MOVE, {0: NO}, {"from": OLD}), [])
        self.assertEqual(MOVE.writes, False)


class CallTests(SynchronousTestCase):
    """What the system calls say of the answers."""

    def test_synced_again(self) -> None:
        """A failed sync is not tried again on its descriptor, nor one by one where it was one of everything."""
        failed, good = call("fsync", result=FAILED), call("fsync")
        self.assertEqual(len(synced_again([failed, good])), 1)
        self.assertEqual(len(synced_again([call("syncfs", 9, FAILED), good])), 1)
        self.assertEqual(synced_again([failed, call("close"), good]), [])
        self.assertEqual(synced_again([failed, call("fsync", 4), call("read")]), [])

    def test_doubt(self) -> None:
        """There is doubt only after something was named; a failed sync is answered for; the hash cache's is not."""
        failed, renamed = call("fsync", result=FAILED), call("renameat")
        self.assertEqual(doubt(Outcome({0: DOUBT}, calls=[renamed, failed])), [])
        self.assertEqual(len(doubt(Outcome({0: DOUBT}, calls=[failed]))), 1)
        self.assertEqual(len(doubt(Outcome({0: YES}, calls=[renamed, failed]))), 1)
        beside = call("fdatasync", result=FAILED, in_root=False)
        self.assertEqual(doubt(Outcome({0: YES}, calls=[beside])), [])
        self.assertEqual(len(doubt(Outcome({0: NO}, calls=[beside]))), 1)


class FolderTests(StoreCase):
    """What the root itself says."""

    def setUp(self) -> None:
        """A root that a server has had."""
        super().setUp()
        self.store().close()
        self.lay("it", b"old")
        self.lay("kept", b"kept")

    def test_restart(self) -> None:
        """The control: a clean start has no faults, and an unknown file in the metadata directory is reported."""
        self.assertEqual(after_restart(self.root), [])
        self.lay(".homeftp/orphan", b"half")
        self.assertEqual(after_restart(self.root), ["left behind: orphan"])

    def test_failure(self) -> None:
        """The process lives, answers everything with refusals, takes the next file, and keeps nothing."""
        self.lay(AFTERWARDS, AFTERWARDS_CONTENT)
        answers = dict.fromkeys(range(3), NO)
        self.assertEqual(after_failure(TWICE, Outcome(answers, YES), self.root), [])
        for outcome in (
            Outcome(answers, YES, status=1),
            Outcome(answers, None),
            Outcome(answers, NO),
            Outcome(answers, YES, kept=["/root/it (deleted)"]),
            Outcome({**answers, 2: Answer("not a refusal: KeyError()", "KeyError")}, YES),
            Outcome({0: NO, 1: NO}, YES),
        ):
            self.assertEqual(len(after_failure(TWICE, outcome, self.root)), 1, outcome)
        self.lay(".homeftp/incoming/orphan", b"half")
        self.assertEqual(after_failure(TWICE, Outcome(answers, YES), self.root), ["left behind: orphan"])
        os.unlink(self.path(AFTERWARDS))
        self.assertEqual(len(after_failure(TWICE, Outcome(answers, YES), self.root)), 2)
