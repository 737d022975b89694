"""Two laptops sync with one server, and do what people and networks do meanwhile: nothing is lost, and all agree.

With `HOMEFTP_TESTS_LONG=1` the machine takes some 10^5 steps.
"""

from __future__ import annotations

from typing import ClassVar

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import (
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
from tests.support.syncmachine import SyncMachine

RUNS = 5000 if LONG else 200
STEPS = 20 if LONG else 5


async def sync_without_memory(
    client: Client, context: TransferContext, archive: SyncArchive, request: SyncRequest, observer: TransferObserver
) -> SyncResult:
    """A sync that remembers nothing of those before."""
    return await run_sync(client, context, SyncArchive(None), request, observer)


class ForgetfulMachine(SyncMachine):
    """Without memory, what was deleted comes back."""

    run: ClassVar = staticmethod(sync_without_memory)


class ClockMachine(SyncMachine):
    """Where clocks decide conflicts, the content of the machine whose clock is behind is lost."""

    options = SyncOptions(preference=Preference.NEWER, day="2026-05-01")


class MachineTests(SynchronousTestCase):
    """The engine as it is, and the controls: engines as they must not be."""

    def test_all(self) -> None:
        """No run loses a content, and all laptops agree at the end of each."""
        limits = settings(REPEATABLE, max_examples=RUNS, stateful_step_count=STEPS)
        run_state_machine_as_test(SyncMachine, settings=limits)

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
