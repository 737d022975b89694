"""Two laptops sync with one server, and do what people and networks do meanwhile: nothing is lost, and all agree.

With `HOMEFTP_TESTS_LONG=1` the machine takes some 10^5 steps.
"""

from __future__ import annotations

import os
from typing import ClassVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import (
    Act,
    Client,
    Preference,
    SyncArchive,
    SyncOptions,
    SyncRequest,
    SyncResult,
    TransferContext,
    TransferObserver,
    run_sync,
)
from tests.support.needs import LONG
from tests.support.repeatable import REPEATABLE
from tests.support.syncmachine import LAPTOPS, PATHS, SyncMachine

TEXTS = st.sampled_from(["a", "c.txt"])
"""The names of texts that are edited by line."""

RUNS = 5000 if LONG else 200
STEPS = 20 if LONG else 4


async def sync_without_memory(
    client: Client, context: TransferContext, archive: SyncArchive, request: SyncRequest, observer: TransferObserver
) -> SyncResult:
    """A sync that remembers nothing of those before."""
    return await run_sync(client, context, SyncArchive(None), request, observer)


class ForgetfulMachine(SyncMachine):
    """Without memory, what was deleted comes back."""

    run: ClassVar = staticmethod(sync_without_memory)

    @rule(number=LAPTOPS, name=PATHS)
    def delete_everywhere(self, number: int, name: str) -> None:
        """A laptop writes a file, and deletes it when all have it: of the rules above that seldom follows from four."""
        self.write(number, name, 1)
        self.agree()
        self.remove(number, name)
        self.agree()


class ClockMachine(SyncMachine):
    """Where clocks decide conflicts, the content of the machine whose clock is behind is lost."""

    options = SyncOptions(preference=Preference.NEWER, day="2026-05-01")

    @rule(name=PATHS, mtimes=st.tuples(*[st.integers(1, 10**9)] * 2))
    def write_both(self, name: str, mtimes: tuple[int, int]) -> None:
        """Both laptops write a file, and sync: of the rules above that seldom follows from three."""
        for number, mtime in enumerate(mtimes):
            self.write(number, name, mtime)
        self.agree()


class MergingMachine(SyncMachine):
    """An engine that merges texts: no line is lost that somebody wrote, and nobody replaced or deleted."""

    options = SyncOptions(machine="", day="2026-05-01", merge=True)
    merges: ClassVar[list[str]] = []
    """The names of what was merged, in all runs."""

    @staticmethod
    async def run(
        client: Client, context: TransferContext, archive: SyncArchive, request: SyncRequest, observer: TransferObserver
    ) -> SyncResult:
        """A sync whose merges are noted."""
        result = await run_sync(client, context, archive, request, observer)
        MergingMachine.merges.extend(each.name for each in result.plan.actions if each.act is Act.MERGE)
        return result

    def _forget(self, content: bytes | None) -> None:
        self.written.difference_update((content or b"").split(b"\n"))

    def check_contents(self) -> None:
        """No line is lost."""
        lost = self.written - {line for content in self.world.live() for line in content.split(b"\n")}
        assert not lost, lost

    @rule(number=LAPTOPS, name=TEXTS)
    def write_text(self, number: int, name: str) -> None:
        """Write a text, new or not, and let all laptops have it."""
        self.write(number, name, 1)
        for place in range(1, 6):
            self._append(number, name, place)
        self.agree()

    def _append(self, number: int, name: str, place: int) -> None:
        line = b"line %d of %d" % (place, self.count)
        with open(self._path(number, name), "ab") as file:
            file.write(b"\n" + line)
        self.written.add(line)
        self._has_changed(number)

    @rule(name=TEXTS, places=st.tuples(*[st.integers(0, 5)] * 2))
    def edit_both(self, name: str, places: tuple[int, int]) -> None:
        """Both laptops change a line of a text that they agreed on."""
        self.write_text(0, name)
        for number, place in enumerate(places):
            self.edit(number, name, place)

    @rule(number=LAPTOPS, name=TEXTS, place=st.integers(0, 5))
    def edit(self, number: int, name: str, place: int) -> None:
        """Change a line of a text."""
        path = self._path(number, name)
        if not os.path.isfile(path):
            return
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
        place %= len(lines)
        self.count += 1
        self._forget(lines[place])
        lines[place] = b"edit %d" % self.count
        self.written.add(lines[place])
        with open(path, "wb") as file:
            file.write(b"\n".join(lines))
        self._has_changed(number)


class MachineTests(SynchronousTestCase):
    """The engine as it is, and the controls: engines as they must not be."""

    def test_all(self) -> None:
        """No run loses a content, and all laptops agree at the end of each."""
        limits = settings(REPEATABLE, max_examples=RUNS, stateful_step_count=STEPS)
        run_state_machine_as_test(SyncMachine, settings=limits)

    def test_merging(self) -> None:
        """The same holds of lines where texts are merged. The control: some are."""
        limits = settings(REPEATABLE, max_examples=RUNS // 4, stateful_step_count=STEPS + 4)
        run_state_machine_as_test(MergingMachine, settings=limits)
        self.assertGreater(len(MergingMachine.merges), 5)

    def assert_caught(self, machine: type[SyncMachine]) -> None:
        """The machine notices what is wrong. It is not asked for the shortest run that shows it."""
        limits = settings(REPEATABLE, max_examples=1000, stateful_step_count=10, phases=[Phase.generate])
        self.assertRaises(AssertionError, run_state_machine_as_test, machine, settings=limits)

    def test_memory(self) -> None:
        """An engine without memory is caught."""
        self.assert_caught(ForgetfulMachine)

    def test_clocks(self) -> None:
        """An engine that trusts clocks is caught."""
        self.assert_caught(ClockMachine)
