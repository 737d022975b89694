"""The database crashes while servers write: what was acknowledged is kept, and the servers go on by themselves."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.store import ClusterStore
from tests.support import clusterchecks, engines
from tests.support.chains import chains
from tests.support.clusters import Cluster, real_bucket, real_bucket_url
from tests.support.needs import LONG
from tests.support.processes import environment
from tests.support.waiting import WITHIN, wait_until

CRASHES = 50 if LONG else 2

BETWEEN = 15
"""Contents that are stored between two crashes, at least."""


class CrashTests(SynchronousTestCase):
    """A database of its own, as durable as it comes."""

    def test_crashes(self) -> None:
        """Nothing that was acknowledged is lost, nothing is stored twice, and each server finds the database again."""
        server = engines.PostgreSQL(durable=True)
        self.addCleanup(server.stop, signal.SIGQUIT)
        url, bucket = server.create("homeftp"), real_bucket_url()
        database = Database(url, connections=2)
        self.addCleanup(database.close)
        migrate(database, [STORE])
        cluster = Cluster(real_bucket(bucket), url)
        context = cluster.context()
        self.addCleanup(context.database.close)
        command = [sys.executable, "-m", "tests.support.casworker", url, bucket, cluster.cluster.share]
        workers = [
            subprocess.Popen(
                [*command, str(number), "1000000"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what it says of the crashes
                text=True,
                env=environment(**engines.seaweedfs().environment()),
            )
            for number in range(2)
        ]
        stored: list[list[list[str]]] = [[], []]
        readers = [
            threading.Thread(target=self.read, args=(worker, lines))
            for worker, lines in zip(workers, stored, strict=True)
        ]
        for reader in readers:
            reader.start()
        try:
            for _ in range(CRASHES + 1):
                wanted = [len(lines) + BETWEEN for lines in stored]
                wait_until(partial(self.reached, stored, wanted), lambda: [len(lines) for lines in stored], WITHIN * 2)
                server.stop(signal.SIGQUIT)
                server.start()
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(60)
            for reader in readers:
                reader.join(60)
        found = chains(ClusterStore(context))
        acknowledged = [line for lines in stored for line in lines]
        self.assertGreater(len(acknowledged), CRASHES * BETWEEN)
        self.assertEqual([line for line in acknowledged if line[2] not in found[line[0]]], [])
        self.assertEqual(clusterchecks.faults(context.database), [])
        missing = clusterchecks.missing_objects(context.database, cluster.bucket, cluster.cluster.share)
        self.assertEqual(missing, [])

    def reached(self, stored: list[list[list[str]]], wanted: list[int]) -> bool:
        """Whether each worker has stored so much."""
        return all(len(lines) >= count for lines, count in zip(stored, wanted, strict=True))

    def read(self, worker: subprocess.Popen[str], lines: list[list[str]]) -> None:
        """Take what a worker says."""
        assert worker.stdout is not None
        with worker.stdout:
            for line in worker.stdout:
                words = line.split()
                if line.endswith("\n") and len(words) == 3:
                    lines.append(words)
