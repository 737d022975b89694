"""One file that a session has open, with all handles that it has on this path: they share one content.

What is asked of the file is carried out in order. Until it is committed, what was written is in a draft that only this
session sees. A commit comes when the last handle that may write is closed, and for fsync and renames.
"""

from __future__ import annotations

import contextlib
import time
from typing import Callable, Iterator

from twisted.internet.defer import Deferred

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, NotFound
from homeftp.files.budget import MemoryBudget
from homeftp.interfaces import IFileDraft, IFiles
from homeftp.metadata.modes import kept_mode
from homeftp.model import Entry
from homeftp.server.sftp.overlay.content import DraftContent, Pending, SmallMemory
from homeftp.server.sftp.overlay.fileturns import FileTurns, PendingRead, PendingWrite
from homeftp.server.sftp.overlay.reader import SequentialReader

FilesOf = Callable[[str], IFiles]
"""The files of the login, whose changes are recorded as those of a request of that name."""

Confirm = Callable[[], "Deferred[None] | None"]
"""Fires when access is confirmed, and fails with `Forbidden` (33) where it was revoked; None: it was just granted."""

NEW_MODE = 0o644
"""The mode that is shown of a new file until it is committed, where the client gave none."""


class OpenFile:
    """A file that is open. `entry` is what the store has there; None: nothing.

    `can_send` fires when the client reads fast enough for the next answer. What an earlier request has read is in
    memory: a client gets it only behind `confirm`.
    """

    def __init__(
        self,
        files: FilesOf,
        endpoint: Endpoint,
        entry: Entry | None,
        *,
        memory: SmallMemory,
        budget: MemoryBudget,
        can_send: Callable[[], Deferred[None] | None],
        confirm: Confirm,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.entry = entry
        self.handles = 0
        self.writers = 0
        self.detached = False
        """Whether its name was removed or given to another file: nothing of it is committed any more."""
        self._files = files
        self._pending = Pending(endpoint)
        self._memory = memory
        self._budget = budget
        self._can_send = can_send
        self._confirm = confirm
        self._now = now
        self._content: DraftContent | None = None
        self._changed_us = 0
        self._reader: SequentialReader | None = None
        self._turns = FileTurns(self._do)
        self._aborted = False
        self._failure: Exception | None = None
        self._release_name: Callable[[], None] = _nothing

    # -- what it is ------------------------------------------------------------------

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint at which the file is, or will be."""
        return self._pending.endpoint

    def move(self, endpoint: Endpoint) -> None:
        """Note that the file has been renamed."""
        self._pending.endpoint = endpoint

    @property
    def is_changed(self) -> bool:
        """Whether it has a content that is not committed."""
        return self._content is not None

    @property
    def exists(self) -> bool:
        """Whether there is a file, for this session."""
        return self._content is not None or self.entry is not None

    def pending_entry(self, name: str) -> Entry | None:
        """The entry that this session sees under that name; None where it is the one that everyone sees."""
        if self._content is None:
            return None
        pending, old = self._pending, self.entry
        mode = pending.mode if pending.mode is not None else None if old is None else old.mode
        return Entry(
            name=name,
            kind="file",
            size=self._content.size,
            mtime_us=self._changed_us if pending.mtime_us is None else pending.mtime_us,
            mode=kept_mode("file", NEW_MODE if mode is None else mode),
        )

    # -- what is asked of it ---------------------------------------------------------

    def read(self, offset: int, length: int, done: Callable[[bytes | memoryview | Exception], None]) -> None:
        """Read a part; b"" at the end."""
        self._turns.add(PendingRead(offset, length, done))

    def write(self, offset: int | None, data: bytes | memoryview, done: Callable[[Exception | None], None]) -> None:
        """Write a part."""
        self._turns.add(PendingWrite(offset, data, done))

    def name_taken(self, release: Callable[[], None]) -> None:
        """Note that the name is kept from other sessions; `release` is called when it is free again."""
        self._release_name = release

    async def create(self, mode: int | None, precondition: str | None) -> None:
        """Begin a new, empty content, whatever is there."""

        async def act() -> None:
            self._pending.precondition = precondition
            if self.entry is None:
                self._pending.mode = mode
            with self._lost_if_failed():
                await self._empty()

        await self._turns.run(act)

    async def truncate(self, size: int) -> None:
        """Cut it to `size` bytes, or extend it with zeros."""

        async def act() -> None:
            with self._lost_if_failed():
                if size:
                    await (await self._begun()).truncate(self._pending, size)
                    self._touched()
                else:
                    await self._empty()

        await self._turns.run(act)

    async def set_metadata(self, mtime_us: int | None, mode: int | None) -> bool:
        """Give a content that is not committed a time and a mode; False where there is none."""

        async def act() -> bool:
            if self._content is None:
                return False
            if mtime_us is not None:
                self._pending.mtime_us = mtime_us
            if mode is not None:
                self._pending.mode = mode
            return True

        return await self._turns.run(act)

    async def stat(self) -> Entry | None:
        """The entry that this session sees, after all that was asked for; None: the one that everyone sees."""

        async def act() -> Entry | None:
            return self.pending_entry("")

        return await self._turns.run(act)

    async def refresh(self, entry: Entry | None) -> None:
        """The store has this there now: another one than before is read from now on."""

        async def act() -> None:
            old = self.entry
            if self._content is None and (entry is None or old is None or entry.tag != old.tag or entry != old):
                self.entry = entry
                await self._close_reader()

        await self._turns.run(act)

    async def commit(self) -> None:
        """Put in place what is not; nothing where the name is gone."""
        await self._turns.run(self._commit)

    async def release(self, *, writer: bool) -> None:
        """A handle is closed. The last that may write commits; the last of all closes the file."""

        async def act() -> None:
            self.handles -= 1
            self.writers -= writer
            try:
                if writer and not self.writers:
                    await self._commit()
            finally:
                if not self.handles:
                    await self._close_reader()

        await self._turns.run(act)

    def forget_idle(self) -> None:
        """Hold nothing that was read ahead, unless it was read since the last call."""
        if self._reader is not None and not self._turns.running:
            self._reader.forget_idle()

    async def detach(self) -> None:
        """Detach the file from its name, which was removed or is another file's: handles work, nothing is committed."""

        async def act() -> None:
            self.detached = True
            self._release_name()

        await self._turns.run(act)

    async def abort(self) -> None:
        """Discard what was not committed; nothing that is still waiting is done."""
        self._aborted = True
        self._release_name()
        content, self._content = self._content, None
        if content is not None:
            await content.abort()
        await self._close_reader()

    # -- one after another -----------------------------------------------------------

    async def _do(self, part: PendingRead | PendingWrite) -> None:
        await (self._run_read(part) if isinstance(part, PendingRead) else self._run_writes(part))

    async def _run_read(self, job: PendingRead) -> None:
        waiting = self._can_send()
        if waiting is not None:
            await waiting
        try:
            result = await self._read(job.offset, job.length)
            confirmed = self._confirm()
            if confirmed is not None:
                await confirmed
        except Exception as error:  # noqa: BLE001 (the client gets it)
            job.done(error)
        else:
            job.done(result)

    async def _run_writes(self, first: PendingWrite) -> None:
        """This write, together with those right behind it that continue it."""
        together = self._turns.continued(first)
        data = first.data if len(together) == 1 else b"".join(job.data for job in together)
        error = None
        try:
            with self._lost_if_failed():
                content = await self._begun()
                await content.write(self._pending, content.size if first.offset is None else first.offset, data)
                self._touched()
        except Exception as caught:  # noqa: BLE001 (the client gets it)
            error = caught
        for job in together:
            job.done(error)

    # -- the content -----------------------------------------------------------------

    async def _read(self, offset: int, length: int) -> bytes | memoryview:
        if self._content is not None:
            return await self._content.read(offset, length)
        if self._reader is not None:
            try:
                return await self._reader.read(offset, length)
            except Changed:  # another program writes it in place: read what it holds now
                await self._close_reader()
        return await (await self.reader()).read(offset, length)

    async def reader(self) -> SequentialReader:
        """The file of the store, opened; to be called in turn, or before anything is asked of it. Raises a refusal."""
        if self._reader is None:
            self._expect_running()
            stream = await self._files("READ").open(self.endpoint, hashed=False)
            self._reader = SequentialReader(stream, self._budget)
            self.entry = stream.entry
        return self._reader

    async def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()

    @contextlib.contextmanager
    def _lost_if_failed(self) -> Iterator[None]:
        """A change that fails: what lacks it is never committed."""
        self._expect_running()
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except Exception as error:
            self._failure = error
            raise

    async def _begun(self) -> DraftContent:
        """The content that is written: begun with what the store has, unless it was begun before."""
        if self._content is None:
            if self.entry is None:
                self._content = self._new_content()
            else:
                draft = await self._files("WRITE").edit(self._pending.request(None))
                self._content = self._new_content(draft)
            await self._close_reader()
        return self._content

    def _new_content(self, draft: IFileDraft | None = None) -> DraftContent:
        return DraftContent(self._files("WRITE"), self._memory, draft)

    async def _empty(self) -> None:
        """An empty content, in place of any."""
        old, self._content = self._content, self._new_content()
        self._touched()
        if old is not None:
            await old.abort()
        await self._close_reader()

    def _touched(self) -> None:
        self._changed_us = int(self._now() * 1_000_000)
        self._pending.mtime_us = None

    async def _commit(self) -> None:
        content, self._content = self._content, None
        failure, self._failure = self._failure, None
        if content is not None and (self.detached or self._aborted or failure is not None):
            self._release_name()
            await content.abort()
        if failure is not None:
            raise failure
        if content is not None and not (self.detached or self._aborted):
            pending, self._pending = self._pending, Pending(self.endpoint)
            try:
                self.entry = await content.commit(pending)
            finally:
                self._release_name()

    def _expect_running(self) -> None:
        if self._aborted:
            raise NotFound("the session has ended")


def _nothing() -> None:
    """No name was taken."""
