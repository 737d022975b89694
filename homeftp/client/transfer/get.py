"""Fetching a tree of files: equal files are not fetched; others are replaced if they are still what was compared."""

from __future__ import annotations

import errno
import os
from typing import Iterator, Mapping, Sequence

from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.client.api import Client
from homeftp.client.connection.replies import Verdict
from homeftp.client.errors import ConnectionFailed, Corrupted
from homeftp.client.files.disks import learn_folder
from homeftp.client.files.model import FileStat, LocalTree
from homeftp.client.files.names import problem_of
from homeftp.client.files.scan import LINK, SPECIAL
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget, LocalMetadata, SmallDownload
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.batches.get import BATCH_FILES, BatchFetcher, Fetched, IBatchGetReceiver, SmallGet
from homeftp.client.transfer.batches.single import ISmallGetReceiver, SmallGetHandler
from homeftp.client.transfer.comparer import Comparer
from homeftp.client.transfer.directories import FILE_IN_THE_WAY
from homeftp.client.transfer.largeget import LargeGet, endpoint_key
from homeftp.client.transfer.localdirectories import LocalDirectories
from homeftp.client.transfer.metadata import file_mode, is_exact, is_suspicious, is_unapplied, learn_local, local_mode
from homeftp.client.transfer.model import (
    DAMAGED_COPY,
    DAMAGED_VERSION,
    EndpointOf,
    FileResult,
    FileTask,
    Outcome,
    TransferContext,
    TransferOptions,
)
from homeftp.client.transfer.observer import TransferObserver, unfinished
from homeftp.client.verifycopy import verify_copy, verify_version
from homeftp.config import STREAM_PIECE
from homeftp.errors import Busy, Changed, ContentMismatch, Damaged, OperatorError, Refusal, ShuttingDown, TooLarge
from homeftp.model import Entry
from homeftp.workers import Batcher

WINDOW = 1024
"""Files that are compared, fetched or written at once: many, because they are made durable together. Four times as many
took 5 MiB more for files of 4 KiB, and no less of the processor's time.

A sync takes some ten milliseconds whatever it has to write. While it runs, the files of the next one arrive.
"""

_WRITE_BATCH = 512
"""Files that one job writes and makes durable with one sync."""

_IN_THE_WAY = {
    LINK: "there is a symbolic link of that name here. Use --force to replace the link, or give the path of the file "
    "that it leads to.",
    SPECIAL: "there is a device, a pipe or a socket of that name here. To write into it, send the file to standard "
    "output: homeftp get NAME:PATH - > FILE",
}
"""Why a file is not fetched, and what to do, by what has its name."""

_DISK_ERRORS = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EROFS})
"""After these the disk takes no other file either: the transfer ends."""


@implementer(IBatchGetReceiver, ISmallGetReceiver)
class GetTransfer:
    """Fetches the files of `remote` into `folder`, which holds `tree`; `endpoint_of` gives the endpoints."""

    def __init__(
        self,
        client: Client,
        context: TransferContext,
        endpoint_of: EndpointOf,
        remote: Mapping[str, Entry],
        tree: LocalTree,
        folder: DownloadTarget,
        options: TransferOptions,
        observer: TransferObserver,
    ) -> None:
        self._client = client
        self._context = context
        self._endpoint_of = endpoint_of
        self._remote = remote
        self._tree = tree
        self._folder = folder
        self._options = options
        self._observer = observer
        self._unsendable = dict(tree.skipped + tree.failed)
        self._changed: set[str] = set()
        """Directories in which a file was written: that changed their time."""
        self._unapplied: list[tuple[FileStat, Entry]] = []
        """The files and directories that seem to have another time or mode now than on the server."""
        self._directories = LocalDirectories(
            context, remote, tree, folder, observer, self._is_applied, perms=options.perms
        )
        self._complete: set[str] = set()
        """The keys of files that are complete; only where there are partial downloads."""
        self._disk_is_full = False
        self._seen = LastSeen(context.seen, context.workers, client)
        self._batches = BatchFetcher(
            client, context.workers, endpoint_of(""), folder, self._target, self._fetch_alone, self
        )
        self._comparer = Comparer(
            client,
            context,
            endpoint_of,
            self._decide,
            sends=False,
            window=WINDOW,
            batch=BATCH_FILES,
            together=self._batches.opened,
        )
        self._writer: Batcher[SmallDownload, os.stat_result] = Batcher(
            context.workers, folder.write_many, limit=_WRITE_BATCH
        )
        self._metadata_writer: Batcher[tuple[LocalMetadata, os.stat_result], os.stat_result] = Batcher(
            context.workers, folder.set_file_metadata, limit=_WRITE_BATCH
        )

    async def run(self) -> None:
        """Make the directories, fetch the files, and set the directories' metadata. Raises `ConnectionFailed`."""
        local = self._tree.files.get
        run = self._context.workers.run
        tasks = (FileTask(name, local(name), entry) for name, entry in self._remote.items() if entry.kind == "file")
        if self._options.dry_run:
            await self._plan_only(tasks)
            return
        try:
            await learn_local(self._context, self._tree, self._remote, sends=False)
            await self._directories.make()
            await self._comparer.run(unfinished(tasks, self._endpoint_of, self._observer))
            await self._directories.update(self._changed)
            await run(self._folder.remove_partials, self._tree.partials, self._complete)
            await self._report_unapplied()
        finally:
            await self._comparer.close()
            await self._seen.close(self._observer.on_notice)
            try:
                await run(self._folder.sync)
            except OSError as error:
                raise OperatorError(f"{self._folder.path} cannot be written: {error.strerror}") from error

    async def _plan_only(self, tasks: Iterator[FileTask]) -> None:
        """Compare and report; nothing is written, not even what shows which times the disk stores."""
        try:
            await self._comparer.run(unfinished(tasks, self._endpoint_of, self._observer))
        finally:
            await self._comparer.close()
        self._directories.report_new()

    def _decide(self, task: FileTask) -> None:
        """Decide what to do with a file that was compared."""
        local, remote = task.local, task.remote
        if isinstance(task.failure, OSError):
            self._decide_unread(task, task.failure)
        elif task.failure is not None:
            self.fail_task(task, task.failure)
        elif remote is None or remote.kind != "file":
            self._finish_task(task, Outcome.FAILED, "the server's file changed during the transfer: get it again")
        elif remote.damaged is not None:
            self._finish_damaged(task)
        elif local is None:
            self._fetch_new(task)
        elif not task.differs:
            self._finish_task(task, Outcome.SAME)
        elif self._options.ignore_existing:
            self._finish_task(task, Outcome.EXISTS)
        elif "hash" not in task.differs:
            self._set_metadata(task, local, remote)
        elif self._options.force:
            self._fetch(task, Outcome.REPLACED)
        elif local.mtime_us > (remote.mtime_us or 0):
            self._ask_or_leave(task, Outcome.NEWER)
        elif is_suspicious(task.differs, remote):
            self._ask_or_leave(task, Outcome.SUSPICIOUS)
        else:
            self._fetch(task, Outcome.REPLACED)

    def _decide_unread(self, task: FileTask, failure: OSError) -> None:
        """Decide what to do with a local file that cannot be read, such as one of mode 000."""
        if self._options.force and task.remote is not None and task.remote.damaged is None:
            self._fetch(task, Outcome.REPLACED)
        else:
            reason = f"the local file cannot be read ({failure.strerror}): use --force to replace it unseen"
            self._finish_task(task, Outcome.FAILED, reason)

    def _ask_or_leave(self, task: FileTask, outcome: Outcome) -> None:
        """Replace the local file only if the user says so."""
        if self._options.ask is None:
            self._finish_task(task, outcome)
        else:
            self._comparer.spawn(self._ask(task, outcome))

    async def _ask(self, task: FileTask, outcome: Outcome) -> None:
        assert self._options.ask is not None
        if await self._options.ask(task.name, task.with_copies(_result(task, outcome))):
            self._fetch(task, Outcome.REPLACED)
        else:
            self._finish_task(task, outcome)

    def _fetch_new(self, task: FileTask) -> None:
        if self._directories.in_the_way.blocks_file(task.name):
            self._finish_task(task, Outcome.FAILED, f"there is a local {FILE_IN_THE_WAY}")
        elif task.name in self._tree.directories:
            self._finish_task(task, Outcome.FAILED, "there is a local folder of that name")
        elif task.name not in self._unsendable:
            self._fetch(task, Outcome.NEW)
        elif self._unsendable[task.name] == SPECIAL:
            self._finish_task(task, Outcome.FAILED, _IN_THE_WAY[SPECIAL])  # --force does not mean /dev/null
        elif self._options.force:
            self._fetch(task, Outcome.NEW)
        else:
            reason = self._unsendable[task.name]
            self._finish_task(task, Outcome.FAILED, _IN_THE_WAY.get(reason, f"what has that name here {reason}"))

    def _fetch(self, task: FileTask, outcome: Outcome) -> None:
        assert task.remote is not None
        if self._options.dry_run:
            self._finish_task(task, outcome)
            return
        if task.remote.size > STREAM_PIECE:
            self._comparer.spawn(self._fetch_large(task, outcome))
            return
        get = SmallGet(task, outcome)
        if task.remote.size > self._client.server_info.limits.small_file or self._options.as_of is not None:
            self._fetch_alone(get)
        else:
            self._batches.fetch(get)

    def _fetch_alone(self, get: SmallGet) -> None:
        handler = SmallGetHandler(self, get.task, get.outcome)
        body: dict[str, object] = {"rel_endpoint": self._endpoint_of(get.task.name)}
        if self._options.as_of is not None:
            body["as_of"] = self._options.as_of
        try:
            self._client.protocol.request(handler, "GET", body)
        except Exception as reason:  # noqa: BLE001 (the connection has ended)
            self.fail(reason)

    def on_small_fetched(self, files: Sequence[Fetched]) -> None:
        """Report the results of small files that were fetched together."""
        written: list[SmallGet] = []
        moved = 0
        for get, size, hash, result in files:
            if isinstance(result, TooLarge):  # it has grown
                self._fetch_alone(get)
            elif isinstance(result, Exception):
                self.fail_task(get.task, result)
            else:
                get.task.fetched = hash
                self._is_applied(result, self._remote[get.task.name])
                written.append(get)
                moved += size
        if written:
            self._changed.update(get.task.name.rpartition("/")[0] for get in written)
            self._finish([get.task for get in written], [_result(*get) for get in written], moved)

    def on_fetched(self, task: FileTask, outcome: Outcome, entry: Entry, data: bytes, verdict: Verdict) -> None:
        """A small file has arrived: write it."""
        if verdict.hash is None:
            self.fail_task(task, Corrupted())
            return
        task.fetched = verdict.hash
        writing = self._writer.run(SmallDownload(self._target(task, entry), data, verdict.hash))
        writing.addCallback(self._on_written, task, outcome, len(data)).addErrback(self._on_write_failed, task)

    async def _fetch_large(self, task: FileTask, outcome: Outcome) -> None:
        assert task.remote is not None
        fetching = LargeGet(
            self._client,
            self._context.workers,
            self._folder,
            self._observer,
            endpoint=self._endpoint_of(task.name),
            entry=task.remote,
            name=task.name,
            target_for=lambda entry: self._target(task, entry),
            keep_if_cancelled=lambda: not self._disk_is_full,
            as_of=self._options.as_of,
        )
        try:
            stat = await fetching.run()
        except (ShuttingDown, Busy, ConnectionFailed) as reason:
            self.fail(reason)
        except (Refusal, OSError) as failure:
            self.fail_task(task, failure)
            fetching.discard()
        else:
            task.fetched = fetching.hash
            self._on_written(stat, task, outcome, 0)

    def _target(self, task: FileTask, entry: Entry) -> TargetFile:
        compared = None if task.local is None else task.local.stat
        return TargetFile(
            task.name, entry.mtime_us, file_mode(entry, task.local, self._context.umask), compared, self._options.force
        )

    def _set_metadata(self, task: FileTask, local: FileStat, remote: Entry) -> None:
        if self._options.dry_run:
            self._finish_task(task, Outcome.METADATA)
            return
        wanted = LocalMetadata(task.name, remote.mtime_us, local_mode(remote))
        setting = self._metadata_writer.run((wanted, local.stat))
        setting.addCallback(self._on_written, task, Outcome.METADATA, None).addErrback(self._on_write_failed, task)

    def _on_written(self, stat: os.stat_result, task: FileTask, outcome: Outcome, moved: int | None) -> None:
        if not self._is_applied(stat, self._remote[task.name]) and outcome is Outcome.METADATA:
            outcome = Outcome.SAME
        if outcome is not Outcome.METADATA:
            self._changed.add(task.name.rpartition("/")[0])
        self._finish_task(task, outcome, moved=moved)

    def _on_write_failed(self, failure: Failure, task: FileTask) -> None:
        if isinstance(failure.value, (OSError, Refusal)):
            self.fail_task(task, failure.value)
        else:
            self._comparer.fail(failure)

    def _is_applied(self, stat: os.stat_result, entry: Entry) -> bool:
        """Whether a file or folder has the server's time and mode now, as far as is known; notes it otherwise."""
        if is_exact(stat, entry):
            return True
        local = FileStat(entry.name, "", stat)
        is_applied = not is_unapplied(local, entry, self._context.disks)
        if not is_applied:
            self._unapplied.append((local, entry))
        return is_applied

    async def _report_unapplied(self) -> None:
        """Report what could not get the server's time or mode; what the disk keeps is learned at the latest now."""
        disks = self._context.disks
        if self._unapplied:
            await self._context.workers.run(learn_folder, disks, self._folder.path)
        names = [local.name for local, entry in self._unapplied if is_unapplied(local, entry, disks)]
        self._observer.add_unapplied(names, "this machine")

    def fail_task(self, task: FileTask, failure: Exception) -> None:
        """A file could not be fetched or written."""
        if isinstance(failure, ShuttingDown):
            self.fail(failure)
        elif isinstance(failure, OSError) and failure.errno in _DISK_ERRORS:
            self._disk_is_full = True
            self._comparer.fail(OperatorError(f"{task.name or 'the file'} cannot be written: {failure.strerror}"))
        elif isinstance(failure, OSError):
            self._finish_task(task, Outcome.FAILED, problem_of(task.name, failure))
        elif isinstance(failure, Corrupted):
            self._comparer.spawn(self._report_corrupted(task))
        elif isinstance(failure, Damaged):
            self._finish_damaged(task)
        elif isinstance(failure, (Changed, ContentMismatch)):
            self._finish_task(task, Outcome.FAILED, str(failure))
        else:
            self._finish_task(task, Outcome.REFUSED, str(failure))

    def _finish_damaged(self, task: FileTask) -> None:
        reason = DAMAGED_COPY if self._options.as_of is None else DAMAGED_VERSION
        self._finish_task(task, Outcome.DAMAGED, reason)

    async def _report_corrupted(self, task: FileTask) -> None:
        """Report a file that was corrupted, with what the server finds when it verifies its copy."""
        endpoint = self._endpoint_of(task.name)
        if self._options.as_of is None:
            found = await verify_copy(self._client, endpoint)
        else:
            assert task.remote is not None
            found = await verify_version(self._client, endpoint, task.local_hash or task.remote.hash)
        self._finish_task(task, Outcome.CORRUPT, str(Corrupted(found)))

    def fail(self, reason: Exception | Failure) -> None:
        """End the transfer: the connection has ended or cannot be used any more."""
        self._comparer.fail(reason)

    def _finish_task(self, task: FileTask, outcome: Outcome, reason: str = "", *, moved: int | None = None) -> None:
        """Report a result; `moved` are the bytes that were transferred and not reported yet, None where none were."""
        self._finish([task], [_result(task, outcome, reason)], moved)

    def _finish(self, tasks: Sequence[FileTask], results: Sequence[FileResult], moved: int | None) -> None:
        """Report the results of tasks that end together."""
        endpoints = [self._endpoint_of(task.name) for task in tasks]
        if not self._options.dry_run:
            ended = zip(endpoints, tasks, results, strict=True)
            done = [(endpoint, task.local_hash) for endpoint, task, result in ended if result.outcome.done]
            if self._options.as_of is None:
                self._seen.record_many(done)
            if self._tree.partials:
                self._complete.update(endpoint_key(endpoint) for endpoint, _ in done)
        size = sum(result.size for result in results) if moved is None else moved
        self._observer.add_files(results, endpoints, size, moved=moved is not None)
        self._comparer.release(*tasks)


def _result(task: FileTask, outcome: Outcome, reason: str = "") -> FileResult:
    size = task.remote.size if task.remote else 0
    return FileResult(outcome, task.name, size, reason, task.differs, hash=task.hash_after(outcome))
