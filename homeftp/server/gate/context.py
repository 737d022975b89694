"""What the sessions of one server share, and what each may ask of its own connection."""

from __future__ import annotations

from typing import Protocol

import attrs
from cryptography import x509
from twisted.cred.portal import Portal

from homeftp.accounts.throttle import Throttle
from homeftp.accounts.validator import AccessValidator
from homeftp.audit import Audit
from homeftp.config import Limits
from homeftp.dispatchers.table import Table
from homeftp.files.budget import MemoryBudget
from homeftp.interfaces import IWorkers
from homeftp.server.json.auditing import AuditRateLimit
from homeftp.server.json.pairing import PairingService


@attrs.frozen(kw_only=True)
class ServerContext:
    """What every session of one server shares."""

    table: Table
    portal: Portal
    workers: IWorkers
    budget: MemoryBudget
    limits: Limits
    server_name: str
    filetypes: tuple[str, ...]
    guesses: Throttle
    """Of passwords."""
    pairings: PairingService
    ca: x509.Certificate
    """The home's: devices are of it."""
    audit: Audit
    sparing: AuditRateLimit
    standing: AccessValidator


class IConnectionControl(Protocol):
    """What a session may ask of its connection."""

    def finish(self) -> None:
        """Take no more requests; close when what is in flight has been answered."""

    def logged_in(self) -> None:
        """The client is somebody now."""

    def abort(self) -> None:
        """End the connection at once."""

    def secret(self) -> bytes:
        """What only the two ends of this TLS session know."""
