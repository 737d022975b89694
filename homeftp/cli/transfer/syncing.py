"""Running a sync with its plan, question, progress and summary; once, or whenever something has changed."""

from __future__ import annotations

import argparse
import os
import sys
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
    ChangeSignal,
    LocalWatch,
    SyncArchive,
    SyncDeclined,
    SyncResult,
    follow_server,
    keep_in_step,
    parse_remote_path,
    run_sync,
    sync_path,
)
from homeftp.errors import counted

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor, SyncPlan, SyncRequest, TransferContext


class SyncCommand:
    """Carries out a request as the options say."""

    def __init__(
        self,
        reactor: IClientReactor,
        options: argparse.Namespace,
        client: Client,
        context: TransferContext,
        request: SyncRequest,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._client = client
        self._context = context
        self._request = request
        self._asks = not (options.yes or request.expected is not None)
        self._said: set[Complaint] | None = set() if options.watch else None
        """What a person has to look at since the last sync, and need not be told with each one."""
        self.declined = False
        """Whether the person did not want the plan to be carried out."""

    async def once(self, *, only_changes: bool = False) -> Exit:
        """Sync, and print the result; with `only_changes` nothing where there was nothing to do."""
        options = self._options
        output = TransferOutput(self._reactor, options, self._request.local, self._said)
        reconnector = self._context.reconnector
        if reconnector is not None:
            reconnector.notify = output.report.notice
        shown = PlanScreen(self._reactor, options, self._request, output.screen, asks=self._asks)
        request = attrs.evolve(self._request, confirm=shown.confirm)
        results: list[SyncResult] = []

        async def work() -> None:
            archive = await self._context.workers.run(SyncArchive, sync_path(os.environ))
            client = self._client if reconnector is None or reconnector.client is None else reconnector.client
            try:
                results.append(await run_sync(client, self._context, archive, request, output.observer))
            finally:
                await self._context.workers.run_unbounded(archive.close)

        try:
            await output.run(work())
        except SyncDeclined as declined:
            self.declined = True
            print(declined, file=sys.stderr)
            return Exit.DIFFERS
        (result,) = results
        if self._said is not None:
            self._said = output.report.complaints
        if options.dry_run:
            shown.print_plan(result.plan)
        idle = all(only_changes and each.act is Act.SUSPICIOUS for each in result.plan.actions)
        if idle and not options.json:
            if not (options.quiet or only_changes):
                files = counted(result.files, "file")
                print(f"Nothing to do ({files} compared in {result.seconds:.1f} s).", file=sys.stderr)
            return exit_code(output.observer)
        if options.dry_run:
            return Exit.DIFFERS if result.plan.actions else Exit.DONE
        return output.report.finish(output.observer)

    async def keep_in_step(self, connect: Callable[[], Awaitable[Client]]) -> Exit:
        """Sync whenever something has changed on either side, until it is cancelled; nothing is asked any more.

        `connect` makes the connections over which the server says that something has changed.
        """
        from twisted.internet.defer import Deferred

        self._asks = False
        self._request = attrs.evolve(self._request, start_over=False)
        if not self._options.quiet:
            print(f"Keeping {printable(self._request.local)} in step. Ctrl-C ends it.", file=sys.stderr, flush=True)
        endpoint = str(parse_remote_path(self._request.remote).endpoint)
        signal = ChangeSignal(self._reactor)
        local = LocalWatch(self._reactor, self._request.local, signal.changed, print_error)
        following = Deferred.fromCoroutine(follow_server(self._reactor, connect, endpoint, signal.changed, print_error))
        try:
            await keep_in_step(self._reactor, signal, lambda: self.once(only_changes=True), following, print_error)
        finally:
            following.cancel()
            local.stop()
            signal.close()
        return Exit.DONE


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
    ) -> None:
        """With `asks` nothing is carried out without a yes."""
        self._reactor = reactor
        self._options = options
        self._request = request
        self._screen = screen
        self._asks = asks

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
            for text in describe_plan(plan):
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
            for text in describe_plan(plan, MOST_SHOWN):
                print(text, file=sys.stderr)
            print_question("Do this?")
            typed = await DaemonThread(self._reactor).call(read_line, MAX_ANSWER)
            answered = bool(typed)
        finally:
            self._screen.end_question(answered=answered)
        return is_yes(typed)
