"""Carries out each request of a session: with the overlay, and with the answer that its client gets.

Requests to read and to write are in `homeftp.server.sftp.session`, which answers thousands of them in a second.
"""

from __future__ import annotations

import contextlib
import time
from typing import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from homeftp.config import PIECE
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import BadEndpoint, BadRequest, Forbidden, NotFound, UnknownRequestType, WrongKind
from homeftp.server.sftp.handles import FileHandle, Handles
from homeftp.server.sftp.listing import DirectoryReader
from homeftp.server.sftp.names import endpoint_of, plain_parts, shown_path
from homeftp.server.sftp.order import Extent, Order
from homeftp.server.sftp.overlay.openfile import Confirm, FilesOf
from homeftp.server.sftp.overlay.overlay import Overlay
from homeftp.server.sftp.wire import answers
from homeftp.server.sftp.wire.answers import OWNER
from homeftp.server.sftp.wire.fields import Attributes
from homeftp.server.sftp.wire.numbers import StatusCode
from homeftp.server.sftp.wire.requests import (
    Asked,
    AttributesAsked,
    CopyAsked,
    HandleAsked,
    OpenAsked,
    OtherAsked,
    PathAsked,
    PathsAsked,
    ReadAsked,
    Verb,
    WriteAsked,
)

Operation = OpenAsked | HandleAsked | PathAsked | PathsAsked | AttributesAsked | CopyAsked | OtherAsked

_READ_ONLY = 1
_NO_SETUID = 2
"""Flags of a file system."""

NO_LINKS = "there are no links here"


class SessionOperations:
    """The operations of one session, whose account is `owner`."""

    def __init__(
        self,
        files: FilesOf,
        overlay: Overlay,
        handles: Handles,
        owner: str,
        clock: IReactorTime,
        confirm: Confirm,
    ) -> None:
        """`confirm` is as in `OpenFile`."""
        self._files = files
        self._overlay = overlay
        self._handles = handles
        self._owner = owner
        self._clock = clock
        self._confirm = confirm
        self._order = Order()

    def close(self) -> None:
        """The session has ended: what waits does not begin."""
        self._order.close()

    def endpoint(self, asked: Asked) -> Endpoint:
        """The endpoint that a request reads or changes, of two the first; the top for one that names none."""
        with contextlib.suppress(BadEndpoint):  # it is about to be refused
            match asked:
                case OpenAsked(path=path) | PathAsked(path=path) | PathsAsked(source=path):
                    return endpoint_of(path)
                case AttributesAsked(where=path, verb=Verb.SETSTAT | Verb.MKDIR):
                    return endpoint_of(path)
                case AttributesAsked(where=name) | HandleAsked(handle=name) | CopyAsked(source=name):
                    return self._handles.endpoint(name) or ROOT
                case ReadAsked(handle=name) | WriteAsked(handle=name):
                    return self._handles.endpoint(name) or ROOT
        return ROOT

    async def carry_out(self, asked: Operation) -> bytes:
        """The answer to a request. Raises a refusal."""
        match asked:
            case OpenAsked():
                return await self._open(asked)
            case HandleAsked():
                return await self._about_handle(asked)
            case PathAsked():
                return await self._about_path(asked)
            case PathsAsked():
                return await self._about_paths(asked)
            case AttributesAsked():
                return await self._with_attributes(asked)
            case CopyAsked():
                return await self._copy(asked)
            case OtherAsked(id=id, verb=verb):
                if verb is Verb.INIT:
                    return answers.version()
                if verb is Verb.MALFORMED:
                    return answers.status(id, StatusCode.BAD_MESSAGE, "malformed packet")
                raise UnknownRequestType("the server does not know this request")

    # -- files and directories that are opened ------------------------------------------

    async def _open(self, asked: OpenAsked) -> bytes:
        endpoint = endpoint_of(asked.path)

        async def open_file() -> bytes:
            opened = await self._overlay.open(endpoint, asked.flags, asked.attributes)
            return self._handles.add(FileHandle(opened, asked.flags))

        return answers.handle(asked.id, await self._opening(_named(endpoint), open_file))

    async def _open_directory(self, asked: PathAsked) -> bytes:
        endpoint = _existing(asked.path)

        async def open_directory() -> bytes:
            entry = await self._overlay.stat(endpoint)
            if entry.kind != "directory":
                raise WrongKind(f"{endpoint} is not a directory")
            return self._handles.add(
                DirectoryReader(
                    endpoint,
                    lambda: self._files("READDIR").list(endpoint),
                    lambda: list(self._overlay.changed_in(endpoint)),
                    self._clock,
                )
            )

        return answers.handle(asked.id, await self._opening([Extent(endpoint, False, deep=True)], open_directory))

    async def _opening(self, extents: Sequence[Extent], act: Callable[[], Awaitable[bytes]]) -> bytes:
        """The name of a new handle, for which there has to be a place before it is opened."""
        self._handles.reserve()
        try:
            return await self._order.run(extents, act)
        except BaseException:
            self._handles.release()
            raise

    async def _about_handle(self, asked: HandleAsked) -> bytes:
        match asked.verb:
            case Verb.CLOSE:
                await self._close(asked.handle)
            case Verb.FSYNC:
                handle = self._handles.file(asked.handle)
                await self._order.run([Extent(handle.opened.endpoint, changes=True)], handle.opened.commit)
            case Verb.READDIR:
                entries = await self._handles.directory(asked.handle).read()
                if not entries:
                    return answers.status(asked.id, StatusCode.EOF, "no more names")
                confirmed = self._confirm()
                if confirmed is not None:
                    await confirmed
                now = time.time()
                return answers.names(asked.id, [answers.named(each, self._owner, now) for each in entries])
            case Verb.FSTAT:
                opened = self._handles.file(asked.handle).opened
                return answers.attributes(asked.id, await self._overlay.stat_open(opened))
            case _:
                self._handles.any(asked.handle)
                return await self._space(asked.id)
        return answers.status(asked.id, StatusCode.OK)

    async def _close(self, name: bytes) -> None:
        handle = self._handles.remove(name)
        try:
            if isinstance(handle, DirectoryReader):
                handle.close()
                return
            extent = Extent(handle.opened.endpoint, changes=handle.writes)
            await self._order.run([extent], lambda: self._overlay.close(handle.opened, handle.flags))
        finally:
            self._handles.closed(name)

    # -- names --------------------------------------------------------------------------

    async def _about_path(self, asked: PathAsked) -> bytes:
        match asked.verb:
            case Verb.STAT | Verb.LSTAT:
                endpoint = _existing(asked.path)
                entry = await self._order.run([Extent(endpoint, False)], lambda: self._overlay.stat(endpoint))
                return answers.attributes(asked.id, entry)
            case Verb.OPENDIR:
                return await self._open_directory(asked)
            case Verb.REALPATH:
                return answers.names(asked.id, [answers.name_only(shown_path(plain_parts(asked.path)))])
            case Verb.REMOVE:
                endpoint = _existing(asked.path)
                await self._order.run([Extent(endpoint, True)], lambda: self._overlay.remove(endpoint))
            case Verb.RMDIR:
                endpoint = _existing(asked.path)
                extent = Extent(endpoint, True, deep=True)
                await self._order.run([extent], lambda: self._overlay.remove_directory(endpoint))
            case Verb.STATVFS:
                return await self._space(asked.id)
            case _:
                raise UnknownRequestType(NO_LINKS)
        return answers.status(asked.id, StatusCode.OK)

    async def _about_paths(self, asked: PathsAsked) -> bytes:
        if asked.verb not in (Verb.RENAME, Verb.POSIX_RENAME):
            raise UnknownRequestType(NO_LINKS)
        source, target = _existing(asked.source), endpoint_of(asked.target)
        replace = asked.verb is Verb.POSIX_RENAME
        extents = [Extent(source, True, deep=True), *_named(target, deep=True)]
        await self._order.run(extents, lambda: self._overlay.rename(source, target, replace=replace))
        return answers.status(asked.id, StatusCode.OK)

    async def _with_attributes(self, asked: AttributesAsked) -> bytes:
        _check_owner(asked.attributes)
        if asked.verb is Verb.FSETSTAT:
            opened = self._handles.file(asked.where, to_write=asked.attributes.size is not None).opened
            extent = Extent(opened.endpoint, True)
            await self._order.run([extent], lambda: self._overlay.set_open_attributes(opened, asked.attributes))
        elif asked.verb is Verb.SETSTAT:
            endpoint = _existing(asked.where)
            extent = Extent(endpoint, True)
            await self._order.run([extent], lambda: self._overlay.set_attributes(endpoint, asked.attributes))
        else:
            endpoint = endpoint_of(asked.where)
            await self._order.run(_named(endpoint), lambda: self._overlay.make_directory(endpoint, asked.attributes))
        return answers.status(asked.id, StatusCode.OK)

    # -- the rest -----------------------------------------------------------------------

    async def _copy(self, asked: CopyAsked) -> bytes:
        source = self._handles.file(asked.source, to_read=True).opened
        target = self._handles.file(asked.target, to_write=True).opened
        if source is target:
            raise BadRequest("a file cannot be copied into itself")
        done, end = 0, asked.length or None
        while end is None or done < end:
            want = PIECE if end is None else min(PIECE, end - done)
            data = await _read(source.read, asked.offset + done, want)
            if not data:
                break
            await _write(target.write, asked.target_offset + done, data)
            done += len(data)
        return answers.status(asked.id, StatusCode.OK)

    async def _space(self, id: int) -> bytes:
        files = self._files("STATVFS")
        space = await files.space()
        if space.free is None:
            raise Forbidden("the free space is not known")
        return answers.statvfs(id, space.free, space.used or 0, _NO_SETUID | (_READ_ONLY if files.read_only else 0))


def _named(endpoint: Endpoint, *, deep: bool = False) -> list[Extent]:
    """The extents of making a name: the name, and whether its directory exists."""
    return [Extent(endpoint, True, deep), Extent(endpoint.parent, False)]


def _existing(path: bytes) -> Endpoint:
    """The endpoint of what should exist: a name that no file can have is one that does not exist."""
    try:
        return endpoint_of(path)
    except BadEndpoint as error:
        raise NotFound(error.message) from None


def _check_owner(attributes: Attributes) -> None:
    """Files belong to the account, whatever its number: only what they show already can be set."""
    if attributes.owner not in (None, (OWNER, OWNER)):
        raise Forbidden("the owner of files cannot be changed")


def _read(
    read: Callable[[int, int, Callable[[bytes | memoryview | Exception], None]], None], offset: int, length: int
) -> Deferred[bytes | memoryview]:
    answer: Deferred[bytes | memoryview] = Deferred()

    def done(result: bytes | memoryview | Exception) -> None:
        if isinstance(result, Exception):
            answer.errback(result)
        else:
            answer.callback(result)

    read(offset, length, done)
    return answer


def _write(
    write: Callable[[int, bytes | memoryview, Callable[[Exception | None], None]], None],
    offset: int,
    data: bytes | memoryview,
) -> Deferred[None]:
    answer: Deferred[None] = Deferred()
    write(offset, data, lambda error: answer.callback(None) if error is None else answer.errback(error))
    return answer
