"""Syncing several pairs in one process: each once, or each in a loop of its own that keeps it in step.

What stops one pair is a message, and no other pair notices.
"""

from __future__ import annotations

import argparse
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, AsyncIterator, Awaitable, Callable, Iterable, NamedTuple, Sequence

import attrs
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from homeftp.cli.pairs.recorder import PairRecorder
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import report_failure
from homeftp.cli.transfer.syncing import SyncCommand
from homeftp.client import Reconnector, connect_remote
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.cli.pairs.pair import SavedPair
    from homeftp.client import ChangeSignal, Client, IClientReactor, Remotes, StatusFolder, TransferContext

RETRY_SECONDS = 300.0
"""Seconds until a pair is tried again that was stopped by what does not pass by itself, such as a login refused."""


class _OpenedPair(NamedTuple):
    """The connection and the engine that sync a pair."""

    command: SyncCommand
    connect: Callable[[], Awaitable[Client]]


class PairRunner:
    """Syncs pairs with servers that `remotes` knows, and records in `statuses` how that goes."""

    def __init__(
        self,
        reactor: IClientReactor,
        options: argparse.Namespace,
        context: TransferContext,
        remotes: Remotes,
        statuses: StatusFolder,
        connect: Callable[..., Awaitable[Client]] = connect_remote,
        alert: Callable[[str, str], object] = lambda title, text: None,
    ) -> None:
        """`connect` makes connections, as `connect_remote` does; `alert` is that of a recorder."""
        self._reactor = reactor
        self._options = options
        self._context = context
        self._remotes = remotes
        self._statuses = statuses
        self._connect = connect
        self._alert = alert

    async def sync_each(self, pairs: Sequence[SavedPair]) -> Exit:
        """Sync the pairs one after the other; returns the worst exit code."""
        return max([await self._sync_once(pair) for pair in pairs], default=Exit.DONE)

    async def _sync_once(self, pair: SavedPair) -> Exit:
        recorder = self._recorder(pair)
        try:
            await recorder.begin(keeps=False)
            async with self._opened(pair, recorder) as (command, _):
                return await command.once()
        except (CancelledError, BrokenPipeError):
            raise
        except Exception as problem:  # noqa: BLE001 (the other pairs are synced whatever it is)
            return report_failure(problem, pair.folder)
        finally:
            await recorder.close()

    async def keep_all(self, load: Callable[[], Sequence[SavedPair]], signal: ChangeSignal) -> None:
        """Keep the pairs in step that `load` gives, until this is cancelled; load them again when `signal` says so.

        Raises what the first `load` raises, and `OperatorError` where other processes keep all of them in step.
        """
        run = self._context.workers.run_unbounded
        pairs = await run(load)
        processes = [await run(self._statuses.watched_by, pair.local) for pair in pairs]
        if None not in processes:
            by = ", ".join(
                f"process {pid}" if pid else "another process"
                for pid in sorted({each for each in processes if each is not None})
            )
            raise OperatorError(f"all pairs are kept in step already, by {by}. Stop that first.")
        running: dict[SavedPair, Deferred[None]] = {}
        failures: list[Failure] = []

        def ended(failure: Failure) -> None:
            if failure.check(CancelledError) is None:
                failures.append(failure)
                signal.changed()

        try:
            while True:
                await _stop(running.pop(pair) for pair in set(running).difference(pairs))
                for pair in pairs:
                    if pair not in running:
                        running[pair] = Deferred.fromCoroutine(self._keep(pair))
                        running[pair].addErrback(ended)
                await signal.wait()
                for failure in failures:
                    failure.raiseException()
                try:
                    pairs = await run(load)
                except OperatorError as wrong:
                    report_failure(wrong)
        finally:
            await _stop(running.values())

    async def _keep(self, pair: SavedPair) -> None:
        """Keep a pair in step, and begin again where that ends."""
        recorder = self._recorder(pair)
        reported = ""
        try:
            while True:
                try:
                    await recorder.begin()
                    async with self._opened(pair, recorder) as (command, connect):
                        await command.keep_in_step(connect, at_once=True)
                except (CancelledError, BrokenPipeError):
                    raise
                except Exception as problem:  # noqa: BLE001 (it must not end the other pairs, whatever it is)
                    recorder.failed(problem)
                    if str(problem) != reported:
                        report_failure(problem, pair.folder)
                    reported = str(problem)
                await deferLater(self._reactor, RETRY_SECONDS)
        finally:
            await recorder.close()

    def _recorder(self, pair: SavedPair) -> PairRecorder:
        reactor, context, statuses = self._reactor, self._context, self._statuses
        return PairRecorder(reactor, context, statuses, pair.local, pair.remote, alert=self._alert)

    @asynccontextmanager
    async def _opened(self, pair: SavedPair, recorder: PairRecorder) -> AsyncIterator[_OpenedPair]:
        """The connection and the engine that sync a pair, until the block ends."""
        bandwidth = self._options.bwlimit if pair.rate is None else pair.rate
        connect = partial(self._connect, self._reactor, self._remotes, pair.server, bandwidth=bandwidth)
        reconnector = Reconnector(self._reactor, connect)
        context = attrs.evolve(self._context, reconnector=reconnector)
        request = pair.request(dry_run=self._options.dry_run)
        command = SyncCommand(
            self._reactor,
            self._options,
            reconnector.connect,
            context,
            request,
            label=pair.folder,
            listener=recorder,
        )
        try:
            yield _OpenedPair(command, connect)
        finally:
            await reconnector.close()


async def _stop(running: Iterable[Deferred[None]]) -> None:
    """Cancel what runs, and wait until it has ended."""
    stopped = list(running)
    for each in stopped:
        each.cancel()
    await DeferredList(stopped, consumeErrors=True)
