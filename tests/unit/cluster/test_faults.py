"""What PostgreSQL and servers of S3 say, and what a client is told."""

from __future__ import annotations

from obstore.exceptions import GenericError, PermissionDeniedError
from psycopg import OperationalError, errors
from psycopg_pool import PoolTimeout
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.faults import reason_of, refusal_of, unreachable
from homeftp.errors import Busy, NoSpace, Refusal

DATABASE: dict[str, type[Refusal] | None] = {
    "53100": NoSpace,  # the disk is full
    "53200": Busy,  # no memory
    "53300": Busy,  # too many connections
    "53400": Busy,  # another limit
    "25006": Busy,  # a standby, or a database that its owner has made read only
    "25P03": Busy,  # the server was stopped in a transaction
    "25P04": Busy,  # a transaction took too long
    "40003": Busy,  # what became of a statement is not known
    "55P03": Busy,  # waited too long for a lock
    "57014": Busy,  # a statement took too long
    "57P01": Busy,  # the server is stopped
    "57P02": Busy,  # it has crashed
    "57P03": Busy,  # it is starting
    "58030": Busy,  # its disk fails
    "08006": Busy,  # the connection is lost
    "42601": None,  # a mistake in a statement
    "23502": None,
    "42501": None,
    "XX000": None,
}

_SAYS = "Generic S3 error: Error performing PUT http://192.0.2.1/b/x in 3ms - Server returned non-2xx status code: "

BUCKET: dict[str, type[Refusal]] = {
    "503 Service Unavailable: <Error><Code>SlowDown</Code></Error>": Busy,
    "500 Internal Server Error: <Error><Code>InternalError</Code></Error>": Busy,
    "429 Too Many Requests: ": Busy,
    "507 Insufficient Storage: ": NoSpace,
    "507 Insufficient Storage: <Error><Code>XMinioStorageFull</Code></Error>": NoSpace,
    "403 Forbidden: <Error><Code>QuotaExceeded</Code></Error>": NoSpace,
    "400 Bad Request: <Error><Code>XMinioAdminBucketQuotaExceeded</Code></Error>": NoSpace,
    "403 Forbidden: <Error><Code>AccessDenied</Code></Error>": Busy,
}


class FaultTests(SynchronousTestCase):
    """One function for both engines."""

    def test_database(self) -> None:
        """By the states of SQL: full is 52, what may pass is 51, and a mistake is none of these."""
        for state, kind in DATABASE.items():
            found = refusal_of(errors.lookup(state)("192.0.2.1 s3cret"))
            self.assertIs(type(found) if found is not None else None, kind, state)
            self.assertNotIn("s3cret", "" if found is None else found.message)

    def test_bucket(self) -> None:
        """By the status of HTTP and the code of S3: full is 52, and everything else may pass."""
        for said, kind in BUCKET.items():
            for error in (GenericError, PermissionDeniedError):
                found = refusal_of(error(_SAYS + said))
                assert found is not None
                self.assertIs(type(found), kind, said)
                self.assertNotIn("192.0.2.1", found.message)

    def test_missing(self) -> None:
        """A missing object is no fault; a missing bucket is, and no object in it counts as lost."""
        missing = "404 Not Found: <Error><Code>NoSuchKey</Code></Error>"
        self.assertIsNone(refusal_of(FileNotFoundError(_SAYS + missing)))
        self.assertIsInstance(refusal_of(FileNotFoundError(_SAYS + missing.replace("Key", "Bucket"))), Busy)

    def test_others(self) -> None:
        """An exception of this program is none of these."""
        self.assertIsNone(refusal_of(ZeroDivisionError()))

    def test_owner(self) -> None:
        """The owner is told the first line of the database's own error behind a refusal, and not that of the pool."""
        refused, waited = Busy("the server's database does not answer at the moment"), PoolTimeout("no connection")
        refused.__cause__, waited.__cause__ = (
            waited,
            OperationalError("connection failed: no such host\nIs it running?"),
        )
        self.assertEqual(reason_of(refused), "no such host")
        self.assertIn("cannot be reached (no such host). Check", str(unreachable(refused)))

    def test_owner_without_reason(self) -> None:
        """Where the database has said nothing, there is no reason."""
        refused = Busy("the server's database does not answer at the moment")
        refused.__cause__ = PoolTimeout("the database has not answered")
        for error in (None, refused, ZeroDivisionError()):
            self.assertEqual(reason_of(error), "")
        self.assertIn("cannot be reached. Check", str(unreachable(refused)))
