"""The work for one file does not grow with the number of files: what both ends do is counted, line by line."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, AsyncIterator, Callable, TypeVar

from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.dispatchers.verify import VerifyDispatcher
from tests.support.transfers import TransferCase

T = TypeVar("T")

FEW, MANY = 25, 100
"""A few files more or less do not matter here: the first ones cost as much as the next."""

MOST = 1.3
"""The work for each of many files, at most, in terms of that for each of a few: to sort costs a little more."""


def lines_of(work: Callable[[], object]) -> int:
    """The lines of homeftp that run in `work`; a loop counts each time it goes round."""
    count = 0

    def call(frame: FrameType, event: str, argument: object) -> Any:
        file = frame.f_code.co_filename
        return line(frame, event, argument) if "homeftp" in file or file == __file__ else None

    def line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return line

    before = sys.gettrace()
    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class GrowthTests(TransferCase):
    """Trees of a few and of many files, in one folder and in folders of their own."""

    extra = (DeleteDispatcher(), VerifyDispatcher(), VersionsDispatcher())

    def per_file(self, number: int, shape: str) -> dict[str, float]:
        """The work for each file of one operation after the other."""
        self.setUp()
        for index in range(number):
            self.make_file("src/" + shape.format(index))
        source, copy = f"{self.here}/src", f"{self.here}/copy"
        steps: dict[str, Callable[[], object]] = {
            "push": lambda: self.push(source, "a", recursive=True),
            "push again": lambda: self.push(source, "a", recursive=True),
            "cmp": lambda: self.cmp(source, "a"),
            "get": lambda: self.get("a", copy, recursive=True),
            "get again": lambda: self.get("a", copy, recursive=True),
            "push onto it": lambda: self.push(source, "a", recursive=True, force=True),
            "ls": lambda: self.count(self.client.list("a", recursive=True), lambda page: len(page.entries)),
            "push changes": lambda: self.push_changes(source, number, shape),
            "versions": lambda: self.count(self.client.versions("a"), lambda page: len(page)),
            "scrub": lambda: self.count(self.client.verify("a"), lambda step: step.files + step.versions),
            "remove": lambda: self.run_work(self.client.remove("a", recursive=True)),
            "versions of what is removed": lambda: self.count(self.client.versions("a"), lambda page: len(page)),
            "scrub of versions": lambda: self.count(self.client.verify("a"), lambda step: step.versions),
        }
        return {name: lines_of(step) / number for name, step in steps.items()}

    def push_changes(self, source: str, number: int, shape: str) -> None:
        """Every file has another content: the old ones become versions."""
        for index in range(number):
            self.make_file("src/" + shape.format(index), b"another content", mtime=1_710_000_000)
        self.push(source, "a", recursive=True)

    def count(self, steps: AsyncIterator[T], of: Callable[[T], int]) -> int:
        """Take all steps; how many things they are about."""

        async def work() -> int:
            return sum([of(step) async for step in steps])

        found = self.run_work(work())
        self.assertGreaterEqual(found, FEW)
        return found

    def test_per_file(self) -> None:
        """Neither of them grows."""
        for shape in ("{}", "{}/a/b/c/file"):
            few, many = self.per_file(FEW, shape), self.per_file(MANY, shape)
            for name, lines in many.items():
                self.assertLess(
                    lines, MOST * few[name], f"{name} of {shape}: {few[name]:.0f}, {lines:.0f} lines a file"
                )

    def test_control(self) -> None:
        """The test would notice a sum over all files for each of them."""

        def quadratic(number: int) -> float:
            return lines_of(lambda: [sum(x for x in range(number)) for _ in range(number)]) / number

        self.assertGreater(quadratic(MANY), MOST * quadratic(FEW))
