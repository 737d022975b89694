"""Several paths of which some are refused."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from homeftp.cli.commands.files.attempts import attempt_each
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import ConnectionFailed, Corrupted
from homeftp.errors import NotFound
from tests.support.commandline import CommandCase


class AttemptTests(CommandCase):
    """attempt_each."""

    def test_worst(self) -> None:
        """All are tried, each refusal is a line, and the worst exit code counts; a lost connection ends it."""
        done: list[str] = []

        async def work(item: str) -> Exit | None:
            done.append(item)
            if item == "missing":
                raise NotFound("there is no such file")
            if item == "corrupt":
                raise Corrupted
            if item == "lost":
                raise ConnectionFailed("the connection was lost")
            return Exit.DIFFERS if item == "differs" else None

        for items, expected in (
            ("fine", Exit.DONE),
            ("fine differs fine", Exit.DIFFERS),
            ("missing differs fine", Exit.REFUSED),
            ("corrupt missing", Exit.UNREACHABLE),
        ):
            done.clear()
            attempted = Deferred.fromCoroutine(attempt_each(items.split(), work))
            self.assertEqual((self.successResultOf(attempted), done), (expected, items.split()))
        self.assertEqual(self.err.getvalue().count("homeftp: there is no such file\n"), 2)
        failed = Deferred.fromCoroutine(attempt_each(["lost", "fine"], work))
        self.failureResultOf(failed, ConnectionFailed)
