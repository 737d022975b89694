"""What the tests of the audit log have in common: a log in a folder, and who is in its records."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from homeftp.audit.file import FILE
from homeftp.audit.log import Audit
from homeftp.model import Actor
from tests.support.folders import QuickCase

ANN = Actor("ann", "laptop", "192.0.2.1", "PUSH")
HOSTILE = 'a\nb\r\x1b[2J\x7f\x9b"\u202e\u2028\\\N{FLEXED BICEPS}\ud800'


def moment() -> datetime:
    """When all is done here."""
    return datetime(2026, 11, 27, 1, 2, 3, 4, timezone.utc)


class AuditCase(QuickCase):
    """One log, as `Audit` writes it."""

    def setUp(self) -> None:
        """Choose a folder, which is not there yet."""
        self.folder = os.path.abspath(self.mktemp())
        self.path = os.path.join(self.folder, FILE)

    def audit(self, size: int | None = None, kept: int = 2) -> Audit:
        """The log, as one process has it."""
        audit = Audit(self.folder, size=size, kept=kept, now=moment).open()
        self.addCleanup(audit.close)
        return audit

    def content(self) -> bytes:
        """The bytes of its file."""
        with open(self.path, "rb") as file:
            return file.read()
