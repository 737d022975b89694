"""Streams that a test or another program has put in place; tests/system/cli/test_standard.py has the real ones."""

from __future__ import annotations

import io
import os
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal import stdstreams
from homeftp.errors import OperatorError


class StreamTests(SynchronousTestCase):
    """install_streams, and the classes that it installs."""

    def test_foreign_streams_stay(self) -> None:
        """A stream that is not the interpreter's own is left in place."""
        streams = [io.StringIO(), io.StringIO(), io.StringIO()]
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            self.patch(sys, name, stream)
        stdstreams.install_streams()
        self.assertEqual([sys.stdin, sys.stdout, sys.stderr], streams)

    def test_output_fails_once(self) -> None:
        """The first failing write raises OperatorError; later ones are discarded, for the interpreter's last flush."""
        reading, writing = os.pipe()
        os.close(writing)
        output = stdstreams._StandardOutput(reading, "r+", closefd=True)
        self.addCleanup(output.close)
        error = self.assertRaises(OperatorError, output.write, b"line")
        self.assertEqual(str(error), "cannot write to standard output: Bad file descriptor")
        self.assertEqual(output.write(b"line"), 4)

    def test_error_never_fails(self) -> None:
        """A failing write to standard error is ignored."""
        reading, writing = os.pipe()
        os.close(writing)
        errors = stdstreams._StandardError(reading, "r+", closefd=True)
        self.addCleanup(errors.close)
        self.assertEqual(errors.write(b"line"), 4)

    def test_input_fails(self) -> None:
        """A failing read raises OperatorError."""
        reading, writing = os.pipe()
        os.close(reading)
        stream = stdstreams._StandardInput(writing, "r+", closefd=True)
        self.addCleanup(stream.close)
        error = self.assertRaises(OperatorError, stream.readinto, bytearray(1))
        self.assertEqual(str(error), "cannot read standard input: Bad file descriptor")
