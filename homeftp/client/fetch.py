"""Fetching a tree of files: what is equal is not fetched, what differs is replaced if it is still what was compared."""

from __future__ import annotations

import errno
import os

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.client.api import Client, Download, Verdict, head, understood
from homeftp.client.cases import Case, Choices, Item, Outcome, Place, Tools, Watch, differing, mtime_us, suspicious
from homeftp.client.draft import Arrival
from homeftp.client.errors import Corrupted, ProtocolViolation
from homeftp.client.exchange import IExchange, settled
from homeftp.client.judge import Judge
from homeftp.client.landing import Dress, Landing, LargeArrival, Small
from homeftp.client.local import MODES, LocalFile, LocalTree
from homeftp.config import STREAM_PIECE
from homeftp.errors import Changed, ContentMismatch, Refusal, SetupError
from homeftp.wire.messages import Entry, Response
from homeftp.workers import Together

WINDOW = 1024
"""Files that are being compared, fetched or written at once: many, for they become durable together."""

_WRITTEN_TOGETHER = 512

_NO_MORE = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EROFS})
"""After these the disk takes no other file either: the transfer ends."""


class Fetch:
    """Fetches `remote` into `landing`, where `tree` is now; `place` tells the endpoints."""

    def __init__(
        self,
        client: Client,
        tools: Tools,
        place: Place,
        remote: dict[str, Entry],
        tree: LocalTree,
        landing: Landing,
        choices: Choices,
        watch: Watch,
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
        self._judge = Judge(client, tools, place, self._decide, sends=False, window=WINDOW)
        limit = _WRITTEN_TOGETHER
        self._landed: Together[Small, os.stat_result] = Together(tools.workers, landing.place_many, limit=limit)
        self._dress: Together[tuple[Dress, os.stat_result], os.stat_result] = Together(
            tools.workers, landing.dress_files, limit=limit
        )

    async def run(self) -> None:
        """Fetch the files, then give the directories their metadata. Raises `ConnectionFailed`."""
        here = self._tree.files.get
        try:
            await self._judge.run(
                Case(name, here(name), entry) for name, entry in self._remote.items() if entry.kind == "file"
            )
            await self._directories()
        finally:
            await self._judge.wind_up()
            await self._tools.workers.run(self._landing.finish)

    def _decide(self, case: Case) -> None:
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

    def _doubt(self, case: Case, doubt: Outcome) -> None:
        """Replace it only if a person says so."""
        if self._choices.ask is None:
            self._end(case, doubt)
        else:
            self._judge.spawn(self._ask(case, doubt))

    async def _ask(self, case: Case, doubt: Outcome) -> None:
        assert self._choices.ask is not None
        if await self._choices.ask(case.name, self._item(case, doubt)):
            self._fetch(case, Outcome.REPLACED)
        else:
            self._end(case, doubt)

    def _fetch_new(self, case: Case) -> None:
        if case.name in self._tree.directories:
            self._end(case, Outcome.FAILED, "a folder has its name here")
        elif case.name in self._blocked and not self._choices.force:
            self._end(case, Outcome.FAILED, f"what has its name here {self._blocked[case.name]}")
        else:
            self._fetch(case, Outcome.NEW)

    def _fetch(self, case: Case, outcome: Outcome) -> None:
        assert case.remote is not None
        if case.remote.size > STREAM_PIECE:
            self._judge.spawn(self._fetch_large(case, outcome))
            return
        fetching = _Fetching(self, case, outcome)
        try:
            self._client.protocol.ask(fetching, "GET", {"rel_endpoint": self._place(case.name)})
        except Exception as reason:  # noqa: BLE001 (there is no connection any more)
            self._judge.fail(reason)

    def fetched(self, case: Case, outcome: Outcome, entry: Entry, data: bytes, verdict: Verdict) -> None:
        """A small file is here."""
        if verdict.hash is None:
            self.fail(case, Corrupted())
            return
        placing = self._landed.run(Small(self._arrival(case, entry), data, verdict.hash))
        placing.addCallback(self._placed, case, outcome, len(data)).addErrback(self._not_placed, case)

    async def _fetch_large(self, case: Case, outcome: Outcome) -> None:
        assert case.remote is not None
        run = self._tools.workers.run
        try:
            incoming = await run(self._landing.begin, self._arrival(case, case.remote))
        except OSError as error:
            self.fail(case, error)
            return
        download = None
        try:
            download = await self._client.get(self._place(case.name))
            await self._stream(download, incoming)
            verdict = await download.verdict()
            if verdict.hash is None:
                raise Corrupted
            found = await run(incoming.commit, verdict.hash, self._arrival(case, download.entry))
        except Refusal as refused:
            self.fail(case, refused)
        except OSError as error:
            if download is not None:
                download.discard()
            self.fail(case, error)
        else:
            self._placed(found, case, outcome, 0)
        finally:
            await run(incoming.close)

    async def _stream(self, download: Download, incoming: LargeArrival) -> None:
        """The disk works on one piece while the next arrives."""
        writing: Deferred[None] = succeed(None)
        try:
            while data := await download.read():
                self._watch.bytes(len(data), moved=True)
                await writing
                writing = self._tools.workers.run(incoming.write, data)
        finally:
            await writing

    def _arrival(self, case: Case, entry: Entry) -> Arrival:
        found = dict(entry.meta_data)
        compared = None if case.local is None else case.local.found
        mode = found.get("mode") if MODES else None
        return Arrival(case.name, found.get("mtime_us"), mode, compared, self._choices.force)

    def _dress_only(self, case: Case, local: LocalFile, remote: Entry) -> None:
        dressing = self._dress.run((dress(case.name, remote), local.found))
        dressing.addCallback(self._placed, case, Outcome.METADATA, None).addErrback(self._not_placed, case)

    def _placed(self, _: object, case: Case, outcome: Outcome, moved: int | None) -> None:
        if outcome is not Outcome.METADATA:
            self._changed.add(case.name.rpartition("/")[0])
        self._end(case, outcome, moved=moved)

    def _not_placed(self, failure: Failure, case: Case) -> None:
        if isinstance(failure.value, (OSError, Refusal)):
            self.fail(case, failure.value)
        else:
            self._judge.fail(failure)

    def fail(self, case: Case, failure: Exception) -> None:
        """The file cannot be had."""
        if isinstance(failure, OSError) and failure.errno in _NO_MORE:
            self._judge.fail(SetupError(f"{case.name or 'the file'} cannot be written: {failure.strerror}"))
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
        self._judge.fail(reason)

    def _end(self, case: Case, outcome: Outcome, reason: str = "", *, moved: int | None = None) -> None:
        item = self._item(case, outcome, reason)
        self._watch.item(item)
        self._watch.bytes(item.size if moved is None else moved, moved=moved is not None)
        self._judge.release(case)

    def _item(self, case: Case, outcome: Outcome, reason: str = "") -> Item:
        return Item(outcome, case.name, case.remote.size if case.remote else 0, reason, case.differs)

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
            self._watch.item(Item(Outcome.FAILED, name, 0, error.strerror or str(error), kind="directory"))
        for name in new:
            if name not in failed:
                self._watch.item(Item(Outcome.NEW, name, kind="directory"))

    def _stale(self, entry: Entry) -> bool:
        here = self._tree.directories.get(entry.name)
        if here is None or entry.name in self._changed:
            return True
        return bool(set(differing(here, entry)) - {"size"})


def dress(name: str, entry: Entry) -> Dress:
    """The server's metadata, as far as this system has them."""
    found = dict(entry.meta_data)
    return Dress(name, found.get("mtime_us"), found.get("mode") if MODES else None)


@implementer(IExchange)
class _Fetching:
    """A GET of a small file under way."""

    __slots__ = ("_case", "_fetch", "_head", "_outcome", "_pieces", "_problem", "_verdict")

    def __init__(self, fetch: Fetch, case: Case, outcome: Outcome) -> None:
        self._fetch = fetch
        self._case = case
        self._outcome = outcome
        self._head: Entry | None = None
        self._verdict: Verdict | None = None
        self._pieces: list[bytes] = []
        self._problem: Exception | None = None

    def responded(self, response: Response) -> None:
        """The head, then the verdict."""
        refused = settled(response)
        if refused is not None:
            self._problem = refused
            return
        try:
            if not response.more:
                self._verdict = understood(response.body, Verdict, "the verdict of GET")
            elif self._head is None:
                self._head = head(response.body, response.content_length)
                if response.content_length > STREAM_PIECE:
                    self._problem = Changed("it grew meanwhile: get it again")
            else:
                self._problem = ProtocolViolation("the server sent a file in two parts")
        except ProtocolViolation as violation:
            self._problem = violation

    def received(self, data: bytes) -> None:
        """The content."""
        if self._problem is None:
            self._pieces.append(data)

    def finished(self) -> None:
        """The file is here, or it is known why not."""
        if isinstance(self._problem, ProtocolViolation):
            self._fetch.lost(self._problem)
        elif self._problem is not None:
            self._fetch.fail(self._case, self._problem)
        elif self._head is None or self._verdict is None:
            self._fetch.fail(self._case, Changed("it was changed there meanwhile: get it again"))
        else:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._fetch.fetched(self._case, self._outcome, self._head, data, self._verdict)

    def failed(self, reason: Exception) -> None:
        """The connection has ended."""
        self._fetch.lost(reason)
