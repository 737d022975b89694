"""What is asked of the store and the accounts, and how a failure is called."""

from __future__ import annotations

from typing import Any, Callable

from zope.interface import implementer

from homeftp.accounts.database import AccountDatabase
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy, OperatorError
from homeftp.interfaces.usage import IProbedStore
from homeftp.model import Entry
from homeftp.server.monitoring.health import ACCOUNTS, STORE, Health, probe
from homeftp.store.memory import MemoryStore
from tests.support.folders import QuickCase


class FailingStore(MemoryStore):
    """A store whose disk is away."""

    error: Exception = Busy("/srv/secret is not there")

    def stat(self, endpoint: Endpoint) -> Entry | None:
        raise self.error


@implementer(IProbedStore)
class ProbedStore(FailingStore):
    """A store that is asked in a way of its own."""

    probed = 0

    def probe(self) -> None:
        self.probed += 1


class ProbeTests(QuickCase):
    """`probe`."""

    def setUp(self) -> None:
        self.accounts = AccountDatabase(self.mktemp())
        self.addCleanup(self.accounts.close)

    def test_healthy(self) -> None:
        """A store and accounts that answer have no problem."""
        self.assertEqual(probe(MemoryStore, self.accounts), Health(None))

    def test_store(self) -> None:
        """A store that refuses is a problem, whose text has no name; a bug in it is one too, and is logged."""
        self.assertEqual(probe(FailingStore, self.accounts), STORE)
        self.assertNotIn("secret", str(STORE.problem))
        store = FailingStore()
        store.error = ZeroDivisionError()
        self.assertEqual(probe(lambda: store, self.accounts), STORE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_probed(self) -> None:
        """A store that can be asked in a way of its own is asked so."""
        store = ProbedStore()
        self.assertEqual((probe(lambda: store, self.accounts), store.probed), (Health(None), 1))

    def test_accounts(self) -> None:
        """Accounts that cannot be read are a problem, and so is a bug there."""

        def failing(error: Exception) -> Callable[..., Any]:
            def has_account(database: AccountDatabase, name: str) -> bool:
                raise error

            return has_account

        for error, logged in ((OperatorError("/var/secret is damaged"), 0), (Busy("later"), 0), (KeyError(), 1)):
            self.patch(AccountDatabase, "has_account", failing(error))
            self.assertEqual(probe(MemoryStore, self.accounts), ACCOUNTS)
            self.assertEqual(len(self.flushLoggedErrors()), logged)
