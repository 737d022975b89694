"""The processes that the tests themselves start: none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support.processes import REPOSITORY, environment
from tests.support.waiting import wait_until

SCRIPT = """
import signal
from tests.support.processes import ServerProcess

server = ServerProcess("--no-announce")
print(server.process.pid, flush=True)
signal.pause()
"""


class ProcessTests(SynchronousTestCase):
    """A server of a test run."""

    def test_killed_run(self) -> None:
        """It is killed with the test run that has started it, which could not end it; until then it runs."""
        folder = self.mktemp()
        os.makedirs(folder)
        command = [sys.executable, "-c", SCRIPT]
        env = environment(PYTHONPATH=REPOSITORY)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=folder) as run:
            assert run.stdout is not None
            server = int(run.stdout.readline())
            self.addCleanup(end, server)
            self.assertTrue(is_running(server), "the control")
            run.send_signal(signal.SIGKILL)
            run.wait()
            wait_until(lambda: not is_running(server))


def is_running(process: int) -> bool:
    """Whether there is a process of that number."""
    return os.path.exists(f"/proc/{process}/exe")


def end(process: int) -> None:
    """Kill it, if it is there still."""
    if is_running(process):
        os.kill(process, signal.SIGKILL)
