"""One CA for all servers of a cluster."""

from __future__ import annotations

import errno
import os
from datetime import datetime, timezone
from unittest import mock

from homeftp.cluster.database import Database
from homeftp.cluster.identity import IDENTITY, share_identity, share_ssh_key, take_identity
from homeftp.cluster.migrations import migrate
from homeftp.crypto.ca import open_identity
from homeftp.crypto.sshhostkey import new_host_key, read_host_key, write_host_key
from homeftp.errors import Busy, OperatorError
from tests.support.engines import empty_schema
from tests.support.folders import QuickCase

_ENDING = """
CREATE FUNCTION ending() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER ending AFTER INSERT ON identity DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ending();
"""
"""The connection ends at a commit that gives a cluster its identity."""


def moment() -> datetime:
    """When all is done here."""
    return datetime(2026, 11, 29, tzinfo=timezone.utc)


class IdentityTests(QuickCase):
    """Servers that start one after another."""

    def setUp(self) -> None:
        self.url = empty_schema()
        self.database = Database(self.url, connections=2)
        self.addCleanup(self.database.close)
        migrate(self.database, [IDENTITY])

    def start(self, folder: str | None = None) -> str:
        """Start a server; its state folder."""
        folder = folder or os.path.abspath(self.mktemp())
        share_identity(self.database, folder, now=moment)
        return folder

    def fingerprint(self, folder: str) -> str:
        return open_identity(folder, now=moment).fingerprint

    def test_shared(self) -> None:
        """The first server's identity becomes that of the others; each has a certificate of its own."""
        first, second = self.start(), self.start()
        self.start(first)
        one, two = (open_identity(folder, now=moment) for folder in (first, second))
        self.assertEqual(one.fingerprint, two.fingerprint)
        self.assertNotEqual(one.certificate, two.certificate)
        self.assertNotEqual(self.fingerprint(os.path.abspath(self.mktemp())), one.fingerprint, "the control")

    def test_kept(self) -> None:
        """A server that had an identity before gives it to the cluster: devices that know it trust the others too."""
        folder = os.path.abspath(self.mktemp())
        before = self.fingerprint(folder)
        self.start(folder)
        self.assertEqual(self.fingerprint(self.start()), before)

    def test_other(self) -> None:
        """A server with another identity is refused, and keeps its own."""
        self.start()
        folder = os.path.abspath(self.mktemp())
        before = self.fingerprint(folder)
        with self.assertRaisesRegex(OperatorError, "identity of another home"):
            self.start(folder)
        self.assertEqual(self.fingerprint(folder), before)

    def test_commit_lost(self) -> None:
        """A first start whose commit the database did not make leaves no identity: the server joins the next one."""
        self.change(_ENDING)
        folder = os.path.abspath(self.mktemp())
        self.assertRaises(Busy, self.start, folder)
        self.change("DROP FUNCTION ending() CASCADE")
        first = self.start()
        self.start(folder)
        self.assertEqual(self.fingerprint(folder), self.fingerprint(first))

    def change(self, statements: str) -> None:
        """Run statements, as an owner with psql might."""
        with self.database.connection() as connection:
            connection.execute(statements.encode())

    def test_not_written(self) -> None:
        """A first server that cannot write its state folder has the cluster's identity when it can."""
        folder = os.path.abspath(self.mktemp())
        with mock.patch.object(os, "rename", side_effect=OSError(errno.ENOSPC, "No space left on device")):
            self.assertRaises(OperatorError, self.start, folder)
        first = self.start()
        self.start(folder)
        self.assertEqual(self.fingerprint(folder), self.fingerprint(first))

    def test_taken(self) -> None:
        """A folder of a server that shall serve what the cluster had is known to all clients, also those of SFTP."""
        first, other = self.start(), os.path.abspath(self.mktemp())
        key = share_ssh_key(self.database, new_host_key())
        take_identity(self.database, other)
        self.assertEqual((self.fingerprint(other), read_host_key(other)), (self.fingerprint(first), key))
        own = new_host_key()
        write_host_key(other, own)
        take_identity(self.database, other)
        self.assertEqual(read_host_key(other), own, "one that it has is kept")

    def test_older(self) -> None:
        """A database that an older version made is upgraded first; that is said."""
        self.start()
        self.database.transact(lambda transaction: transaction.execute("DELETE FROM homeftp_schema WHERE step = 2"))
        with self.assertRaisesRegex(OperatorError, "homeftp cluster migrate"):
            take_identity(self.database, os.path.abspath(self.mktemp()))

    def test_secret(self) -> None:
        """The key is the owner's alone on the disk, and no text of it shows it."""
        folder = self.start()
        path = os.path.join(folder, "identity", "ca.key")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
