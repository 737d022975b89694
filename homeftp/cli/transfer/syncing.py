"""Running a sync with its plan, question, progress and summary; once, or whenever something has changed."""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Awaitable, Callable

import attrs

from homeftp.cli.terminal.asking import MAX_ANSWER, is_yes, print_question
from homeftp.cli.terminal.daemonthread import DaemonThread
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.stdstreams import read_line
from homeftp.cli.terminal.text import print_json, printable
from homeftp.cli.transfer.output import TransferOutput
from homeftp.cli.transfer.planreport import MOST_SHOWN, describe_plan
from homeftp.cli.transfer.report import Complaint, exit_code
from homeftp.cli.transfer.screen import Screen
from homeftp.client import (
    Act,
    ConnectionFailed,
    SyncArchive,
    SyncDeclined,
    SyncResult,
    parse_remote_path,
    run_sync,
    sync_path,
)
from homeftp.errors import InUse, counted

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from homeftp.client import Client, IClientReactor, Scope, SyncPlan, SyncRequest, TransferContext, TransferObserver

LOCKED_SECONDS = 30.0
"""A sync waits for another one of the same folder for so long: a watch takes less to compare 100,000 files."""

LOCK_POLL_SECONDS = 0.1
"""Between two tries to lock the folder."""


class SyncListener:
    """Is told how the syncs of a pair go; this one does nothing."""

    def begins(self, observer: TransferObserver) -> None:
        """A sync begins, which reports to `observer`."""

    def notice(self, message: str) -> None:
        """The connection was lost, or made again, or the sync waits for another one."""

    def unreachable(self, problem: Exception) -> None:
        """The server cannot be watched, and may be out of step; a sync follows when it can."""

    def ended(self, result: SyncResult, *, in_step: bool) -> None:
        """A sync has ended; `in_step` says whether both sides are the same now, as far as they can be."""

    def failed(self, problem: Exception) -> None:
        """A sync was not carried out, or not to its end."""


class SyncCommand:
    """Carries out a request as the options say.

    `label` names the pair in all lines, where several are synced; `listener` is told how each sync goes.
    """

    def __init__(
        self,
        reactor: IClientReactor,
        options: argparse.Namespace,
        connect: Callable[[], Awaitable[Client]],
        context: TransferContext,
        request: SyncRequest,
        *,
        label: str = "",
        listener: SyncListener | None = None,
    ) -> None:
        """`connect` gives the first connection; it is called until it has."""
        self._reactor = reactor
        self._options = options
        self._connect = connect
        self._client: Client | None = None
        self._context = context
        self._request = request
        self._label = label
        self._prefix = f"{printable(label)}: " if label else ""
        self._listener = listener or SyncListener()
        self._asks = not (options.yes or request.expected is not None)
        self._said: set[Complaint] | None = set() if options.watch else None
        """The files that a person has to look at since the last sync, each named once."""
        self._reasons: set[str] = set()
        """Why the connection was lost, and could not be made again, since there was one: a watch says each once."""
        self._problem = ""
        """Why the last sync was not carried out; "" if it was."""
        self.declined = False
        """Whether the person did not want the plan to be carried out."""

    async def once(self) -> Exit:
        """Sync, and print the result."""
        return (await self._sync())[0]

    async def _sync(self, *, only_changes: bool = False) -> tuple[Exit, Scope]:
        """Sync, and print the result; with `only_changes` nothing where there was nothing to do. Gives what is left."""
        options = self._options
        output = TransferOutput(self._reactor, options, self._request.local, self._said, self._label)
        screen = PlanScreen(self._reactor, options, self._request, output.screen, asks=self._asks, label=self._label)
        try:
            result = await self._run(output, screen)
        except SyncDeclined as declined:
            self.declined = True
            print(f"{self._prefix}{declined}", file=sys.stderr)
            return Exit.DIFFERS, self._request.scope
        except Exception as problem:
            self._listener.failed(problem)
            raise
        self._problem = ""
        self._reasons.clear()
        if self._said is not None:
            kept = {each for each in self._said if each[1] not in self._request.scope}
            self._said = kept | output.report.complaints
        if options.dry_run:
            screen.print_plan(result.plan)
        else:
            self._listener.ended(result, in_step=exit_code(output.observer) is Exit.DONE)
        idle = all(only_changes and each.act is Act.SUSPICIOUS for each in result.plan.actions)
        if idle and not options.json:
            if not (options.quiet or only_changes):
                files = counted(result.files, "file")
                print(f"{self._prefix}Nothing to do ({files} compared in {result.seconds:.1f} s).", file=sys.stderr)
            return exit_code(output.observer), result.left
        if options.dry_run:
            return Exit.DIFFERS if result.plan.actions else Exit.DONE, result.left
        return output.report.print_summary(output.observer), result.left

    async def _run(self, output: TransferOutput, screen: PlanScreen) -> SyncResult:
        """Sync; raises what `run_sync` raises, and why output cannot be written."""
        self._listener.begins(output.observer)
        request = attrs.evolve(self._request, confirm=screen.confirm)
        results: list[SyncResult] = []

        def notify(message: str) -> None:
            self._listener.notice(message)
            reason = message.rpartition(": ")[0]
            if not (self._options.watch and reason in self._reasons):
                output.report.notice(message)
            if reason:
                self._reasons.add(reason)
            else:  # it is connected again
                self._reasons.clear()

        async def work() -> None:
            client = await self._connected(notify)
            archive = await self._context.workers.run(SyncArchive, sync_path(os.environ))
            try:
                sync = partial(run_sync, client, self._context, archive, request, output.observer)
                results.append(await when_unlocked(self._reactor, sync, notify))
            finally:
                await self._context.workers.run_unbounded(archive.close)

        await output.run(work())
        return results[0]

    async def _connected(self, notify: Callable[[str], None]) -> Client:
        """The newest connection, whose troubles are told to `notify`."""
        reconnector = self._context.reconnector
        if reconnector is not None:
            reconnector.notify = notify
            if reconnector.client is not None:
                return reconnector.client
        if self._client is None:
            self._client = await self._connect()
        return self._client

    async def keep_in_step(self, connect: Callable[[], Awaitable[Client]], *, at_once: bool = False) -> Exit:
        """Sync what has changed on either side, whenever something has, until it is cancelled; nothing is asked then.

        `connect` makes the connections over which the server says that something has changed. With `at_once` the first
        sync waits for no change, and not for the server either: so it is known soon that it cannot be reached.
        """
        from twisted.internet.defer import Deferred

        from homeftp.client import ChangeSignal, LocalWatch, follow_server, keep_in_step

        self._asks = False
        self._request = attrs.evolve(self._request, start_over=False)
        if not self._options.quiet:
            print(f"Keeping {printable(self._request.local)} in step. Ctrl-C ends it.", file=sys.stderr, flush=True)
        endpoint = str(parse_remote_path(self._request.remote).endpoint)
        signal = ChangeSignal(self._reactor)
        notify = self._print_problem
        strict = self._request.selection.strict_names
        local = LocalWatch(self._reactor, self._request.local, signal.changed, notify, strict_names=strict)
        follow = follow_server(self._reactor, partial(self._follow, connect), endpoint, signal.changed, notify)
        following = Deferred.fromCoroutine(follow)
        if at_once:
            signal.changed()
        try:
            await keep_in_step(self._reactor, signal, self._sync_again, following, notify, self._rest)
        finally:
            following.cancel()
            local.stop()
            signal.close()
        return Exit.DONE

    async def _follow(self, connect: Callable[[], Awaitable[Client]]) -> Client:
        """Connect, to be told of changes; what keeps the server from telling is told to the listener."""
        try:
            return await connect()
        except ConnectionFailed as problem:
            self._listener.unreachable(problem)
            raise

    async def _sync_again(self, scope: Scope) -> Scope:
        """Sync this, on what may be another day than the first time; gives what is left."""
        options = attrs.evolve(self._request.options, day=today())
        self._request = attrs.evolve(self._request, options=options, scope=scope)
        _, left = await self._sync(only_changes=True)
        return left

    def _rest(self) -> None:
        """Give back memory: the next change may be hours away."""
        self._context.workers.run_unbounded(self._context.rest)

    def _print_problem(self, message: str) -> None:
        """Print why a sync was not carried out; once, where the next ones fail in the same way."""
        if message != self._problem:
            print_error(f"{self._prefix}{message}")
        self._problem = message


async def when_unlocked(
    clock: IReactorTime, sync: Callable[[], Awaitable[SyncResult]], notify: Callable[[str], object]
) -> SyncResult:
    """Run `sync`, again and again while another process syncs the folder: `notify` is called with which one, once.

    Raises `InUse` where that has not ended after `LOCKED_SECONDS`, and what `sync` raises.
    """
    from twisted.internet.task import deferLater

    until: float | None = None
    while True:
        try:
            return await sync()
        except InUse as problem:
            if until is None:
                until = clock.seconds() + LOCKED_SECONDS
                notify(f"{problem}: waiting for up to {LOCKED_SECONDS:.0f} s until that has ended")
            elif clock.seconds() >= until:
                raise InUse(f"{problem}: wait until that has ended, or stop it") from None
        await deferLater(clock, LOCK_POLL_SECONDS)


def today() -> str:
    """The day in the names of copies that a conflict leaves."""
    return time.strftime("%Y-%m-%d")


class PlanScreen:
    """Prints the plan of a sync, and asks whether it is right."""

    def __init__(
        self,
        reactor: IClientReactor,
        options: argparse.Namespace,
        request: SyncRequest,
        screen: Screen,
        *,
        asks: bool,
        label: str = "",
    ) -> None:
        """With `asks` nothing is carried out without a yes; a `label` is printed above the plan."""
        self._reactor = reactor
        self._options = options
        self._request = request
        self._screen = screen
        self._asks = asks
        self._heading = [f"{printable(label)}:"] if label else []

    def print_plan(self, plan: SyncPlan) -> None:
        """Print the whole plan on standard output."""
        from homeftp.client import plan_lines

        request = self._request
        if self._options.json:
            local = os.path.realpath(request.local)
            for line in plan_lines(
                plan, request.options, request.selection, local=local, remote=request.server, endpoint=request.remote
            ):
                print_json(line)
        elif plan.actions:
            for text in (*self._heading, *describe_plan(plan)):
                print(text)

    async def confirm(self, plan: SyncPlan) -> bool:
        """Print what is needed of the plan; whether the person, who may have said so before, wants it."""
        if self._options.json:
            self.print_plan(plan)
        if not self._asks:
            return True
        self._screen.begin_question()
        answered = False
        try:
            for text in (*self._heading, *describe_plan(plan, MOST_SHOWN)):
                print(text, file=sys.stderr)
            print_question("Do this?")
            typed = await DaemonThread(self._reactor).call(read_line, MAX_ANSWER)
            answered = bool(typed)
        finally:
            self._screen.end_question(answered=answered)
        return is_yes(typed)
