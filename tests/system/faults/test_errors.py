"""C3, C4, C5: each system call of every change fails, with each error that a disk can have."""

from __future__ import annotations

from collections import Counter
from typing import Collection, Iterator, Sequence

import attrs

from tests.support.needs import LONG
from tests.system.faults.case import FaultCase
from tests.system.faults.driving import NAMING as RENAMING
from tests.system.faults.driving import NOT_THE_DISK, Call, Driver, can_trace
from tests.system.faults.killing import changes
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

Place = tuple[str, ...]
"""Where in the code a call is made, as far as its neighbours show that."""

_NEIGHBOURS = 2
"""The calls before and behind a call that are compared: those that are made by the same lines have the same ones."""

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


@attrs.frozen
class Made:
    """A call that was made, and that a disk answers."""

    call: Call
    number: int
    """Which of the calls of its name, from 1."""
    last: bool
    """Whether it is the last one of its name."""
    place: Place
    first_here: bool
    """Whether no call of its scenario was made at its place before."""
    last_here: bool
    """Whether none was made there after it."""


def places(calls: Sequence[Call]) -> Iterator[Place]:
    """The place of each call. Calls before the first change of a name and calls after it are at different places."""
    names = [f"{call.name} of the store's: {call.in_root}, failed: {call.failed}" for call in calls]
    named = ""
    for index, call in enumerate(calls):
        around = range(index - _NEIGHBOURS, index + _NEIGHBOURS + 1)
        yield (named, *(names[each] if 0 <= each < len(names) else "" for each in around))
        if call.name in RENAMING and not call.failed:
            named = "named"


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


@attrs.define
class Tried:
    """The places at which calls of earlier scenarios have failed."""

    places: set[Place] = attrs.field(factory=set)
    fully: set[Place] = attrs.field(factory=set)
    """Those at which a call has failed with every error that it can have."""


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

    def calls(self, scenario: str, system: str) -> Iterator[Made]:
        """The calls that a disk answers."""
        calls = self.recorded(scenario, system).calls
        left = Counter(call.name for call in calls)
        seen: Counter[str] = Counter()
        where = list(places(calls))
        left_there = Counter(where)
        seen_there: Counter[Place] = Counter()
        for call, place in zip(calls, where, strict=True):
            seen[call.name] += 1
            left[call.name] -= 1
            seen_there[place] += 1
            left_there[place] -= 1
            if call.name not in NOT_THE_DISK:
                yield Made(
                    call,
                    seen[call.name],
                    last=not left[call.name],
                    place=place,
                    first_here=seen_there[place] == 1,
                    last_here=not left_there[place],
                )

    def errors(self, scenario: str, system: str, wanted: str, tried: Tried) -> Iterator[Point]:
        """The calls of one kind, each with EIO; the first and the last of a name with all that it can have.

        Where a scenario makes more than two calls at one place, only the first
        and the last one fail: those between are more rounds of the same loop.
        Where a call has failed in an earlier scenario, one that only reads does
        not fail again at the same place. Where one has failed with every error,
        the next fail with EIO alone: the same lines tell the errors apart. What
        no local disk refuses fails once at each place, and so does what is made
        on the system that has only other names for the same. A full quota is a
        full disk to the store (`errnos.FULL`), so the first call meets the one
        and the last the other.
        The hash cache's calls, which cost no answer, and those of that system
        have EIO alone. LONG: all errors everywhere.
        """
        once = wanted or system != "kernel"
        known, fully = frozenset(tried.places), frozenset(tried.fully)

        def is_repeated(made: Made) -> bool:
            reads = not changes(made.call) and "sync" not in made.call.name
            return not (once or made.first_here or made.last_here) or (reads and made.place in known)

        def is_distinguished(made: Made) -> bool:
            outermost = made.number == 1 or made.last
            return made.call.in_root and outermost and not once and made.place not in fully

        for made in self.calls(scenario, system):
            if kind(made.call) != wanted:
                continue
            errors: Sequence[str] = ("EIO",)
            if LONG:
                errors = tuple(REFUSALS)
            elif once and made.place in tried.places:
                continue
            elif is_distinguished(made):
                tried.fully.add(made.place)
                other = "EDQUOT" if made.number == 1 else "ENOSPC"
                errors = [error for error in likely(made.call) if error != other]
            elif is_repeated(made):
                continue
            tried.places.add(made.place)
            for error in errors:
                yield Point(scenario, system, made.call.name, made.number, f"error={error}")

    def lies(self, scenario: str, system: str) -> Iterator[Point]:
        """The writes: all was written, or some, says the disk, and nothing was."""
        for made in self.calls(scenario, system):
            call = made.call
            if call.name == "write" and int(call.result):
                for size in {int(call.result), min(1000, int(call.result))}:
                    yield Point(scenario, system, call.name, made.number, f"retval={size}")


class ErrorCase(InjectionCase):
    """One call fails; the next is made in earnest."""

    def check(self, wanted: str, systems: Collection[str], scenarios: Collection[str] = SCENARIOS.keys()) -> None:
        """Nothing is wrong when calls of this kind fail in these scenarios."""
        points = []
        for system in systems:
            tried = Tried()
            points += [point for name in scenarios for point in self.errors(name, system, wanted, tried)]
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
        for scenario, call, least in (("large", "fsync", 2), ("together", "syncfs", 1)):
            points = [point for point in self.errors(scenario, "careless", "", Tried()) if point.call == call]
            found = self.each(self.injected_at, points)
            for point in points:
                self.assertIn(f"{point}: answered as if the sync had not failed", found)
            self.assertGreaterEqual(len(points), least)

    def test_stubborn(self) -> None:
        """A failed sync that is tried again."""
        points = [point for point in self.errors("small", "stubborn", "", Tried()) if point.call == "fsync"]
        found = self.each(self.injected_at, points)
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

    def test_places(self) -> None:
        """Rounds of a loop are made at the same places, whatever they are about; what is before and behind is not."""
        names = ["mkdirat", "fstat", *["openat", "fstat", "close"] * 4, "fstat", "fsync"]
        found = list(places([Call(name, f"{number}</root/it>", "0", True) for number, name in enumerate(names)]))
        self.assertEqual(found[5:8], found[8:11])
        others = [found[index] for index in (0, 1, 2, 3, 4, 5, 6, 12, 13, 14, 15)]
        self.assertEqual(len(set(others)), len(others))
        failed = list(places([Call(name, "", "-1 ENOENT", True) for name in names]))
        self.assertNotEqual(failed[5], found[5], "after a failure other lines run")
        read = list(places([Call(name, "", "0", True) for name in ("fsync", *names[1:])]))
        self.assertNotEqual(read[5], found[5], "nothing has another name yet")

    def test_wrong_point(self) -> None:
        """A call that is never made is no call that was withstood."""
        found = self.each(self.injected_at, [Point("large", "kernel", "fsync", 50, "error=EIO")])
        self.assertEqual(len(found), 1, found)
