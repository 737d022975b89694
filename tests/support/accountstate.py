"""A database of accounts for a test: SQLite, unless a subclass makes another."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.database import AccountDatabase


class StateCase(SynchronousTestCase):
    """The tests of what is stored there run with every engine that can store it."""

    def make_state(self) -> AccountDatabase:
        """A new database."""
        return AccountDatabase(self.mktemp())

    def again(self, state: AccountDatabase) -> AccountDatabase:
        """The same database, as another process opens it."""
        return AccountDatabase(state.folder)
