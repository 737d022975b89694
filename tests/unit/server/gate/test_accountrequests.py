"""How many requests of one account run at once."""

from __future__ import annotations

from typing import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.gate.accountrequests import AccountRequests


class AccountRequestsTests(SynchronousTestCase):
    """At most two of each account."""

    def setUp(self) -> None:
        self.requests = AccountRequests(2)
        self.begun: list[str] = []
        self.under_way: dict[str, Deferred[None]] = {}

    def start(self, name: str) -> Deferred[None]:
        """A request of the account whose name is the first three letters."""

        def begin() -> Deferred[None]:
            self.begun.append(name)
            self.under_way[name] = Deferred()
            return self.under_way[name]

        return self.requests.run(name[:3], begin)

    def test_most(self) -> None:
        """Those beyond wait in their order, and no other account waits for them."""
        running = [self.start(name) for name in ("ann1", "ann2", "ann3", "ann4", "bob1")]
        self.assertEqual(self.begun, ["ann1", "ann2", "bob1"])
        self.under_way["ann2"].callback(None)
        self.successResultOf(running[1])
        self.assertEqual(self.begun[3:], ["ann3"])
        self.under_way["ann1"].errback(ValueError())
        self.failureResultOf(running[0], ValueError)
        self.assertEqual(self.begun[4:], ["ann4"])

    def test_many(self) -> None:
        """However many wait, all that end at once are started one after another, without recursion."""
        running = [self.start("ann1"), self.start("ann2")]
        done: list[int] = []

        def at_once(number: int) -> Callable[[], Deferred[None]]:
            def begin() -> Deferred[None]:
                done.append(number)
                return succeed(None)

            return begin

        waiting = [self.requests.run("ann", at_once(number)) for number in range(3000)]
        self.assertEqual(done, [])
        self.under_way["ann1"].callback(None)
        for each in waiting:
            self.successResultOf(each)
        self.assertEqual(done, list(range(3000)))
        self.under_way["ann2"].callback(None)
        self.successResultOf(running[1])

    def test_again(self) -> None:
        """An account of which nothing runs any more begins anew."""
        for _ in range(3):
            running = [self.start("ann1"), self.start("ann2")]
            for name in ("ann1", "ann2"):
                self.under_way[name].callback(None)
            for each in running:
                self.successResultOf(each)
        self.assertEqual(len(self.begun), 6)
