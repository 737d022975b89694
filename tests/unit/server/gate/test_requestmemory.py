"""The memory of requests: whatever the connections do, the sum stays below the whole, and something is left."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MAX_IN_FLIGHT, MAX_REQUEST_LINE, MIB, SMALL_FILE, Limits
from homeftp.server.gate.requestmemory import REFUSED_IDS, ConnectionMemory, RequestMemory, Weight
from homeftp.server.json.exchange import REQUEST_BYTES

TOTAL = 16 * MIB


class RequestMemoryTests(SynchronousTestCase):
    """Shares of 16 MiB."""

    def setUp(self) -> None:
        self.memory = RequestMemory(Limits(request_memory=TOTAL))

    def share(self, account: str | None = None, held: int = 0) -> ConnectionMemory:
        share = self.memory.connection_memory()
        if account is not None:
            share.log_in(account)
        share.change(Weight(), Weight(held=held))
        return share

    def fill(self, account: str | None) -> ConnectionMemory:
        """A connection that takes all it can get."""
        share = self.share(account)
        share.change(Weight(), Weight(held=share.most))
        return share

    def test_promise(self) -> None:
        """One client alone has more than the protocol promises: 64 lines and a MiB of payloads, and the answers."""
        alone = RequestMemory(Limits()).connection_memory()
        alone.change(Weight(), Weight(MIB - 1, MIB - 1 + MAX_IN_FLIGHT * (MAX_REQUEST_LINE + REQUEST_BYTES)))
        self.assertFalse(alone.is_crowded())
        self.assertTrue(alone.fits(SMALL_FILE))

    def test_accounts(self) -> None:
        """One account leaves half to the others, however many connections it has; the next leaves half of that."""
        for _ in range(90):
            self.fill("mallory")
        self.assertGreater(self.memory.held, TOTAL // 3, "the control: that is much")
        self.assertLessEqual(self.memory.held, TOTAL // 2)
        self.assertGreaterEqual(self.share("ann").most, TOTAL // 8)

    def test_sum(self) -> None:
        """However many accounts and connections take all that they can get, it is less than the whole."""
        for account in range(9):
            for _ in range(20):
                self.fill(str(account))
        for _ in range(30):
            self.fill(None)
        self.assertLess(self.memory.held, TOTAL)
        self.assertGreater(self.memory.held, TOTAL // 2, "the control")
        self.assertGreater(self.share("ann").most, 0)

    def test_own(self) -> None:
        """What a connection holds itself does not change its share: only others make it smaller."""
        share = self.share("ann")
        before = share.most
        share.change(Weight(), Weight(held=before))
        self.assertEqual(share.most, before)
        self.share("ann", 1000)
        self.assertEqual(share.most, before - 500)

    def test_login(self) -> None:
        """What a client held before its login counts for its account afterwards."""
        share = self.share(None, 1000)
        self.assertEqual((self.memory.held_by(None), self.memory.held_by("ann")), (1000, 0))
        share.log_in("ann")
        self.assertEqual((self.memory.held_by(None), self.memory.held_by("ann")), (0, 1000))
        share.change(Weight(held=1000), Weight())
        self.assertEqual(self.memory.held, 0)

    def test_must_wait(self) -> None:
        """A client that reads waits for the server at half of its share; one that does not is not kept waiting."""
        share = self.share("ann", TOTAL // 8 + 1)
        self.assertTrue(share.must_wait(1, client_reads=True))
        self.assertFalse(share.must_wait(1, client_reads=False))
        share.change(Weight(held=1), Weight())
        self.assertFalse(share.must_wait(1, client_reads=True), "the control")
        self.assertTrue(share.must_wait(2, client_reads=True), "it goes on at half of that")

    def test_payloads(self) -> None:
        """The payloads of one connection have a limit of their own, those that wait for their requests included."""
        share = self.share("ann")
        share.change(Weight(), Weight(payload=MIB // 2, held=MIB // 2))
        self.assertFalse(share.must_wait(1, client_reads=False))
        share.keep(MIB // 2)
        self.assertTrue(share.must_wait(1, client_reads=False))
        self.assertEqual(self.memory.held, MIB)
        share.keep(0)
        self.assertEqual(self.memory.held, MIB // 2)

    def test_ids(self) -> None:
        """The ids of refused requests are kept, so they have a limit too."""
        share = self.share("ann")
        share.change(Weight(), Weight(refused=REFUSED_IDS - 1))
        self.assertFalse(share.must_wait(1, client_reads=False))
        share.change(Weight(), Weight(refused=1))
        self.assertTrue(share.must_wait(1, client_reads=False))
