"""`homeftp serve` short of a server: its log lines; tests/system/cli/test_serve.py starts one."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.owner.serve import add_arguments, observer
from tests.support.commandline import Output


class ObserverTests(SynchronousTestCase):
    """observer."""

    def setUp(self) -> None:
        self.out, self.err = Output(), Output()
        self.patch(sys, "__stdout__", self.out)
        self.patch(sys, "__stderr__", self.err)

    def log(self, **event: Any) -> tuple[str, str]:
        observer()(event)
        return self.out.getvalue(), self.err.getvalue()

    def test_own_lines(self) -> None:
        """Our own lines are printed unchanged: information on standard output, the rest on standard error."""
        self.log(log_namespace="homeftp.server", log_format="sharing {x}", x="a", log_level=LogLevel.info)
        printed = self.log(log_namespace="homeftp.server", log_format="careful", log_level=LogLevel.warn)
        self.assertEqual(printed, ("sharing a\n", "careful\n"))

    def test_others(self) -> None:
        """Of other libraries only errors are printed, with the traceback of a failure."""
        self.log(log_namespace="twisted", log_format="Starting", log_level=LogLevel.info)
        self.assertEqual(self.log(log_namespace="twisted", log_format="odd", log_level=LogLevel.warn), ("", ""))
        failure = Failure(ZeroDivisionError("by zero"))
        _, errors = self.log(
            log_namespace="twisted", log_format="bad", log_failure=failure, log_level=LogLevel.critical
        )
        self.assertIn("by zero", errors)


class CompletionTests(SynchronousTestCase):
    """add_arguments."""

    def test_options(self) -> None:
        """Every option of the server is declared for completion, folders as folders."""
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        declared = {action.dest: action for action in parser._actions}
        self.assertIn("listen_tls", declared)
        self.assertIn("complete", vars(declared["state"]))
        self.assertNotIn("complete", vars(declared["quota"]))
