"""A database of accounts for a test: SQLite, unless a subclass makes another."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile

from homeftp.accounts.database import AccountDatabase
from tests.support.folders import QuickCase


@functools.lru_cache(maxsize=1)
def _empty_state() -> str:
    """A state folder whose database has no account."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    AccountDatabase(folder).open().close()
    return folder


def copy_state(folder: str) -> None:
    """Make `folder` a state folder with a database without accounts: to copy one takes an eighth of making it."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    shutil.copytree(_empty_state(), folder, dirs_exist_ok=True)


class StateCase(QuickCase):
    """The tests of what is stored there run with every engine that can store it."""

    def make_state(self) -> AccountDatabase:
        """A new database."""
        folder = self.mktemp()
        copy_state(folder)
        return self.closed_afterwards(AccountDatabase(folder))

    def again(self, state: AccountDatabase) -> AccountDatabase:
        """The same database, as another process opens it."""
        return self.closed_afterwards(AccountDatabase(state.folder))

    def closed_afterwards(self, state: AccountDatabase) -> AccountDatabase:
        """The database, which is closed after the test: each keeps three files open."""
        self.addCleanup(state.close)
        return state
