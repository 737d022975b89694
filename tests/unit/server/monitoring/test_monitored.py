"""The state of a store, as the metrics and `homeftp status` have it."""

from __future__ import annotations

from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.errors import Busy
from homeftp.interfaces import IStoreHealth
from homeftp.interfaces.usage import AccountUsage, IMeasuredStore, StoreUsage
from homeftp.model import Actor
from homeftp.server.monitoring.monitored import StoreState, read_store
from homeftp.store.memory import MemoryStore


@implementer(IStoreHealth, IMeasuredStore)
class MeasuredStore(MemoryStore):
    """A store that can be measured, unless it has a problem, or is away."""

    wrong: Sequence[str] = ()
    error: Exception | None = None

    def problems(self) -> Sequence[str]:
        return self.wrong

    def usage(self) -> StoreUsage:
        if self.error is not None:
            raise self.error
        return StoreUsage(size=1)

    def account_usage(self, actor: Actor) -> AccountUsage:
        return AccountUsage()


class ReadStoreTests(SynchronousTestCase):
    """`read_store`."""

    def test_measured(self) -> None:
        """A store tells what it takes up."""
        self.assertEqual(read_store(MeasuredStore()), StoreState(problems=[], usage=StoreUsage(size=1)))

    def test_problems(self) -> None:
        """A store with a problem is not measured; a refusal is a problem too."""
        store = MeasuredStore()
        store.error = Busy("away")
        self.assertEqual(read_store(store), StoreState(problems=["away"]))
        store.wrong = ["no disk"]
        self.assertEqual(read_store(store), StoreState(problems=["no disk"]))

    def test_plain(self) -> None:
        """A store need not be able to tell anything."""
        self.assertEqual(read_store(MemoryStore()), StoreState(problems=[]))
