"""The exit code and the one line of each kind of exception."""

from __future__ import annotations

import os
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import report_failure, tracebacks_wanted
from homeftp.client import ConnectionFailed, Corrupted
from homeftp.errors import Forbidden, OperatorError, UntrustedServer
from tests.support.commandline import Output


class FailureTests(SynchronousTestCase):
    """report_failure."""

    def setUp(self) -> None:
        self.err = Output()
        self.patch(sys, "stderr", self.err)
        self.patch(os, "environ", {})

    def test_known(self) -> None:
        """Every expected exception has its exit code, and its message is the line."""
        for error, code in (
            (OperatorError("choose another"), Exit.USAGE),
            (Forbidden("not yours"), Exit.REFUSED),
            (UntrustedServer("not the one"), Exit.UNREACHABLE),
            (ConnectionFailed("not there"), Exit.UNREACHABLE),
            (Corrupted(), Exit.UNREACHABLE),
        ):
            self.err.clear()
            self.assertEqual(report_failure(error), code)
            self.assertEqual(self.err.getvalue(), f"homeftp: {error}\n")

    def test_file(self) -> None:
        """An OSError names its file; a name that is not text is escaped."""
        self.assertEqual(report_failure(FileNotFoundError(2, "No such file", b"a\xff")), Exit.USAGE)
        self.assertEqual(self.err.getvalue(), "homeftp: a\\udcff: No such file\n")

    def test_fault(self) -> None:
        """Any other exception is one line that says how to see the traceback; or is raised, if that is wanted."""
        self.assertEqual(report_failure(ZeroDivisionError("by zero")), Exit.FAULT)
        self.assertEqual(
            self.err.getvalue(),
            "homeftp: internal error in homeftp: ZeroDivisionError: by zero. "
            "Set HOMEFTP_TRACEBACK=1 to see the traceback.\n",
        )
        self.assertFalse(tracebacks_wanted())
        os.environ["HOMEFTP_TRACEBACK"] = "1"
        self.assertTrue(tracebacks_wanted())
        self.assertRaises(ZeroDivisionError, report_failure, ZeroDivisionError())
