"""How many refusals are recorded, and what happens when a record cannot be written."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.loginaudit import AuditRateLimit, LoginAudit, RefusalAudit
from homeftp.audit.log import Audit
from homeftp.errors import Busy, Internal
from homeftp.model import Actor
from homeftp.workers import InlineWorkers
from tests.support import replay
from tests.support.folders import QuickCase

UNKNOWN = Actor(None, None, "192.0.2.1")


class RateLimitTests(SynchronousTestCase):
    """Two in ten seconds."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = AuditRateLimit(self.clock, most=2, seconds=10)

    def test_limit(self) -> None:
        """After the limit it says once that refusals are left out, then nothing; later it begins again."""
        self.assertEqual([self.limit.may_record("a") for _ in range(5)], [True, True, None, False, False])
        self.clock.advance(11)
        self.assertEqual([self.limit.may_record("a") for _ in range(4)], [True, True, None, False])

    def test_others(self) -> None:
        """The refusals of one client do not hide another's."""
        for _ in range(5):
            self.limit.may_record("a")
        self.assertIs(self.limit.may_record("b"), True)


class LoginAuditTests(QuickCase):
    """Records of logins."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        self.log = Audit(self.folder)
        self.addCleanup(self.log.close)
        self.audit = LoginAudit(self.log, InlineWorkers(), AuditRateLimit(Clock(), most=2, seconds=10))

    def records(self) -> list[dict[str, Any]]:
        return replay.lines(self.folder)

    def test_refused(self) -> None:
        """Refused logins are recorded within the limit, and then that more are left out."""
        for _ in range(5):
            self.successResultOf(self.audit.refused_login("device x", UNKNOWN, certificate="x"))
        self.assertEqual([each["event"] for each in self.records()], ["login", "login", "unrecorded"])

    def test_unwritable(self) -> None:
        """A record that cannot be written is a refusal which says why."""
        self.successResultOf(self.audit.note("login", UNKNOWN))
        self.log.close()
        failure = self.failureResultOf(self.audit.note("login", UNKNOWN), Internal)
        self.assertIn("logins are refused until", failure.getErrorMessage())


class RefusalAuditTests(QuickCase):
    """Records of refused changes."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        self.log = Audit(self.folder)
        self.addCleanup(self.log.close)
        self.refusals = RefusalAudit(self.log, InlineWorkers(), AuditRateLimit(Clock(), most=2, seconds=10))

    def refuse(self, account: str) -> None:
        """A change of that account is refused."""
        self.successResultOf(self.refusals.note(Actor(account), 44, lambda: {"endpoint": "a", "size": 5}))

    def test_limit(self) -> None:
        """They are recorded within the limit of the account, and then that more are left out."""
        for account in ("ann", "ann", "ann", "ann", "bob"):
            self.refuse(account)
        lines = replay.lines(self.folder)
        said = [(each["event"], each["account"], each["status"], each.get("endpoint")) for each in lines]
        refused = [("refused", "ann", 44, "a")] * 2
        self.assertEqual(said, [*refused, ("unrecorded", "ann", 33, None), ("refused", "bob", 44, "a")])

    def test_unwritable(self) -> None:
        """Where a record cannot be written the server's log says so, and the refusal stands."""
        self.log.close()
        self.refuse("ann")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_database_away(self) -> None:
        """Where the database of a cluster does not answer that is one line of the server's log, and no traceback."""
        with mock.patch.object(Audit, "note", side_effect=Busy("the database is away")), capturedLogs() as logs:
            self.refuse("ann")
        self.assertEqual(
            [formatEvent(each) for each in logs],
            ["a refused change could not be recorded in the audit log: the database is away"],
        )
