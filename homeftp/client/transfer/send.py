"""Sending the content of one file: a large upload resumes, and a file that the server refuses is compared again."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, ContextManager, Coroutine, NamedTuple, Sequence

from zope.interface import Interface

from homeftp.client.api import Client
from homeftp.client.batches import answer_or_refusal
from homeftp.client.connection.answer import AnswerHandler
from homeftp.client.connection.replies import Comparison, own_entry
from homeftp.client.errors import ConnectionFailed, ProtocolViolation, UploadAbandoned
from homeftp.client.files.source import SourceFile
from homeftp.client.transfer.batches.push import BatchSender, SmallPush
from homeftp.client.transfer.copies import RemoteCopies
from homeftp.client.transfer.metadata import differing, wire_metadata
from homeftp.client.transfer.model import EndpointOf, FileTask, Outcome, TransferContext
from homeftp.client.transfer.observer import TransferObserver
from homeftp.client.transfer.payload import UploadPayload, hash_file, resume_from
from homeftp.config import MIB
from homeftp.errors import Changed, Refusal, ShuttingDown
from homeftp.interfaces import IPayload
from homeftp.model import ABSENT, Entry
from homeftp.status import Status
from homeftp.wire.messages import MetaData, Response

MAX_REJECTED_RESUMES = 3
"""After the server could not use its partial upload this often the file is sent whole."""

_WORTH_SENDING = 16 * MIB
"""Bytes of a refused file that are sent all the same, at most: they take about as long as a new connection."""

_GROWN = "it grew while being read; what it had when reading began was stored. The next push or sync adds the rest."
"""The reason of results of files, such as logs, of which a beginning was stored."""


class StoredFile(NamedTuple):
    """A small file that the server has stored, with the time and mode that were sent."""

    task: FileTask
    outcome: Outcome
    reason: str
    """A remark for people, or ""."""


class ISendReceiver(Interface):
    """Receives what became of files that are sent: one of these calls ends each of them."""

    def on_stored(files: Sequence[StoredFile]) -> None:
        """The server has stored these files, which were sent together."""

    def on_sent(task: FileTask, outcome: Outcome, entry: Entry, reason: str, *, moved: bool = ...) -> None:
        """The server has stored the file, with the time and mode of `entry`.

        `reason` is what people should know of it, or ""; `moved`, by default
        True, says that its bytes were sent.
        """

    def on_conflict(task: FileTask) -> None:
        """The server has another content than the one that was compared, and `task.remote` is its entry now."""

    def finish_task(task: FileTask, outcome: Outcome, reason: str = "", *, moved: bool = False) -> None:
        """The file was not stored; `moved` says that its bytes were sent."""

    def fail_task(task: FileTask, failure: Exception, *, moved: bool = False) -> None:
        """The file could not be read; `moved` says that some of its bytes were sent."""

    def fail(reason: Exception) -> None:
        """The connection has ended or must not be used any more."""


class FileSender:
    """Sends files that were read and compared, and gives the result of each to `receiver`.

    With `force` a file is sent without a condition on what it replaces. `spawn` runs a coroutine of the transfer.
    """

    def __init__(
        self,
        client: Client,
        context: TransferContext,
        endpoint_of: EndpointOf,
        observer: TransferObserver,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        receiver: ISendReceiver,
        copies: RemoteCopies,
        *,
        force: bool,
    ) -> None:
        self._client = client
        self._protocol = client.protocol
        self._context = context
        self._endpoint_of = endpoint_of
        self._observer = observer
        self._spawn = spawn
        self._receiver = receiver
        self._copies = copies
        self._force = force
        self._small_file = client.server_info.limits.small_file
        self._batches = BatchSender(client, endpoint_of(""), self._on_small_sent, receiver.fail)

    def together(self) -> ContextManager[None]:
        """Send the small files that are given to `send` meanwhile in few requests."""
        return self._batches.opened()

    def send(self, task: FileTask, outcome: Outcome) -> None:
        """Send a file; `outcome` is what becomes of it where the server stores it."""
        elsewhere = self._copies.find(task.local_hash)
        if elsewhere is not None:
            self._spawn(self._copy_or_send(task, outcome, elsewhere))
        else:
            self._send(task, outcome)

    def _send(self, task: FileTask, outcome: Outcome) -> None:
        assert task.content is not None
        if task.source is not None:
            self._spawn(self._send_large(task, task.source, outcome))
        elif task.content.file.size <= self._small_file:  # it may have grown since it was listed
            self._send_small(task, outcome)
        else:
            self._push(task, outcome)

    async def _copy_or_send(self, task: FileTask, outcome: Outcome, elsewhere: str) -> None:
        """Have the server copy its file `elsewhere`, which has the content; send it where the server does not."""
        assert task.content is not None
        body, endpoint, hash = self._body(task), self._endpoint_of(task.name), task.local_hash
        copying = self._client.copy(self._endpoint_of(elsewhere), endpoint, if_hash=hash, if_to=body.get("if_hash"))
        entry = await answer_or_refusal(copying)
        if isinstance(entry, Refusal):  # the file `elsewhere` may have changed since it was listed
            self._send(task, outcome)
            return
        if differing(task.content.file, entry, self._context.disks):
            changed = await answer_or_refusal(self._client.set_metadata(endpoint, body["meta_data"], if_hash=hash))
            if not isinstance(changed, Refusal):  # else the receiver reports what `entry` does not have
                entry = changed
        self._receiver.on_sent(task, outcome, entry, _grown(task), moved=False)

    def _send_small(self, task: FileTask, outcome: Outcome) -> None:
        content = task.content
        assert content is not None and content.data is not None
        line = {"name": task.name, "hash": content.hash, **self._body(task)}
        self._batches.add(SmallPush(task, outcome, line, content.data))

    def _body(self, task: FileTask) -> dict[str, Any]:
        """The parameters of a request, or an entry of a batch, that do not depend on the content."""
        assert task.content is not None
        body: dict[str, Any] = {"meta_data": wire_metadata(task.content.file, self._context.disks)}
        if not self._force:
            remote = task.remote
            body["if_hash"] = ABSENT if remote is None else remote.hash or remote.damaged
        return body

    def _on_small_sent(self, pushes: Sequence[SmallPush], results: Sequence[Entry | Response | None]) -> None:
        stored: list[StoredFile] = []
        for push, result in zip(pushes, results, strict=True):
            task, outcome, _, _ = push
            if result is None:
                stored.append(StoredFile(task, outcome, _grown(task)))
            elif isinstance(result, Response):
                self._on_pushed(task, outcome, result)
            elif result.hash != task.local_hash:
                self._on_corrupted(task)
            else:
                self._receiver.on_sent(task, outcome, result, _grown(task))
        if stored:
            self._receiver.on_stored(stored)

    async def _send_large(self, task: FileTask, source: SourceFile, outcome: Outcome) -> None:
        """Send a large file; resumes an earlier upload that was interrupted."""
        endpoint = self._endpoint_of(task.name)
        if self._may_resume(endpoint):
            meta_data: MetaData = [("size", source.file.size), *wire_metadata(source.file, self._context.disks)]
            compared = await answer_or_refusal(self._client.cmp(endpoint, meta_data=meta_data))
            if isinstance(compared, Refusal):
                self._receiver.finish_task(task, Outcome.REFUSED, compared.message)
                return
            try:
                await resume_from(source, compared.arrived, self._context.workers)
            except (OSError, Changed) as failure:
                self._receiver.fail_task(task, failure)
                return
        if source.offset:
            self._observer.add_bytes(source.offset, moved=False)
            self._observer.on_resumed(task.name, source.offset)
        self._push(task, outcome)

    def _push(self, task: FileTask, outcome: Outcome) -> None:
        content = task.content
        assert content is not None
        body = {"rel_endpoint": self._endpoint_of(task.name), **self._body(task)}
        payload: bytes | IPayload | None = content.data
        if task.source is not None:
            body["hash_trailer"] = True
            if task.source.offset:
                body["offset"] = task.source.offset
            self._observer.on_start(task.name)
            payload = UploadPayload(task.source, self._context.workers, self._observer)
            task.close_source = payload.close
        else:
            body["hash"] = content.hash
        assert payload is not None
        try:
            handler = AnswerHandler(partial(self._on_pushed, task, outcome), self._receiver.fail)
            self._protocol.request(handler, "PUSH", body, payload)
        except Exception as reason:  # noqa: BLE001 (the connection has ended)
            self._receiver.fail(reason)

    def _on_pushed(self, task: FileTask, outcome: Outcome, response: Response) -> None:
        """The server answered a PUSH."""
        if task.source is not None and task.source.failure is not None:
            self._receiver.fail_task(task, task.source.failure, moved=True)
            return
        if response.status == Status.CHANGED and (task.source is None or not task.source.offset):
            self._spawn(self._compare_again(task, response))
            return
        if response.status != Status.OK:
            self._on_refused(task, response)
            return
        try:
            entry = own_entry(response.body, "the answer to PUSH")
        except ProtocolViolation as violation:
            self._receiver.fail(violation)
            return
        if entry.hash != task.local_hash:
            self._on_corrupted(task)
            return
        self._receiver.on_sent(task, outcome, entry, _grown(task))

    def _on_corrupted(self, task: FileTask) -> None:
        reason = "the server stored another content than was sent: run cmp, and tell the server's owner"
        self._receiver.finish_task(task, Outcome.CORRUPT, reason, moved=True)

    async def _compare_again(self, task: FileTask, response: Response) -> None:
        """The server's file has changed since it was compared: a conflict, unless it is like the local one now."""
        try:
            found = await answer_or_refusal(self._compare_sent(task))
        except OSError:
            self._on_refused(task, response)
            return
        if isinstance(found, Refusal):
            self._on_refused(task, response)
        elif found.status == Status.SAME:
            self._receiver.finish_task(task, Outcome.SAME, moved=True)
        elif found.remote == task.remote and self._may_resume(self._endpoint_of(task.name)):
            self._begin_again(task, "another push of the same file took over")
        elif found.remote is None or found.remote.kind != "file":
            self._on_refused(task, response)
        elif task.source is None:
            task.remote = found.remote
            self._receiver.on_conflict(task)
        else:  # it has been read to its end: the next push asks
            self._receiver.finish_task(task, Outcome.CONFLICT, moved=True)

    async def _compare_sent(self, task: FileTask) -> Comparison:
        """Compare what was sent with what the server has now."""
        assert task.content is not None
        sent = task.local_hash
        if sent is None:  # the server refused before it had read the file to its end
            sent = await hash_file(task.content.file.path, self._context)
        meta_data = wire_metadata(task.content.file, self._context.disks)
        return await self._client.cmp(self._endpoint_of(task.name), hash=sent, meta_data=meta_data)

    def _on_refused(self, task: FileTask, response: Response) -> None:
        if response.status == Status.SHUTTING_DOWN:
            self._receiver.fail(ShuttingDown(response.message))
        elif response.status == Status.CHANGED and task.source is not None and task.source.offset:
            self._begin_again(task, "the server's partial upload of it is damaged, or in use")
        else:
            reason = response.message
            if response.status == Status.FORBIDDEN and not self._client.server_info.may("read"):
                reason += "; perhaps there is a file of that name already, which this account may not see"
            left = 0 if task.source is None else task.source.left
            self._receiver.finish_task(task, Outcome.REFUSED, reason, moved=True)
            if left > _WORTH_SENDING and self._context.reconnector is not None:
                # A request cannot be cut short: the server would read the rest and discard it.
                self._receiver.fail(UploadAbandoned(f"{task.name}: {response.message}"))

    def _may_resume(self, endpoint: str) -> bool:
        """Whether the server is asked what it has of an interrupted upload."""
        return self._observer.rejected_resumes[endpoint] < MAX_REJECTED_RESUMES

    def _begin_again(self, task: FileTask, reason: str) -> None:
        """Push again over a new connection, where the server is asked again what it has of the file.

        Over this one the server would read the rest of the file and discard it.
        """
        endpoint = self._endpoint_of(task.name)
        self._observer.rejected_resumes[endpoint] += 1
        self._receiver.fail(ConnectionFailed(f"{task.name or endpoint}: {reason}"))


def _grown(task: FileTask) -> str:
    """The reason of the result of a file that has grown while it was read."""
    has_grown = task.source.grown if task.source is not None else task.content is not None and task.content.grown
    return _GROWN if has_grown else ""
