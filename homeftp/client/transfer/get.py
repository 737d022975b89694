"""Fetching a tree of files: what is equal is not fetched, what differs is replaced if it is still what was compared."""

from __future__ import annotations

import errno
import os
from functools import partial

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from homeftp.client.api import Client, Download
from homeftp.client.connection.errors import ConnectionFailed, Corrupted
from homeftp.client.connection.replies import Verdict
from homeftp.client.files.read import MODES, FileStat, LocalTree
from homeftp.client.files.tempfile import PartialDownload
from homeftp.client.files.write import DownloadTarget, LargeDownload, Metadata, SmallFile
from homeftp.client.transfer.comparer import Comparer
from homeftp.client.transfer.download import DownloadHandler
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
from homeftp.config import STREAM_PIECE
from homeftp.errors import BadRequest, Changed, ContentMismatch, OperatorError, Refusal, ShuttingDown
from homeftp.hashing import filehash as tree
from homeftp.model import Entry
from homeftp.workers import Batcher

WINDOW = 1024
"""Files that are being compared, fetched or written at once: many, for they become durable together."""

_WRITTEN_TOGETHER = 512

_NO_MORE = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EROFS})
"""After these the disk takes no other file either: the transfer ends."""


class GetTransfer:
    """Fetches `remote` into `landing`, where `tree` is now; `place` tells the endpoints."""

    def __init__(
        self,
        client: Client,
        tools: TransferContext,
        place: EndpointOf,
        remote: dict[str, Entry],
        tree: LocalTree,
        landing: DownloadTarget,
        choices: TransferOptions,
        watch: TransferObserver,
    ) -> None:
        self._client = client
        self._tools = tools
        self._place = place
        self._remote = remote
        self._tree = tree
        self._landing = landing
        self._choices = choices
        self._watch = watch
        self._blocked = dict(tree.skipped + tree.left_out)
        self._changed: set[str] = set()
        self._is_lost = False
        self._judge = Comparer(client, tools, place, self._decide, sends=False, window=WINDOW)
        limit = _WRITTEN_TOGETHER
        self._landed: Batcher[SmallFile, os.stat_result] = Batcher(tools.workers, landing.place_many, limit=limit)
        self._dress: Batcher[tuple[Metadata, os.stat_result], os.stat_result] = Batcher(
            tools.workers, landing.dress_files, limit=limit
        )

    async def run(self) -> None:
        """Fetch the files, then give the directories their metadata. Raises `ConnectionFailed`."""
        here = self._tree.files.get
        try:
            files = (FileTask(name, here(name), entry) for name, entry in self._remote.items() if entry.kind == "file")
            await self._judge.run(undone(files, self._place, self._watch))
            await self._directories()
            await self._tools.workers.run(self._landing.sweep, self._tree.drafts)
        finally:
            await self._judge.wind_up()
            await self._tools.workers.run(self._landing.finish)

    def _decide(self, case: FileTask) -> None:
        """What to do with a file, now that it is known how it compares."""
        local, remote = case.local, case.remote
        if case.failure is not None:
            self.fail(case, case.failure)
        elif remote is None or remote.kind != "file":
            self._end(case, Outcome.FAILED, "it was changed there meanwhile: get it again")
        elif local is None:
            self._fetch_new(case)
        elif not case.differs:
            self._end(case, Outcome.SAME)
        elif self._choices.new_only:
            self._end(case, Outcome.EXISTS)
        elif "hash" not in case.differs:
            self._dress_only(case, local, remote)
        elif self._choices.force:
            self._fetch(case, Outcome.REPLACED)
        elif local.mtime_us > (mtime_us(remote) or 0):
            self._doubt(case, Outcome.NEWER)
        elif suspicious(case.differs):
            self._doubt(case, Outcome.SUSPICIOUS)
        else:
            self._fetch(case, Outcome.REPLACED)

    def _doubt(self, case: FileTask, doubt: Outcome) -> None:
        """Replace it only if a person says so."""
        if self._choices.ask is None:
            self._end(case, doubt)
        else:
            self._judge.spawn(self._ask(case, doubt))

    async def _ask(self, case: FileTask, doubt: Outcome) -> None:
        assert self._choices.ask is not None
        if await self._choices.ask(case.name, self._item(case, doubt)):
            self._fetch(case, Outcome.REPLACED)
        else:
            self._end(case, doubt)

    def _fetch_new(self, case: FileTask) -> None:
        if case.name in self._tree.directories:
            self._end(case, Outcome.FAILED, "a folder has its name here")
        elif case.name in self._blocked and not self._choices.force:
            self._end(case, Outcome.FAILED, f"what has its name here {self._blocked[case.name]}")
        else:
            self._fetch(case, Outcome.NEW)

    def _fetch(self, case: FileTask, outcome: Outcome) -> None:
        assert case.remote is not None
        if case.remote.size > STREAM_PIECE:
            self._judge.spawn(self._fetch_large(case, outcome))
            return
        fetching = DownloadHandler(self, case, outcome)
        try:
            self._client.protocol.ask(fetching, "GET", {"rel_endpoint": self._place(case.name)})
        except Exception as reason:  # noqa: BLE001 (there is no connection any more)
            self.lost(reason)

    def fetched(self, case: FileTask, outcome: Outcome, entry: Entry, data: bytes, verdict: Verdict) -> None:
        """A small file is here."""
        if verdict.hash is None:
            self.fail(case, Corrupted())
            return
        placing = self._landed.run(SmallFile(self._arrival(case, entry), data, verdict.hash))
        placing.addCallback(self._placed, case, outcome, len(data)).addErrback(self._not_placed, case)

    async def _fetch_large(self, case: FileTask, outcome: Outcome) -> None:
        """Fetch a large file, on from where an earlier try was cut off; from its beginning if that comes out wrong."""
        if not await self._try_large(case, outcome, resume=True):
            await self._try_large(case, outcome, resume=False)

    async def _try_large(self, case: FileTask, outcome: Outcome, *, resume: bool) -> bool:
        """Whether that settled it: what was here may have been the beginning of another content."""
        assert case.remote is not None
        run = self._tools.workers.run
        key = draft_key(self._place(case.name), case.remote)
        incoming = self._landing.arriving(self._arrival(case, case.remote), key)
        keep = False
        offset = 0
        download = None
        try:
            await run(incoming.begin)
            offset = await self._offset(case, incoming) if resume else 0
            if incoming.size != offset:
                await run(incoming.restart)
            download = await self._client.get(self._place(case.name), offset=offset)
            await self._stream(download, incoming)
            verdict = await download.verdict()
            if verdict.hash is None:
                raise Corrupted
            found = await run(incoming.commit, verdict.hash, self._arrival(case, download.entry))
        except (ShuttingDown, ConnectionFailed) as reason:
            keep = True
            self.lost(reason)
        except CancelledError:
            keep = self._is_lost  # and not because the person has had enough of it
            raise
        except Refusal as refused:
            if offset and isinstance(refused, (Corrupted, BadRequest)):
                self._watch.bytes(-offset, moved=False)
                return False
            self.fail(case, refused)
        except OSError as error:
            if download is not None:
                download.discard()
            self.fail(case, error)
        else:
            self._placed(found, case, outcome, 0)
        finally:
            await run(partial(incoming.close, keep=keep))
        return True

    async def _offset(self, case: FileTask, incoming: LargeDownload) -> int:
        """From where the rest is to be fetched of what an earlier try has left. The hash at the end says if it fits."""
        if not incoming.size:
            return 0
        checking = incoming.check()
        while await self._tools.workers.run(next, checking, ()) is None:
            pass
        # The verdict on a part has the whole file's hash only where the server knows it; this makes it find out.
        there = (await self._client.cmp(self._place(case.name), hash=incoming.hash)).remote
        if there is None or case.remote is None or not incoming.size <= there.size == case.remote.size:
            return 0
        self._watch.bytes(incoming.size, moved=False)
        self._watch.on_resumed(case.name, incoming.size)
        return incoming.size

    async def _stream(self, download: Download, incoming: LargeDownload) -> None:
        """The disk works on one piece while the next arrives."""
        writing: Deferred[None] = succeed(None)
        try:
            while data := await download.read():
                self._watch.bytes(len(data), moved=True)
                await writing
                writing = self._tools.workers.run(incoming.write, data)
        finally:
            await writing

    def _arrival(self, case: FileTask, entry: Entry) -> PartialDownload:
        compared = None if case.local is None else case.local.found
        mode = entry.mode if MODES else None
        return PartialDownload(case.name, entry.mtime_us, mode, compared, self._choices.force)

    def _dress_only(self, case: FileTask, local: FileStat, remote: Entry) -> None:
        dressing = self._dress.run((dress(case.name, remote), local.found))
        dressing.addCallback(self._placed, case, Outcome.METADATA, None).addErrback(self._not_placed, case)

    def _placed(self, _: object, case: FileTask, outcome: Outcome, moved: int | None) -> None:
        if outcome is not Outcome.METADATA:
            self._changed.add(case.name.rpartition("/")[0])
        self._end(case, outcome, moved=moved)

    def _not_placed(self, failure: Failure, case: FileTask) -> None:
        if isinstance(failure.value, (OSError, Refusal)):
            self.fail(case, failure.value)
        else:
            self._judge.fail(failure)

    def fail(self, case: FileTask, failure: Exception) -> None:
        """The file cannot be had."""
        if isinstance(failure, ShuttingDown):
            self.lost(failure)
        elif isinstance(failure, OSError) and failure.errno in _NO_MORE:
            self._judge.fail(OperatorError(f"{case.name or 'the file'} cannot be written: {failure.strerror}"))
        elif isinstance(failure, OSError):
            self._end(case, Outcome.FAILED, failure.strerror or str(failure))
        elif isinstance(failure, Corrupted):
            self._end(case, Outcome.CORRUPT, str(failure))
        elif isinstance(failure, (Changed, ContentMismatch)):
            self._end(case, Outcome.FAILED, str(failure))
        else:
            self._end(case, Outcome.REFUSED, str(failure))

    def lost(self, reason: Exception) -> None:
        """The connection has ended."""
        self._is_lost = True
        self._judge.fail(reason)

    def _end(self, case: FileTask, outcome: Outcome, reason: str = "", *, moved: int | None = None) -> None:
        item = self._item(case, outcome, reason)
        self._watch.item(item, self._place(case.name))
        self._watch.bytes(item.size if moved is None else moved, moved=moved is not None)
        self._judge.release(case)

    def _item(self, case: FileTask, outcome: Outcome, reason: str = "") -> FileResult:
        return FileResult(outcome, case.name, case.remote.size if case.remote else 0, reason, case.differs)

    async def _directories(self) -> None:
        """Make the directories that are missing, and give all of them their metadata: what is deepest first."""
        run = self._tools.workers.run
        wanted = [entry for entry in self._remote.values() if entry.kind == "directory"]
        wanted.sort(key=lambda entry: entry.name.count("/") + bool(entry.name), reverse=True)
        new = [entry.name for entry in wanted if entry.name not in self._tree.directories]
        failed = dict(await run(self._landing.make_directories, new))
        for name in new:
            self._changed |= {name, name.rpartition("/")[0]}
        stale = [entry for entry in wanted if entry.name not in failed and self._stale(entry)]
        failed |= dict(await run(self._landing.dress_directories, [dress(entry.name, entry) for entry in stale]))
        for name, error in failed.items():
            self._watch.item(FileResult(Outcome.FAILED, name, 0, error.strerror or str(error), kind="directory"))
        for name in new:
            if name not in failed:
                self._watch.item(FileResult(Outcome.NEW, name, kind="directory"))

    def _stale(self, entry: Entry) -> bool:
        here = self._tree.directories.get(entry.name)
        if here is None or entry.name in self._changed:
            return True
        return bool(set(differing(here, entry)) - {"size"})


def draft_key(endpoint: str, entry: Entry) -> str:
    """What a draft is known by, for who goes on with it: where it comes from, and what it looked like there."""
    return tree.hash_bytes(f"{endpoint}\n{entry.size}\n{mtime_us(entry)}".encode()).removeprefix(tree.ALGORITHM)[:32]


def dress(name: str, entry: Entry) -> Metadata:
    """The server's metadata, as far as this system has them."""
    return Metadata(name, entry.mtime_us, entry.mode if MODES else None)
