"""A command line that runs inside the test's own process, with its standard streams captured."""

from __future__ import annotations

import io
import os
import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, Sequence
from unittest import mock

from homeftp.accounts.passwords import Cost
from homeftp.cli.main import main
from homeftp.cli.owner import account
from homeftp.cli.table import COMMANDS, Command
from homeftp.cli.terminal.asking import confirm
from homeftp.client import TransferContext
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase
from tests.support.transfers import TransferCase


class _CheapAccount(Command):
    """`homeftp account` whose passwords cost next to nothing to check."""

    def load(self) -> Any:
        run: partial[int] = partial(account.run, cost=Cost(n=2, r=1, p=1))
        return SimpleNamespace(add_arguments=account.add_arguments, run=run)


CHEAP_PASSWORDS = {**COMMANDS, "account": _CheapAccount(*COMMANDS["account"])}
"""The commands, for tests that are not about the cost of a password."""


MOMENT = r"[0-9-]{10} [0-9:]{8}\.[0-9]{6}"
"""A pattern for a version's time as commands print it."""


async def confirm_here(reactor: object, question: str) -> bool:
    """`confirm_in_thread` without a thread."""
    return confirm(question)


class Input(io.TextIOWrapper):
    """Standard input that is not a terminal."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


class Output(io.TextIOWrapper):
    """Standard output or error that remembers what was written; a terminal if `terminal`."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def getvalue(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()

    def clear(self) -> None:
        self.seek(0)
        self.truncate()


class CommandCase(QuickCase):
    """Tests that call `main`; `out` and `err` hold what the last command printed."""

    def setUp(self) -> None:
        super().setUp()
        self.out, self.err = Output(), Output()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def homeftp(self, *arguments: str, typed: bytes = b"") -> int:
        """Run one command line with `typed` on standard input; returns the exit code."""
        self.out.clear()
        self.err.clear()
        self.patch(sys, "stdin", Input(typed))
        try:
            return main(arguments)
        except SystemExit as end:  # of argparse
            assert isinstance(end.code, int)
            return end.code


class RemoteCommandCase(CommandCase, TransferCase):
    """The same for commands that use a server: `nas` is one in memory, and the client is logged in to it as ann."""

    def forget_syncs(self) -> None:
        """Let commands remember what they sync in a new folder."""
        home = mock.patch.dict(os.environ, HOMEFTP_HOME=self.mktemp())
        home.start()
        self.addCleanup(home.stop)

    def homeftp(self, *arguments: str, typed: bytes = b"") -> int:
        """Run one command line over the test's own connection; returns the exit code."""
        command = "sync" if arguments[0] == "clone" else arguments[0]  # a clone is a sync
        packages = ("homeftp.cli.commands", "homeftp.cli.commands.files", "homeftp.cli.commands.past")
        names = [f"{package}.{command}" for package in packages]
        module = next(name for name in names if find_spec(name) is not None)

        def with_client(name: str, work: Any) -> int:
            self.assertEqual(name, "nas")
            status: int = self.run_work(work(self.server.clock, self.client))
            return status

        def with_remote(
            name: str, work: Any, bandwidth: float | None = None, uses: Sequence[str] = (), ask: Any = None
        ) -> int:
            if ask is not None:
                ask(self.client)
            context = TransferContext(InlineWorkers(), System(), self.context.hash_cache, seen=self.context.seen)
            return with_client(name, lambda reactor, client: work(reactor, client, context))

        used = next(each for each in (with_client, with_remote) if hasattr(import_module(module), each.__name__))
        with mock.patch(f"{module}.{used.__name__}", used):
            return super().homeftp(*arguments, typed=typed)
