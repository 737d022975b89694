"""The files as one session sees them: the store, with the session's own drafts laid over it by path.

SessionOperations that concern the same names must come here one after another (`homeftp.server.sftp.order`).
"""

from __future__ import annotations

from typing import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost

from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import Changed, Forbidden, NotFound, WrongKind, not_found
from homeftp.files.budget import MemoryBudget
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.server.sftp.overlay.content import SmallMemory
from homeftp.server.sftp.overlay.exclusive import ExclusiveNames
from homeftp.server.sftp.overlay.openfile import Confirm, FilesOf, OpenFile
from homeftp.server.sftp.wire.fields import Attributes
from homeftp.server.sftp.wire.numbers import OpenFlag
from homeftp.store.policy.rights import ALL, READ

WRITING = OpenFlag.WRITE | OpenFlag.APPEND

RightsAt = Callable[[Endpoint], frozenset[str]]


class Overlay:
    """The open files of a session, by their paths. `can_send` and `confirm` are as in `OpenFile`.

    `home` is where the account's files are in the store, `exclusive` what all sessions have made, and `rights_at` tells
    what the account may do at an endpoint.
    """

    def __init__(
        self,
        files: FilesOf,
        budget: MemoryBudget,
        can_send: Callable[[], Deferred[None] | None] = lambda: None,
        confirm: Confirm = lambda: None,
        *,
        home: Endpoint = ROOT,
        exclusive: ExclusiveNames | None = None,
        rights_at: RightsAt = lambda endpoint: ALL,
    ) -> None:
        self._files = files
        self._budget = budget
        self._can_send = can_send
        self._confirm = confirm
        self._home = home
        self._exclusive = ExclusiveNames() if exclusive is None else exclusive
        self._rights_at = rights_at
        self._memory = SmallMemory()
        self._open: dict[tuple[str, ...], OpenFile] = {}
        self._detached: set[OpenFile] = set()
        self._ended = False

    # -- open files ------------------------------------------------------------------

    async def open(self, endpoint: Endpoint, flags: int, attributes: Attributes) -> OpenFile:
        """Open a file; `close` ends it. Raises a refusal."""
        found = self._open.get(endpoint.parts)
        if found is None:
            found = await self._open_new(endpoint, flags, attributes)
            if self._ended:
                await found.abort()
                raise ConnectionLost("the session has ended")
            self._open[endpoint.parts] = found
        else:
            await self._open_again(found, flags, attributes)
        found.handles += 1
        found.writers += is_writer(flags)
        return found

    async def _open_new(self, endpoint: Endpoint, flags: int, attributes: Attributes) -> OpenFile:
        if not is_writer(flags):
            opened = self._made(endpoint, None)
            await opened.reader()
            return opened
        if endpoint.is_top:
            raise WrongKind("the shared folder is a directory")
        begins_empty = flags & OpenFlag.CREATE and flags & (OpenFlag.TRUNCATE | OpenFlag.EXCLUSIVE)
        is_new = bool(begins_empty) and self._files("STAT").is_new(endpoint)
        entry = None if is_new else await self._replaceable(endpoint)
        if entry is None and not flags & OpenFlag.CREATE:
            raise not_found(str(endpoint))
        if entry is not None and flags & OpenFlag.CREATE and flags & OpenFlag.EXCLUSIVE:
            raise Changed(f"{endpoint} exists already")
        await self._expect_right(endpoint, "add" if entry is None else "replace")
        if entry is None and not is_new:
            await self._expect_name(endpoint)
        opened = self._made(endpoint, entry)
        if entry is None or flags & OpenFlag.TRUNCATE:
            exclusive = flags & OpenFlag.CREATE and flags & OpenFlag.EXCLUSIVE
            if exclusive:
                opened.name_taken(self._take_name(endpoint))
            await opened.create(_new_mode(attributes, 0o666), ABSENT if exclusive else None)
        return opened

    async def _expect_right(self, endpoint: Endpoint, right: str) -> None:
        """Raise `Forbidden` (33) where the account has no right to what will be committed.

        Some clients, such as sshfs, look at the answer to the opening, and not at that to the closing. The store says
        it, so that it is recorded as for a commit.
        """
        if right not in self._rights_at(endpoint):
            await self._try(endpoint)

    async def _expect_name(self, endpoint: Endpoint) -> None:
        """Raise `BadEndpoint` (41) where a new file cannot get this name: it is too similar to another one there.

        The store checks the name again at the commit. An account that may not see the other one learns it there.
        """
        files = self._files("WRITE")
        checked = files.capabilities.similar_names and READ in self._rights_at(endpoint)
        if checked and not files.is_new(endpoint):
            await self._try(endpoint)

    async def _try(self, endpoint: Endpoint) -> None:
        """Begin a draft of a file that is made anew, and discard it. Raises the store's refusal."""
        draft = await self._files("WRITE").edit(WriteRequest(endpoint=endpoint, empty=True))
        await draft.abort()

    async def _open_again(self, found: OpenFile, flags: int, attributes: Attributes) -> None:
        if not found.is_changed:
            await found.refresh(await self._stat_file(found.endpoint))
        creates = flags & OpenFlag.CREATE
        if not found.exists and not creates:
            raise not_found(str(found.endpoint))
        if found.exists and creates and flags & OpenFlag.EXCLUSIVE:
            raise Changed(f"{found.endpoint} exists already")
        if not found.exists or (flags & OpenFlag.TRUNCATE and is_writer(flags)):
            await found.create(_new_mode(attributes, 0o666), None)

    def _take_name(self, endpoint: Endpoint) -> Callable[[], None]:
        """Take a name that nothing has; raises `Changed` (44) where another session has made it."""
        release = self._exclusive.reserve(self._home.beneath(*endpoint.parts))
        if release is None:
            raise Changed(f"{endpoint} is being made by another session")
        return release

    def _made(self, endpoint: Endpoint, entry: Entry | None) -> OpenFile:
        return OpenFile(
            self._files,
            endpoint,
            entry,
            memory=self._memory,
            budget=self._budget,
            can_send=self._can_send,
            confirm=self._confirm,
        )

    async def _replaceable(self, endpoint: Endpoint) -> Entry | None:
        """The file that one at the endpoint would replace; its directory has to exist. An account may not see either.

        The directory is looked up behind the file: right after the job for that it is mostly known without another one.
        """
        entry = await self._stat_file(endpoint)
        if entry is None:
            await self.expect_parent(endpoint)
        return entry

    async def _stat_file(self, endpoint: Endpoint) -> Entry | None:
        try:
            entry = await self._files("STAT").stat(endpoint, hashed=False)
        except Forbidden:
            return None
        if entry is not None and entry.kind != "file":
            raise WrongKind(f"{endpoint} is a directory")
        return entry

    async def close(self, opened: OpenFile, flags: int) -> None:
        """Close one handle; what it raises is why the content was not put in place."""
        try:
            await opened.release(writer=is_writer(flags))
        finally:
            if not opened.handles:
                self._forget(opened)

    def _forget(self, opened: OpenFile) -> None:
        self._detached.discard(opened)
        if self._open.get(opened.endpoint.parts) is opened:
            del self._open[opened.endpoint.parts]

    def forget_idle(self) -> None:
        """Hold nothing that was read ahead of files that were not read since the last call."""
        for opened in (*self._open.values(), *self._detached):
            opened.forget_idle()

    async def abort(self) -> None:
        """Discard all that was not committed."""
        self._ended = True
        opened, self._open = [*self._open.values(), *self._detached], {}
        self._detached.clear()
        for each in opened:
            await each.abort()

    # -- what there is ---------------------------------------------------------------

    async def stat(self, endpoint: Endpoint) -> Entry:
        """The entry that the session sees at an endpoint. Raises `NotFound` (40)."""
        opened = self._open.get(endpoint.parts)
        entry = None if opened is None else await opened.stat()
        entry = entry or await self._files("STAT").stat(endpoint, hashed=False)
        if entry is None:
            raise not_found(str(endpoint))
        return entry

    async def stat_open(self, opened: OpenFile) -> Entry:
        """The entry that the session sees of an open file, whether it still has its name or not."""
        entry = await opened.stat()
        if entry is None and not opened.detached:
            entry = await self._files("STAT").stat(opened.endpoint, hashed=False)
        entry = entry or opened.entry
        if entry is None:
            raise not_found(str(opened.endpoint))
        return entry

    async def exists(self, endpoint: Endpoint) -> bool:
        """Whether the session sees anything there."""
        try:
            await self.stat(endpoint)
        except (NotFound, WrongKind):
            return False
        return True

    def changed_in(self, directory: Endpoint) -> Iterable[Entry]:
        """The files directly in a directory that are not committed, as the session sees them."""
        depth = len(directory.parts)
        for parts, opened in self._open.items():
            if len(parts) == depth + 1 and parts[:depth] == directory.parts:
                shown = opened.pending_entry(parts[-1])
                if shown is not None:
                    yield shown

    async def expect_parent(self, endpoint: Endpoint) -> None:
        """Raise `NotFound` (40) where the directory of an endpoint does not exist, as far as the account may know."""
        if READ not in self._rights_at(endpoint.parent):
            return
        try:
            parent = await self._files("STAT").stat(endpoint.parent, hashed=False)
        except Forbidden:
            return
        if parent is None or parent.kind != "directory":
            raise NotFound(f"{endpoint.parent} is not a directory")

    # -- changes ---------------------------------------------------------------------

    async def set_attributes(self, endpoint: Endpoint, attributes: Attributes) -> None:
        """Change size, time and mode of what is at an endpoint."""
        if attributes.size is not None:
            opened = await self.open(endpoint, OpenFlag.WRITE, attributes)
            try:
                await opened.truncate(attributes.size)
                await opened.set_metadata(mtime_of(attributes), mode_of(attributes))
            finally:
                await self.close(opened, OpenFlag.WRITE)
            return
        mtime_us, mode = mtime_of(attributes), mode_of(attributes)
        opened_now = self._open.get(endpoint.parts)
        if opened_now is not None and await opened_now.set_metadata(mtime_us, mode):
            return
        if mtime_us is not None or mode is not None:
            await self._files("SETSTAT").set_metadata(endpoint, mtime_us=mtime_us, mode=mode)

    async def set_open_attributes(self, opened: OpenFile, attributes: Attributes) -> None:
        """Set the attributes of an open file."""
        if attributes.size is not None:
            await opened.truncate(attributes.size)
        mtime_us, mode = mtime_of(attributes), mode_of(attributes)
        if (mtime_us is None and mode is None) or await opened.set_metadata(mtime_us, mode) or opened.detached:
            return
        await self._files("SETSTAT").set_metadata(opened.endpoint, mtime_us=mtime_us, mode=mode)

    async def make_directory(self, endpoint: Endpoint, attributes: Attributes) -> None:
        """Make a directory in one that exists. Raises `Changed` (44) where something exists there."""
        if endpoint.is_top or endpoint.parts in self._open:
            raise Changed(f"{str(endpoint) or 'the shared folder'} exists already")
        await self.expect_parent(endpoint)
        request = WriteRequest(endpoint=endpoint, mode=_new_mode(attributes, 0o777), precondition=ABSENT)
        await self._files("MKDIR").make_directory(request)

    async def remove(self, endpoint: Endpoint) -> None:
        """Remove a file. Handles that are open on it keep working, and what they write is discarded."""
        entry = await self._in_store(endpoint)
        if entry is not None and entry.kind != "file":
            raise WrongKind(f"{endpoint} is a directory")
        if entry is not None:
            await self._files("REMOVE").remove(endpoint)
        elif not await self.exists(endpoint):
            raise not_found(str(endpoint))
        await self._detach(endpoint)

    async def remove_directory(self, endpoint: Endpoint) -> None:
        """Remove an empty directory."""
        entry = await self._in_store(endpoint)
        if entry is None:
            raise not_found(str(endpoint))
        if entry.kind != "directory":
            raise WrongKind(f"{endpoint} is not a directory")
        if any(self.changed_in(endpoint)):
            raise WrongKind(f"{endpoint} is not empty")
        await self._files("RMDIR").remove(endpoint)

    async def rename(self, source: Endpoint, target: Endpoint, *, replace: bool) -> None:
        """Give a file or a directory another name. What is not committed of it is put in place first.

        Raises `Changed` (44) where something has that name and is not to be replaced.
        """
        for opened in self._at_or_beneath(source):
            await opened.commit()
        if source == target:
            await self.stat(source)
            return
        if not replace and await self.exists(target):
            raise Changed(f"{target} exists already")
        await self.expect_parent(target)
        await self._files("RENAME").move(source, target, target_precondition=None if replace else ABSENT)
        await self._detach(target)
        for opened in self._at_or_beneath(source):
            del self._open[opened.endpoint.parts]
            opened.move(target.beneath(*opened.endpoint.parts[len(source.parts) :]))
            self._open[opened.endpoint.parts] = opened

    async def _in_store(self, endpoint: Endpoint) -> Entry | None:
        try:
            return await self._files("STAT").stat(endpoint, hashed=False)
        except WrongKind:
            return None

    def _at_or_beneath(self, endpoint: Endpoint) -> list[OpenFile]:
        return [each for parts, each in self._open.items() if parts[: len(endpoint.parts)] == endpoint.parts]

    async def _detach(self, endpoint: Endpoint) -> None:
        opened = self._open.pop(endpoint.parts, None)
        if opened is not None:
            self._detached.add(opened)
            await opened.detach()


def is_writer(flags: int) -> bool:
    """Whether a handle may change its file: also one that makes it."""
    return bool(flags & (WRITING | OpenFlag.CREATE))


def mode_of(attributes: Attributes) -> int | None:
    """The permission bits that a client gives."""
    return None if attributes.permissions is None else attributes.permissions & 0o777


def _new_mode(attributes: Attributes, widest: int) -> int | None:
    """The mode of something new: clients leave what group and others may write to the umask of the server.

    With the widest mode, as OpenSSH's `mkdir` sends it, they wish nothing.
    """
    mode = mode_of(attributes)
    return None if mode is None or mode == widest else mode & ~0o022


def mtime_of(attributes: Attributes) -> int | None:
    """The time that a client gives, in microseconds since 1970 UTC."""
    return None if attributes.mtime is None else attributes.mtime * 1_000_000
