"""The disk of the database is full: writers are refused in time, nothing is lost, and later all works again."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time

import psycopg

from homeftp.config import MIB
from homeftp.status import Status
from tests.support.engines import PostgreSQL
from tests.support.mounts import memory
from tests.support.troublecase import LOADED, PROMISED_SECONDS, TRY_AGAIN, TroubleCase
from tests.support.waiting import wait_until

FILES = 20
"""Files that are there before the disk is full."""

_MOST = 3000
"""Files that are pushed until the disk is full, at most."""


class FullDatabaseCase(TroubleCase):
    """A database on a small disk, which another file can fill."""

    def start_database(self) -> PostgreSQL:
        """Mount the disk, and start the database."""
        self.disk = tempfile.mkdtemp(prefix="full-")  # where PostgreSQL's user may go
        self.addCleanup(os.rmdir, self.disk)
        self.mounted = contextlib.ExitStack()
        self.mounted.enter_context(memory(self.disk, "size=160m,mode=755"))
        self.addCleanup(self.mounted.close)
        server = self.new_database()
        self.addCleanup(server.stop, signal.SIGQUIT)
        return server

    def new_database(self) -> PostgreSQL:
        """The database server."""
        return PostgreSQL(durable=True)

    def fill(self) -> None:
        """Leave no space on the disk."""
        with open(os.path.join(self.disk, "filler"), "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(MIB)):
                continue

    def empty(self) -> None:
        """Give the space back."""
        os.remove(os.path.join(self.disk, "filler"))

    def push(self, name: str) -> int:
        """Store a file, which says its own name; the status, which came in time."""
        begun = time.monotonic()
        status = self.ask("PUSH", name.encode(), rel_endpoint=name)
        self.assertLess(time.monotonic() - begun, PROMISED_SECONDS * LOADED)
        self.assertIn(status, (Status.OK, *TRY_AGAIN))
        return status

    def assert_kept(self, names: list[str]) -> None:
        """These files are there with their contents."""
        for name in names:
            answer, content = self.one.ask("GET", {"rel_endpoint": name})
            self.assertEqual((answer["status"], content), (Status.OK, name.encode()))


class FullTablesTests(FullDatabaseCase):
    """The disk of the tables, which is not that of the log of PostgreSQL."""

    def create(self) -> str:
        """Make the database on the small disk; its URL."""
        place = os.path.join(self.disk, "tables")
        os.mkdir(place)
        owner = os.stat(self.database.folder)
        os.chown(place, owner.st_uid, owner.st_gid)
        with psycopg.connect(self.database.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'".encode())
            connection.execute(b"CREATE DATABASE full_tables TABLESPACE small")
        return self.database.url("full_tables")

    def test_full(self) -> None:
        """A writer gets 52, a reader its file; what was acknowledged is there, and later writers are served again."""
        kept: list[str] = []
        for number in range(_MOST):
            if number == FILES:
                self.fill()
            name = f"{number:04}" + "x" * 200  # a page has few of them
            status = self.push(name)
            if status != Status.OK:
                break
            kept.append(name)
        self.assertEqual(status, Status.NO_SPACE)
        self.assertGreaterEqual(len(kept), FILES)
        self.assert_kept(kept)
        self.assertEqual(self.one.ask("GET", {"rel_endpoint": name})[0]["status"], Status.NOT_FOUND)
        self.empty()
        wait_until(lambda: self.push(name) == Status.OK)
        self.assert_kept([*kept, name])


class FullLogTests(FullDatabaseCase):
    """The disk of everything: PostgreSQL ends, and cannot start while there is no space."""

    def new_database(self) -> PostgreSQL:
        """All files are on the small disk."""
        return PostgreSQL(durable=True, folder=self.disk)

    def test_full(self) -> None:
        """Requests get 51 or 52; when there is space, and PostgreSQL runs, the server goes on, and nothing is lost."""
        kept = [name for name in map(str, range(FILES)) if self.push(name) == Status.OK]
        self.assertEqual(len(kept), FILES)
        self.fill()
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.database.url("postgres")) as connection:
            for _ in range(50):  # it needs a new file each time
                connection.execute("SELECT pg_switch_wal(), pg_logical_emit_message(false, 'x', 'x')")
        self.assertIn(self.push("refused"), TRY_AGAIN)
        self.assertIn(self.ask("GET", rel_endpoint="0"), TRY_AGAIN)
        self.empty()
        wait_until(self.works)
        self.assert_kept([*kept, "after"])

    def works(self) -> bool:
        """Whether a file can be stored, with PostgreSQL started again where it has ended."""
        self.database.keep_running()
        return self.push("after") == Status.OK
