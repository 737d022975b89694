"""Several server processes replace the same few files: nothing is lost, and a process that is killed loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.cluster.store import ClusterStore
from tests.support import clusterchecks
from tests.support.chains import chains
from tests.support.clusters import Cluster, new_database, real_bucket, real_bucket_url
from tests.support.needs import LONG
from tests.support.objectserver import object_server
from tests.support.processes import environment

PROCESSES = 3
SWAPS = 1000 if LONG else 40


class SwapTests(SynchronousTestCase):
    """Compare and swap."""

    def setUp(self) -> None:
        """A share with nothing in it."""
        self.bucket = real_bucket_url()
        self.cluster = Cluster(real_bucket(self.bucket), new_database())
        self.context = self.cluster.context()
        self.addCleanup(self.context.database.close)
        self.store = ClusterStore(self.context)

    def run_processes(self, *flags: str, kill: bool = False) -> list[list[str]]:
        """All that the processes say they have stored: path, the hash before and the hash after."""
        command = [sys.executable, "-m", "tests.support.casworker", self.cluster.url, self.bucket]
        counts = ["1000000" if kill else str(SWAPS), *[str(SWAPS)] * (PROCESSES - 1)]  # it does not end before
        started = [
            subprocess.Popen(
                [*command, self.cluster.cluster.share, str(number), count, *flags],
                stdout=subprocess.PIPE,
                text=True,
                env=environment(**object_server().environment()),
            )
            for number, count in enumerate(counts)
        ]
        first = ""
        if kill:
            assert started[0].stdout is not None
            first = "".join(started[0].stdout.readline() for _ in range(SWAPS // 20))
            os.kill(started[0].pid, signal.SIGKILL)
            first += started[0].stdout.read()  # what was read ahead too, which `communicate` does not give
        outputs = [each.communicate(timeout=600)[0] for each in started]
        self.assertEqual([each.returncode for each in started], [-signal.SIGKILL if kill else 0, 0, 0])
        return [line.split() for line in (first + "".join(outputs)).splitlines()]

    def assert_kept(self, stored: list[list[str]]) -> None:
        """Each content that was acknowledged is in the chain of its path."""
        found = chains(self.store)
        for path, _, hash in stored:
            self.assertIn(hash, found[path])
        twice = Counter((path, old) for path, old, _ in stored)
        self.assertEqual([each for each, count in twice.items() if count > 1], [])
        self.assertEqual(clusterchecks.faults(self.context.database), [])
        share = self.cluster.cluster.share
        self.assertEqual(clusterchecks.missing_objects(self.context.database, self.cluster.bucket, share), [])

    def test_chains(self) -> None:
        """Each content that replaced another one replaced just that: the contents of a path are one chain."""
        stored = self.run_processes()
        self.assertGreaterEqual(len(stored), SWAPS // 2)
        self.assert_kept(stored)
        self.assertEqual(sum(map(len, chains(self.store).values())), len(stored))

    def test_killed(self) -> None:
        """What a process has acknowledged before it is killed is kept, and the others go on."""
        stored = self.run_processes(kill=True)
        self.assertGreaterEqual(len(stored), SWAPS // 4)
        self.assert_kept(stored)
        self.assertIn(
            sum(map(len, chains(self.store).values())) - len(stored), (0, 1), "the last one was not acknowledged"
        )

    def test_without_locks(self) -> None:
        """The control: without the lock on its row two writers replace the same content, and that is noticed."""
        for _ in range(10):
            stored = self.run_processes("--without-locks")
            try:
                self.assert_kept(stored)
            except AssertionError:
                return
        self.fail("nothing was lost without a lock")
