"""Engines of a cluster crash while servers write: acknowledged writes are kept, and the servers go on by themselves."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from functools import partial
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.errors import Busy
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.store import ClusterStore
from tests.support import clusterchecks
from tests.support.chains import chains
from tests.support.clusters import Cluster, real_bucket, real_bucket_url
from tests.support.engines import PostgreSQL
from tests.support.needs import LONG
from tests.support.objectserver import object_server
from tests.support.processes import environment
from tests.support.waiting import WITHIN, wait_until

CRASHES = 50 if LONG else 2

BETWEEN = 15
"""Contents that are stored between two crashes, at least."""


class CrashCase(SynchronousTestCase):
    """A database of its own, as durable as it comes, and two processes that replace files."""

    def setUp(self) -> None:
        """Start the database, and lay an empty share."""
        self.postgresql = PostgreSQL(durable=True)
        self.addCleanup(self.postgresql.stop, signal.SIGQUIT)
        url, self.bucket = self.create(), real_bucket_url()
        database = Database(url, connections=2)
        self.addCleanup(database.close)
        migrate(database, [STORE])
        self.cluster = Cluster(real_bucket(self.bucket), url)
        self.context = self.cluster.context()
        self.addCleanup(self.context.database.close)

    def create(self) -> str:
        """Make the database; its URL."""
        return self.postgresql.create("homeftp")

    def assert_survives(self, crash: Callable[[int], None], crashes: int = CRASHES) -> None:
        """Crash an engine, and start it again, again and again; nothing is lost, and nothing is stored twice."""
        command = [sys.executable, "-m", "tests.support.casworker", self.cluster.url, self.bucket]
        workers = [
            subprocess.Popen(
                [*command, self.cluster.cluster.share, str(number), "1000000"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # its words about the crashes
                text=True,
                env=environment(**object_server().environment()),
            )
            for number in range(2)
        ]
        stored: list[list[list[str]]] = [[], []]
        readers = [
            threading.Thread(target=self._read, args=(worker, lines))
            for worker, lines in zip(workers, stored, strict=True)
        ]
        for reader in readers:
            reader.start()
        try:
            for number in range(crashes + 1):
                wanted = [len(lines) + BETWEEN for lines in stored]
                wait_until(partial(self._reached, stored, wanted), lambda: [len(lines) for lines in stored], WITHIN * 2)
                crash(number)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(60)
            for reader in readers:
                reader.join(60)
        store = ClusterStore(self.context)
        wait_until(partial(self._answers, store), within=WITHIN * 2)
        found = chains(store)
        acknowledged = [line for lines in stored for line in lines]
        self.assertGreater(len(acknowledged), crashes * BETWEEN)
        self.assertEqual([line for line in acknowledged if line[2] not in found[line[0]]], [])
        self.assertEqual(clusterchecks.faults(self.context.database), [])
        share = self.cluster.cluster.share
        self.assertEqual(clusterchecks.missing_objects(self.context.database, self.cluster.bucket, share), [])

    def _answers(self, store: ClusterStore) -> bool:
        try:
            store.probe()
        except Busy:
            return False
        return True

    def _reached(self, stored: list[list[list[str]]], wanted: list[int]) -> bool:
        return all(len(lines) >= count for lines, count in zip(stored, wanted, strict=True))

    def _read(self, worker: subprocess.Popen[str], lines: list[list[str]]) -> None:
        assert worker.stdout is not None
        with worker.stdout:
            for line in worker.stdout:
                words = line.split()
                if line.endswith("\n") and len(words) == 3:
                    lines.append(words)
