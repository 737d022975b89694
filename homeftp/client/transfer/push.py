"""Sending a tree of files: equal files are not sent; others are replaced if they are still what was compared."""

from __future__ import annotations

from typing import Container, ContextManager, Mapping, Sequence

from msgspec import structs
from twisted.internet.defer import DeferredLock
from zope.interface import implementer

from homeftp.client.api import Client
from homeftp.client.batches import answer_or_refusal
from homeftp.client.files.model import LocalTree
from homeftp.client.remotehash import hash_there
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.batches.push import BATCH_FILES
from homeftp.client.transfer.comparer import Comparer
from homeftp.client.transfer.copies import RemoteCopies
from homeftp.client.transfer.directories import FILE_IN_THE_WAY, RemoteDirectories
from homeftp.client.transfer.metadata import is_suspicious, is_unapplied, learn_local, wire_metadata
from homeftp.client.transfer.model import EndpointOf, FileResult, FileTask, Outcome, TransferContext, TransferOptions
from homeftp.client.transfer.observer import TransferObserver, unfinished
from homeftp.client.transfer.send import FileSender, ISendReceiver, StoredFile
from homeftp.client.writer import Writer, find_writer
from homeftp.errors import Refusal
from homeftp.model import Entry

_WINDOW = 2 * BATCH_FILES
"""Files that are read, compared or sent at once: while one batch is stored the next one is on its way. Twice as many
took 8 MiB more for files of 4 KiB, and no less of the processor's time; with a round trip of 200 ms a push was a fifth
faster."""

_SETSTAT = "SETSTAT"
"""The request that changes metadata alone."""

_UNKNOWN_CONTENT = "the server cannot read its copy, and does not know what it held. Use --force to replace it."
"""The reason of results that are `Outcome.DAMAGED`: --force is needed, as a condition on the content is impossible."""


@implementer(ISendReceiver)
class PushTransfer:
    """Sends the files of `tree` to a server that has `remote`; `endpoint_of` gives the endpoints."""

    def __init__(
        self,
        client: Client,
        context: TransferContext,
        endpoint_of: EndpointOf,
        tree: LocalTree,
        remote: Mapping[str, Entry],
        options: TransferOptions,
        observer: TransferObserver,
    ) -> None:
        self._client = client
        self._context = context
        self._endpoint_of = endpoint_of
        self._tree = tree
        self._remote = remote
        self._options = options
        self._observer = observer
        self._disks = context.disks
        self._seen = LastSeen(context.seen, context.workers, client)
        self._directories = RemoteDirectories(client, endpoint_of, remote, observer, context.disks, perms=options.perms)
        self._unapplied: list[str] = []
        """Files whose time or mode the server could not set."""
        self._filled: set[str] = set()
        """Directories in which a file was stored."""
        self._asking = DeferredLock()
        """Held while the user is asked: who stored a file is looked up when its question is next, not before."""
        self._sent_large: set[str] = set()
        """Large files that are being sent."""
        copies = RemoteCopies(client, remote)
        self._comparer = Comparer(
            client,
            context,
            endpoint_of,
            self._decide,
            together=self._together,
            sends=not options.dry_run,
            window=_WINDOW,
            batch=BATCH_FILES,
            needs_hash=copies.may_have,
            seen=self._seen,
        )
        self._sender = FileSender(
            client, context, endpoint_of, observer, self._comparer.spawn, self, copies, force=options.force
        )

    def _together(self) -> ContextManager[None]:
        return self._sender.together()

    async def run(self) -> None:
        """Send the files, then make directories and set their metadata. Raises `ConnectionFailed`."""
        remote = self._remote.get
        directories = self._directories
        await learn_local(self._context, self._tree, self._remote, sends=True)
        if not self._options.dry_run:
            await directories.make_private(self._tree.directories.values())
        try:
            tasks = (FileTask(name, file, remote(name)) for name, file in self._tree.files.items())
            await self._comparer.run(unfinished(tasks, self._endpoint_of, self._observer))
        finally:
            await self._comparer.close()
            await self._seen.close(self._observer.on_notice)
        if self._options.dry_run:
            directories.report_new(self._tree.directories.values())
            return
        await directories.update(self._tree.directories.values(), self._filled)
        self._observer.add_unapplied([*self._unapplied, *directories.unapplied], "the server")

    def _decide(self, task: FileTask) -> None:
        """Decide what to do with a file that was compared."""
        remote = task.remote
        if task.failure is not None:
            self.fail_task(task, task.failure)
        elif remote is None and self._directories.in_the_way.blocks_file(task.name):
            self.finish_task(task, Outcome.REFUSED, f"the server has a {FILE_IN_THE_WAY} there")
        elif remote is None:
            self._send(task, Outcome.NEW)
        elif remote.kind != "file":
            self.finish_task(task, Outcome.REFUSED, "the server has a directory of that name")
        elif not task.differs:
            self.finish_task(task, Outcome.SAME)
        elif self._options.ignore_existing:
            self.finish_task(task, Outcome.EXISTS)
        elif remote.damaged is not None and _is_kept_content(task, remote):
            self._send(task, Outcome.MENDED)
        elif "hash" not in task.differs:
            self._send_metadata(task, remote)
        elif self._options.force:
            self._send(task, Outcome.REPLACED)
        elif remote.damaged == "":
            self.finish_task(task, Outcome.DAMAGED, _UNKNOWN_CONTENT)
        elif is_suspicious(task.differs, remote):
            self._ask_or_leave(task, Outcome.SUSPICIOUS)
        elif task.seen is None or (remote.hash is None and remote.damaged is None):
            self._comparer.spawn(self._learn_seen(task, remote))
        else:
            self._replace(task, remote, task.seen)

    def _replace(self, task: FileTask, remote: Entry, seen: Container[str]) -> None:
        """Replace a content that this machine has seen on the server and that is older; ask about any other."""
        found = remote.hash or remote.damaged or ""
        is_newer = _is_newer(task, remote)
        if found not in seen:
            self._ask_or_leave(task, Outcome.CONFLICT)
            return
        if is_newer or self._options.dry_run:  # reading the local file has replaced what was known of it
            self._seen.record(self._endpoint_of(task.name), found)
        if is_newer:
            self._ask_or_leave(task, Outcome.NEWER)
        else:
            self._send(task, Outcome.REPLACED)

    async def _learn_seen(self, task: FileTask, remote: Entry) -> None:
        """Learn what was not needed when the files were compared: one of them has changed since, or it is a dry run."""
        endpoint = self._endpoint_of(task.name)
        if remote.hash is None and remote.damaged is None:
            task.remote = remote = structs.replace(remote, hash=await hash_there(self._client, endpoint))
        if task.seen is None:
            last = await self._context.workers.run(self._seen.look_up, [endpoint])
            task.seen = frozenset(last.values())
        self._replace(task, remote, task.seen)

    def _ask_or_leave(self, task: FileTask, outcome: Outcome) -> None:
        """Replace the server's file only if the user says so."""
        if self._options.ask is None:
            self.finish_task(task, outcome)
        else:
            self._comparer.spawn(self._ask(task, outcome))

    async def _ask(self, task: FileTask, outcome: Outcome) -> None:
        assert self._options.ask is not None
        await self._asking.acquire()
        try:
            asked = task.with_copies(_result(task, outcome), await self._find_writer(task, outcome))
            replace = await self._options.ask(task.name, asked)
        finally:
            self._asking.release()
        if replace:
            self._send(task, Outcome.REPLACED)
        else:
            self.finish_task(task, outcome)

    async def _find_writer(self, task: FileTask, outcome: Outcome) -> Writer | None:
        """The writer of the conflicting copy; not asked while a large file is sent: the answer would come behind it."""
        if outcome is not Outcome.CONFLICT or task.remote is None or self._sent_large:
            return None
        return await find_writer(self._client, self._endpoint_of(task.name), task.remote.hash)

    def _send_metadata(self, task: FileTask, remote: Entry) -> None:
        """Send time and mode alone; a server that has no request for that gets the content with them."""
        if self._options.dry_run:
            self._foretell(task, Outcome.METADATA)
        elif _SETSTAT in self._client.server_info.request_types and remote.hash is not None:
            self._comparer.spawn(self._set_metadata(task, remote.hash))
        else:
            self._send(task, Outcome.METADATA)

    async def _set_metadata(self, task: FileTask, hash: str) -> None:
        assert task.content is not None
        endpoint, meta_data = self._endpoint_of(task.name), wire_metadata(task.content.file, self._disks)
        entry = await answer_or_refusal(self._client.set_metadata(endpoint, meta_data, if_hash=hash))
        if isinstance(entry, Refusal):
            self.finish_task(task, Outcome.REFUSED, entry.message)
        else:
            is_set = self._note_unapplied(task, entry)
            self.finish_task(task, Outcome.METADATA if is_set else Outcome.SAME)

    def _note_unapplied(self, task: FileTask, entry: Entry) -> bool:
        """Note a file that has another time or mode on the server than was asked for; whether it has those."""
        assert task.content is not None
        is_set = not is_unapplied(task.content.file, entry, self._disks)
        if not is_set:
            self._unapplied.append(task.name)
        return is_set

    def _send(self, task: FileTask, outcome: Outcome) -> None:
        if self._options.dry_run:
            self._foretell(task, outcome)
            return
        if task.source is not None:
            self._sent_large.add(task.name)
        self._sender.send(task, outcome)

    def _foretell(self, task: FileTask, outcome: Outcome) -> None:
        """In a dry run: report what would become of a file, or that the account has no right to that anywhere."""
        right = "add" if outcome is Outcome.NEW else "replace"
        if self._client.server_info.may(right):
            self.finish_task(task, outcome)
        else:
            reason = f'it would be {outcome.value}, which needs the right "{right}": ask the server\'s owner'
            self.finish_task(task, Outcome.REFUSED, reason)

    def on_stored(self, files: Sequence[StoredFile]) -> None:
        """The server has stored files that were sent together."""
        results = [_result(task, outcome, reason) for task, outcome, reason in files]
        self._filled.update(task.name.rpartition("/")[0] for task, _, _ in files)
        self._finish([task for task, _, _ in files], results, sum(result.size for result in results), moved=True)

    def on_sent(self, task: FileTask, outcome: Outcome, entry: Entry, reason: str, *, moved: bool = True) -> None:
        """The server has stored a file."""
        self._note_unapplied(task, entry)
        self._filled.add(task.name.rpartition("/")[0])
        self.finish_task(task, outcome, reason, moved=moved)

    def on_conflict(self, task: FileTask) -> None:
        """The server has another content than the one that was compared, and `task.remote` is its entry now."""
        self._sent_large.discard(task.name)
        self._ask_or_leave(task, Outcome.CONFLICT)

    def fail(self, reason: Exception) -> None:
        """End the transfer: the connection has ended or cannot be used any more."""
        self._comparer.fail(reason)

    def fail_task(self, task: FileTask, failure: Exception, *, moved: bool = False) -> None:
        """A file could not be read, compared or sent; `moved` says that its bytes were sent and reported."""
        if isinstance(failure, OSError):
            self.finish_task(task, Outcome.FAILED, f"cannot be read: {failure.strerror}", moved=moved)
        else:
            is_refused = task.remote is not None and task.content is not None and not moved
            self.finish_task(task, Outcome.REFUSED if is_refused else Outcome.FAILED, str(failure), moved=moved)

    def finish_task(self, task: FileTask, outcome: Outcome, reason: str = "", *, moved: bool = False) -> None:
        """Report a result; `moved` as in `fail_task`."""
        self._sent_large.discard(task.name)
        result = _result(task, outcome, reason)
        is_reported = moved and task.source is not None
        self._finish([task], [result], 0 if is_reported else result.size, moved=moved)

    def _finish(self, tasks: Sequence[FileTask], results: Sequence[FileResult], size: int, *, moved: bool) -> None:
        """Report the results of tasks that end together, and so many of their bytes."""
        endpoints = [self._endpoint_of(task.name) for task in tasks]
        if not self._options.dry_run:
            ended = zip(endpoints, tasks, results, strict=True)
            self._seen.record_many(
                [(endpoint, task.local_hash) for endpoint, task, result in ended if result.outcome.done]
            )
        self._observer.add_files(results, endpoints, size, moved=moved)
        self._comparer.release(*tasks)


def _is_kept_content(task: FileTask, remote: Entry) -> bool:
    """Whether the local file has the content that the server has not kept."""
    return task.content is not None and task.content.hash == remote.damaged


def _is_newer(task: FileTask, remote: Entry) -> bool:
    local = task.local if task.content is None else task.content.file
    assert local is not None
    return remote.mtime_us is not None and remote.mtime_us > local.mtime_us


def _result(task: FileTask, outcome: Outcome, reason: str = "") -> FileResult:
    size = task.local.size if task.local else 0
    return FileResult(outcome, task.name, size, reason, task.differs, hash=task.hash_after(outcome))
