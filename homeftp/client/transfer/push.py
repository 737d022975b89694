"""Sending a tree of files: what is equal is not sent, what differs is replaced if it is still what was compared."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from zope.interface import implementer

from homeftp.client.api import Client
from homeftp.client.connection.errors import ConnectionFailed
from homeftp.client.connection.response import IResponseHandler
from homeftp.client.files.read import FileStat, LocalTree, SourceFile
from homeftp.client.transfer.comparer import Comparer
from homeftp.client.transfer.model import (
    EndpointOf,
    FileResult,
    FileTask,
    Outcome,
    TransferContext,
    TransferObserver,
    TransferOptions,
    differing,
    mtime_us,
    suspicious,
    undone,
)
from homeftp.client.transfer.payload import FilePayload, skip_arrived
from homeftp.errors import Changed, Refusal, ShuttingDown
from homeftp.interfaces import IPayload
from homeftp.model import ABSENT, Entry
from homeftp.status import Status
from homeftp.wire.messages import MetaData, Response

TRIES = 3
"""So often a file is gone on with though the server could not use what had arrived; then it is sent whole."""

WINDOW = 256
"""Files that are being read, compared or sent at once. More than the server works on, so that it never waits."""


class PushTransfer:
    """Sends `tree`, where the server has `remote`; `place` tells the endpoints."""

    def __init__(
        self,
        client: Client,
        tools: TransferContext,
        place: EndpointOf,
        tree: LocalTree,
        remote: dict[str, Entry],
        choices: TransferOptions,
        watch: TransferObserver,
    ) -> None:
        self._client = client
        self._protocol = client.protocol
        self._tools = tools
        self._place = place
        self._tree = tree
        self._remote = remote
        self._choices = choices
        self._watch = watch
        self._changed: set[str] = set()
        self._filled: set[str] = set()
        """Directories in which something was stored."""
        self._judge = Comparer(client, tools, place, self._decide, sends=True, window=WINDOW)

    async def run(self) -> None:
        """Send the files, then give the directories their metadata. Raises `ConnectionFailed`."""
        remote = self._remote.get
        try:
            cases = (FileTask(name, file, remote(name)) for name, file in self._tree.files.items())
            await self._judge.run(undone(cases, self._place, self._watch))
        finally:
            await self._judge.wind_up()
        await self._directories()

    def _decide(self, case: FileTask) -> None:
        """What to do with a file, now that it is known how it compares."""
        remote = case.remote
        if case.failure is not None:
            self._fail(case, case.failure)
        elif remote is None:
            self._send(case, Outcome.NEW)
        elif remote.kind != "file":
            self._end(case, Outcome.REFUSED, "a directory has its name there")
        elif not case.differs:
            self._end(case, Outcome.SAME)
        elif self._choices.new_only:
            self._end(case, Outcome.EXISTS)
        elif "hash" not in case.differs:
            self._send(case, Outcome.METADATA)
        elif self._choices.force:
            self._send(case, Outcome.REPLACED)
        elif self._newer(case):
            self._doubt(case, Outcome.NEWER)
        elif suspicious(case.differs):
            self._doubt(case, Outcome.SUSPICIOUS)
        else:
            self._send(case, Outcome.REPLACED)

    def _newer(self, case: FileTask) -> bool:
        assert case.remote is not None and case.content is not None
        there = mtime_us(case.remote)
        return there is not None and there > case.content.file.mtime_us

    def _doubt(self, case: FileTask, doubt: Outcome) -> None:
        """Replace it only if a person says so."""
        if self._choices.ask is None:
            self._end(case, doubt)
        else:
            self._judge.spawn(self._ask(case, doubt))

    async def _ask(self, case: FileTask, doubt: Outcome) -> None:
        assert self._choices.ask is not None
        if await self._choices.ask(case.name, self._item(case, doubt)):
            self._send(case, Outcome.REPLACED)
        else:
            self._end(case, doubt)

    def _send(self, case: FileTask, outcome: Outcome) -> None:
        if case.open is None:
            self._push(case, outcome)
        else:
            self._judge.spawn(self._send_large(case, case.open, outcome))

    async def _send_large(self, case: FileTask, file: SourceFile, outcome: Outcome) -> None:
        """Send a large file, on from where an earlier try was cut off."""
        endpoint = self._place(case.name)
        if self._watch.useless[endpoint] < TRIES:
            try:
                meta_data: MetaData = [("size", file.file.size), *file.file.meta_data]
                compared = await self._client.cmp(endpoint, meta_data=meta_data)
            except Refusal as refused:
                self._end(case, Outcome.REFUSED, refused.message)
                return
            try:
                await skip_arrived(file, compared.arrived, self._tools.workers)
            except (OSError, Changed) as failure:
                self._fail(case, failure)
                return
        if file.offset:
            self._watch.bytes(file.offset, moved=False)
            self._watch.on_resumed(case.name, file.offset)
        self._push(case, outcome)

    def _push(self, case: FileTask, outcome: Outcome) -> None:
        content, remote = case.content, case.remote
        assert content is not None
        body: dict[str, Any] = {
            "rel_endpoint": self._place(case.name),
            "meta_data": content.file.meta_data,
        }
        if not self._choices.force:
            body["if_hash"] = ABSENT if remote is None else remote.hash
        payload: bytes | IPayload | None = content.data
        if case.open is not None:
            body["hash_trailer"] = True
            if case.open.offset:
                body["offset"] = case.open.offset
            payload = FilePayload(case.open, self._tools.workers, self._watch)
            case.closing = payload.close
        else:
            body["hash"] = content.hash
        assert payload is not None
        try:
            self._protocol.ask(_Sending(self, case, outcome), "PUSH", body, payload)
        except Exception as reason:  # noqa: BLE001 (there is no connection any more)
            self._judge.fail(reason)

    def sent(self, case: FileTask, outcome: Outcome, response: Response) -> None:
        """The server has answered a PUSH."""
        if case.open is not None and case.open.failure is not None:
            self._fail(case, case.open.failure, moved=True)
            return
        if response.status != Status.OK:
            self._refused(case, response)
            return
        sent = case.open.hash if case.open is not None else case.content and case.content.hash
        if response.body.get("hash") != sent:
            self._end(case, Outcome.CORRUPT, "the server says that it stored something else: compare", moved=True)
            return
        folder = case.name.rpartition("/")[0]
        self._changed.add(folder)
        self._filled.add(folder)
        self._end(case, outcome, moved=True)

    def _refused(self, case: FileTask, response: Response) -> None:
        endpoint = self._place(case.name)
        if response.status == Status.SHUTTING_DOWN:
            self.lost(ShuttingDown(response.message))
        elif response.status == Status.CHANGED and case.open is not None and case.open.offset:
            # The rest would still be read, and thrown away: better a new connection, and to ask what is left.
            self._watch.useless[endpoint] += 1
            self.lost(ConnectionFailed(f"what had arrived of {case.name or endpoint} is not as it should be"))
        else:
            reason = response.message
            if response.status == Status.FORBIDDEN and "read" not in (self._client.about.rights or ["read"]):
                reason += "; perhaps something of that name is there already, which it may not see"
            self._end(case, Outcome.REFUSED, reason, moved=True)

    def lost(self, reason: Exception) -> None:
        """The connection has ended, or is of no use any more."""
        self._judge.fail(reason)

    def _fail(self, case: FileTask, failure: Exception, *, moved: bool = False) -> None:
        if isinstance(failure, OSError):
            self._end(case, Outcome.FAILED, f"cannot be read: {failure.strerror}", moved=moved)
        else:
            refused = case.remote is not None and case.content is not None and not moved
            self._end(case, Outcome.REFUSED if refused else Outcome.FAILED, str(failure), moved=moved)

    def _end(self, case: FileTask, outcome: Outcome, reason: str = "", *, moved: bool = False) -> None:
        self._watch.item(self._item(case, outcome, reason), self._place(case.name))
        if case.open is None or not moved:
            self._watch.bytes(case.local.size if case.local else 0, moved=moved)
        self._judge.release(case)

    def _item(self, case: FileTask, outcome: Outcome, reason: str = "") -> FileResult:
        return FileResult(outcome, case.name, case.local.size if case.local else 0, reason, case.differs)

    async def _directories(self) -> None:
        """Make the directories that are missing, and give all of them their metadata: what is deepest first."""
        wanted = [each for each in self._tree.directories.values() if self._place(each.name)]
        wanted.sort(key=lambda directory: directory.name.count("/"), reverse=True)
        for directory in wanted:
            if directory.name not in self._remote:
                self._changed.add(directory.name)
                self._changed.add(directory.name.rpartition("/")[0])
        todo = [directory for directory in wanted if self._stale(directory)]
        for start in range(0, len(todo), WINDOW):
            making = [Deferred.fromCoroutine(self._make(each)) for each in todo[start : start + WINDOW]]
            try:
                await gatherResults(making, consumeErrors=True)
            except FirstError as error:
                error.subFailure.raiseException()

    def _stale(self, directory: FileStat) -> bool:
        there = self._remote.get(directory.name)
        if there is None or directory.name in self._changed:
            return True
        return there.kind != "directory" or bool(set(differing(directory, there)) - {"size"})

    async def _make(self, directory: FileStat) -> None:
        try:
            await self._client.make_directory(self._place(directory.name), meta_data=directory.meta_data)
        except Refusal as refused:
            if not self._needs_no_more(directory):
                self._watch.item(FileResult(Outcome.REFUSED, directory.name, 0, refused.message, kind="directory"))
        else:
            if directory.name not in self._remote:
                self._watch.item(FileResult(Outcome.NEW, directory.name, kind="directory"))

    def _needs_no_more(self, directory: FileStat) -> bool:
        """Whether it is there, with what was stored in it, and this account may not give it its time and mode."""
        rights = self._client.about.rights
        below = f"{directory.name}/" if directory.name else ""
        made = any(f"{folder}/".startswith(below) for folder in self._filled)
        return rights is not None and "replace" not in rights and made


@implementer(IResponseHandler)
class _Sending:
    """A PUSH of a file under way."""

    __slots__ = ("_case", "_outcome", "_send")

    def __init__(self, send: PushTransfer, case: FileTask, outcome: Outcome) -> None:
        self._send = send
        self._case = case
        self._outcome = outcome

    def responded(self, response: Response) -> None:
        """The answer."""
        if not response.more:
            self._send.sent(self._case, self._outcome, response)

    def received(self, data: bytes) -> None:
        """There is no payload."""

    def finished(self) -> None:
        """The answer was all."""

    def failed(self, reason: Exception) -> None:
        """The connection has ended."""
        self._send.lost(reason)
