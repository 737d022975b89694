"""Yes-or-no questions."""

from __future__ import annotations

import sys

from twisted.internet.defer import Deferred

from homeftp.cli.terminal.asking import can_ask, confirm, confirm_in_thread, is_yes
from tests.support.commandline import CommandCase, Input, Output
from tests.support.reactors import ThreadCalls


class AskingTests(CommandCase):
    """can_ask and confirm."""

    def test_can_ask(self) -> None:
        """Only a terminal can be asked at."""
        self.patch(sys, "stdin", Input(b""))
        self.assertFalse(can_ask())
        self.patch(sys, "stdin", Output(terminal=True))
        self.assertFalse(can_ask())
        self.patch(sys, "stderr", Output(terminal=True))
        self.assertTrue(can_ask())

    def test_confirm(self) -> None:
        """Only y and yes are a yes; the end of the input is a no."""
        for typed, expected in ((b"y\n", True), (b"Yes\n", True), (b"\n", False), (b"no\n", False), (b"", False)):
            self.patch(sys, "stdin", Input(typed))
            self.assertEqual(confirm("Sure?"), expected, typed)
        self.assertEqual(self.err.getvalue(), "Sure? [y/N] " * 5 + "\n", "Ctrl-D ends no line")

    def test_in_thread(self) -> None:
        """The reactor's thread does not wait for the answer, and gets it."""
        reactor = ThreadCalls()
        for typed, expected in ((b"y\n", True), (b"\n", False)):
            self.patch(sys, "stdin", Input(typed))
            asked = Deferred.fromCoroutine(confirm_in_thread(reactor, "Sure?"))
            self.assertNoResult(asked)
            reactor.run()
            self.assertEqual(self.successResultOf(asked), expected)

    def test_is_yes(self) -> None:
        """Case and spaces do not count; a word that only begins like a yes is none."""
        for answer, expected in ((b" YES \r\n", True), (b"Y", True), (b"yeah\n", False), (b"", False)):
            self.assertEqual(is_yes(answer), expected, answer)
