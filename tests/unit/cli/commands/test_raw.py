"""`homeftp raw` without a terminal: its two outputs; tests/system/cli/test_raw.py talks to a server."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.commands.raw import FormattedOutput, RawOutput, TypedPayload
from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import CommandCase


class OutputTests(SynchronousTestCase):
    """RawOutput and FormattedOutput."""

    def test_raw(self) -> None:
        """In a pipe every byte passes unchanged."""
        pipe = io.BytesIO()
        output = RawOutput(pipe)
        output.line(b'{"status":0}')
        output.payload(b"\x00\xff", 0)
        self.assertEqual(pipe.getvalue(), b'{"status":0}\n\x00\xff')

    def test_formatted(self) -> None:
        """At a terminal a response is indented, short text is displayed escaped, and of anything else the size."""
        for pieces, displayed in (
            ([b"two\n", b"\x1b[31m"], b"two\n\\x1b[31m\n"),
            ([b"\x00\xff"], b"(2 bytes)\n"),
            ([b"a" * 4096, b"a"], b"(4097 bytes)\n"),
        ):
            terminal = io.BytesIO()
            output = FormattedOutput(terminal)
            output.line(b'{"status": 0}')
            rest = sum(map(len, pieces))
            for piece in pieces:
                rest -= len(piece)
                output.payload(piece, rest)
            self.assertEqual(terminal.getvalue(), b'{\n  "status": 0\n}\n' + displayed)


class PayloadTests(SynchronousTestCase):
    """TypedPayload."""

    def test_bounded(self) -> None:
        """The reading thread may be a bounded number of pieces ahead; each piece that is taken makes space for one."""
        payload = TypedPayload(100)
        for _ in range(16):
            payload.wait()
            payload.put(b"x")
        self.assertFalse(payload._free.acquire(blocking=False))
        with self.assertRaises(StopIteration) as done:
            payload.read().send(None)
        self.assertEqual(done.exception.value, b"x")
        self.assertTrue(payload._free.acquire(blocking=False))


class RawTests(CommandCase):
    """The command line."""

    def test_path(self) -> None:
        """A path is refused with what to write."""
        self.assertEqual(self.homeftp("raw", "nas:lib"), Exit.USAGE)
        self.assertEqual(self.err.getvalue(), "homeftp: raw takes a server's name without a path: homeftp raw nas\n")
