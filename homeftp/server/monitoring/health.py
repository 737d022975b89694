"""The health check: whether the store and the accounts answer. Its answer is for programs, and names nothing."""

from __future__ import annotations

from typing import Callable

import attrs
from twisted.logger import Logger

from homeftp.accounts.database import AccountDatabase
from homeftp.endpoint import ROOT
from homeftp.errors import OperatorError, Refusal
from homeftp.interfaces import IStore
from homeftp.interfaces.usage import IProbedStore

VALID_SECONDS = 1.0
"""How long a look counts: however often somebody asks, the store and the accounts are asked once in that time."""

DEADLINE_SECONDS = 5.0
"""How long a look may take. Load balancers give up after some seconds by themselves."""

_log = Logger()


@attrs.frozen
class Health:
    """The health of a server."""

    problem: str | None
    """One line in words; None: the server is healthy."""


STORE = Health("the store does not answer")
ACCOUNTS = Health("the accounts cannot be read")
LATE = Health(f"no answer within {DEADLINE_SECONDS:.0f} seconds")


def probe(store: Callable[[], IStore], accounts: AccountDatabase) -> Health:
    """Ask the store and the accounts for something small. In a worker; a bug is logged, and no exception raised."""
    try:
        opened = store()
        if IProbedStore.providedBy(opened):
            opened.probe()
        else:
            opened.stat(ROOT)
    except Refusal:
        return STORE
    except Exception:  # noqa: BLE001 (whatever it is, the store did not answer)
        _log.failure("the store could not be asked")
        return STORE
    try:
        accounts.has_account("")
    except (Refusal, OperatorError):
        return ACCOUNTS
    except Exception:  # noqa: BLE001 (whatever it is, the accounts did not answer)
        _log.failure("the accounts could not be asked")
        return ACCOUNTS
    return Health(None)
