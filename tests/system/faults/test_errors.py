"""C3, C4, C5: each system call of every change fails, with each error that a disk can have."""

from __future__ import annotations

from collections import Counter
from typing import Collection, Iterator, Sequence

import attrs

from tests.support.needs import LONG
from tests.system.faults.case import FaultCase
from tests.system.faults.driving import NOT_THE_DISK, Call, Driver, can_trace
from tests.system.faults.scenarios import NAMING, SCENARIOS
from tests.system.faults.systems import RIGHT
from tests.system.faults.verdict import after_failure, after_restart

REFUSALS = {
    "EIO": "Internal",
    "ENOSPC": "NoSpace",
    "EDQUOT": "NoSpace",
    "EFBIG": "NoSpace",
    "EROFS": "Forbidden",
    "EMFILE": "Busy",
}
"""What a disk can answer, and what a client hears of it."""

SYSTEMS = RIGHT if LONG else ("kernel",)

_CHANGING = frozenset("mkdirat renameat renameat2 linkat utimensat fchmod".split())


@attrs.frozen
class Point:
    """Where something fails, and how."""

    scenario: str
    system: str
    call: str
    number: int
    """Which of the calls of this name, from 1."""
    how: str
    """What strace is to do there: error=EIO, retval=1000."""

    def __str__(self) -> str:
        return f"{self.scenario}, {self.system}, {self.call} {self.number} {self.how}"


def likely(call: Call) -> Sequence[str]:
    """The errors that a call can have, by its man page."""
    if call.name == "write":
        return ("EIO", "ENOSPC", "EDQUOT", "EFBIG")
    if call.name.startswith("openat"):
        return ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EMFILE") if "O_CREAT" in call.arguments else ("EIO", "EMFILE")
    if call.name in _CHANGING:
        return ("EIO", "ENOSPC", "EDQUOT", "EROFS")
    if "sync" in call.name:
        return ("EIO", "ENOSPC", "EDQUOT")
    return ("EIO", "EROFS") if call.name.startswith("unlink") else ("EIO",)


def kind(call: Call) -> str:
    """Calls that get tests of their own: "close", and "stat" of what is open; "" for all others."""
    if call.name == "close":
        return "close"
    return "stat" if call.of_open else ""


class InjectionCase(FaultCase):
    """Something fails at one call, once."""

    def setUp(self) -> None:
        """Nothing is injected without strace."""
        can_trace()
        super().setUp()

    def injected_at(self, driver: Driver, point: Point) -> list[str]:
        """Let it fail there, and say what is wrong afterwards."""
        scenario = SCENARIOS[point.scenario]
        root = driver.root()
        scenario.lay(root)
        inject = f"{point.call}:{point.how}:when={point.number}"
        outcome = driver.run(point.scenario, root, system=point.system, inject=inject)
        if outcome.hit is None:
            return [f"{point}: there was no such call"]
        wrong = after_failure(scenario, outcome, root) + after_restart(root)
        expected = {REFUSALS.get(point.how.partition("=")[2], "Internal")}
        expected |= {"OperatorError"} if scenario.starts else set()
        expected |= {"NotFound"} if "NoSpace" in expected and scenario.has_versions else set()
        expected |= {"WrongKind"} if any(scenario.in_steps) else set()  # what cannot be listed is in the way
        wrong += [
            f"refused as {answer.refusal}: {answer.message}"
            for answer in outcome.answers.values()
            if answer.refusal and answer.refusal not in expected and "in doubt" not in answer.message
        ]
        if not wrong:
            driver.forget(root)
        return [f"{point}: {one}" for one in wrong]

    def calls(self, scenario: str, system: str) -> Iterator[tuple[Call, int, bool]]:
        """The calls that a disk answers, each with its number among those of its name, and whether it is the last."""
        calls = self.recorded(scenario, system).calls
        left = Counter(call.name for call in calls)
        seen: Counter[str] = Counter()
        for call in calls:
            seen[call.name] += 1
            left[call.name] -= 1
            if call.name not in NOT_THE_DISK:
                yield call, seen[call.name], not left[call.name]

    def errors(self, scenario: str, system: str, wanted: str) -> Iterator[Point]:
        """The calls of one kind, each with EIO; the first and the last of a name with all that it can have.

        The hash cache's, which cost no answer, and those of the system that has
        only other names for the same, have EIO alone. LONG: all errors everywhere.
        """
        for call, number, last in self.calls(scenario, system):
            if kind(call) != wanted:
                continue
            errors: Sequence[str] = ("EIO",)
            if LONG:
                errors = tuple(REFUSALS)
            elif call.in_root and system == "kernel" and (number == 1 or last):
                errors = likely(call)
            for error in errors:
                yield Point(scenario, system, call.name, number, f"error={error}")

    def lies(self, scenario: str, system: str) -> Iterator[Point]:
        """The writes: all was written, or some, says the disk, and nothing was."""
        for call, number, _ in self.calls(scenario, system):
            if call.name == "write" and int(call.result):
                for size in {int(call.result), min(1000, int(call.result))}:
                    yield Point(scenario, system, call.name, number, f"retval={size}")


class ErrorCase(InjectionCase):
    """One call fails; the next is made in earnest."""

    def check(self, wanted: str, systems: Collection[str], scenarios: Collection[str] = SCENARIOS.keys()) -> None:
        """Nothing is wrong when calls of this kind fail in these scenarios."""
        points = [point for system in systems for name in scenarios for point in self.errors(name, system, wanted)]
        self.assertEqual(self.each(self.injected_at, points), [])
        self.assertGreater(len(points), 20)


class ErrorTests(ErrorCase):
    """Errors, and a disk that lies."""

    def test_kernel(self) -> None:
        """An answer is true, and without one the old content is kept; nothing is left, and the next file is taken."""
        self.check("", ["kernel"])

    def test_walking(self) -> None:
        """The same where the kernel has no openat2, no syncfs and no renameat2."""
        self.check("", ["walking"], SCENARIOS if LONG else NAMING)

    def test_lies(self) -> None:
        """A disk that takes bytes and does not keep them is found out before it is answered for."""
        points = [point for system in SYSTEMS for name in SCENARIOS for point in self.lies(name, system)]
        self.assertEqual(self.each(self.injected_at, points), [])
        self.assertGreater(len(points), 20)


class OpenTests(ErrorCase):
    """What is open already fails: local disks never do that, but a file system in user space or a network's can."""

    def test_stat(self) -> None:
        """The same for a file system that cannot even say what it has open."""
        self.check("stat", SYSTEMS)


class CloseTests(ErrorCase):
    """The same."""

    def test_close(self) -> None:
        """The same for a close that fails: of what was not written by then, fsync has told."""
        self.check("close", SYSTEMS)


class ControlTests(InjectionCase):
    """Stores that take a failure lightly are caught by the same judgement."""

    def test_careless(self) -> None:
        """A failed sync, of a file, of a directory or of everything, that is taken for a good one."""
        for scenario, call, count in (("large", "fsync", 2), ("together", "syncfs", 1)):
            points = [Point(scenario, "careless", call, number + 1, "error=EIO") for number in range(count)]
            found = self.each(self.injected_at, points)
            self.assertEqual(len([wrong for wrong in found if "as if the sync had not failed" in wrong]), count, found)

    def test_stubborn(self) -> None:
        """A failed sync that is tried again."""
        found = self.each(self.injected_at, [Point("small", "stubborn", "fsync", 1, "error=EIO")])
        self.assertTrue(any("synced again after a failure" in wrong for wrong in found), found)

    def test_trusting(self) -> None:
        """A write that did not happen and is believed: the answer is not true."""
        points = list(self.lies("large", "trusting"))
        found = self.each(self.injected_at, points)
        for point in points:
            self.assertTrue(any(wrong.startswith(f"{point}: folder/file is ") for wrong in found), found)
        self.assertEqual(len(points), 6)

    def test_wasteful(self) -> None:
        """A descriptor of what was given up, which holds its space."""
        found = self.each(self.injected_at, [Point("large", "wasteful", "write", 2, "error=ENOSPC")])
        self.assertTrue(any("still open: " in wrong and "(deleted)" in wrong for wrong in found), found)

    def test_wrong_point(self) -> None:
        """A call that is never made is no call that was withstood."""
        found = self.each(self.injected_at, [Point("large", "kernel", "fsync", 50, "error=EIO")])
        self.assertEqual(len(found), 1, found)
