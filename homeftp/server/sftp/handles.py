"""The handles of one session: what a client has open, by the names that it was told."""

from __future__ import annotations

import struct

import attrs
from twisted.internet.error import ConnectionLost

from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest, Busy, Forbidden
from homeftp.server.sftp.listing import DirectoryReader
from homeftp.server.sftp.overlay.openfile import OpenFile
from homeftp.server.sftp.overlay.overlay import is_writer
from homeftp.server.sftp.shared import AccountHandles
from homeftp.server.sftp.wire.numbers import OpenFlag

MOST_HANDLES = 128
"""Handles of one session at once. A small file that is open is held in memory, a large one has a descriptor."""

_NAME = struct.Struct(">I")
_NAMES = 2**32


@attrs.frozen(eq=False)
class FileHandle:
    """A file that was opened."""

    opened: OpenFile
    flags: int
    """Bits of `OpenFlag`."""

    @property
    def endpoint(self) -> Endpoint:
        """Where the file is, or will be."""
        return self.opened.endpoint

    @property
    def writes(self) -> bool:
        """Whether it may change the file."""
        return is_writer(self.flags)


Handle = FileHandle | DirectoryReader


class Handles:
    """The handles that are open."""

    def __init__(self, account: str, accounts: AccountHandles, most: int = MOST_HANDLES) -> None:
        self._account = account
        self._accounts = accounts
        self._most = most
        self._ended = False
        self._open: dict[bytes, Handle] = {}
        self._closing: dict[bytes, Handle] = {}
        """The handles that were removed and whose files are not committed yet."""
        self._reserved = 0
        self._last = 0

    def reserve(self) -> None:
        """Keep a place for a handle that is about to be opened; raises `Busy` (51) where there are too many."""
        if len(self._open) + self._reserved >= self._most:
            raise Busy(f"a session can have {self._most} files and directories open: close some first")
        if not self._accounts.reserve(self._account):
            raise Busy("your account has too many files and directories open: close some first")
        self._reserved += 1

    def release(self) -> None:
        """Give back the place of a handle that was not opened."""
        self._reserved -= 1
        self._accounts.release(self._account)

    def add(self, handle: Handle) -> bytes:
        """The name of a handle, whose place was reserved. Raises ConnectionLost after the end."""
        if self._ended:
            raise ConnectionLost("the session has ended")
        self._reserved -= 1
        self._last = (self._last + 1) % _NAMES
        name = _NAME.pack(self._last)
        self._open[name] = handle
        return name

    def file(self, name: bytes, *, to_write: bool = False, to_read: bool = False) -> FileHandle:
        """The open file of that name. Raises `BadRequest` (20), or `Forbidden` (33) if it was not opened for that."""
        found = self._open.get(name)
        if not isinstance(found, FileHandle):
            raise BadRequest("no file has this handle")
        if to_write and not found.flags & (OpenFlag.WRITE | OpenFlag.APPEND):
            raise Forbidden("the file was not opened for writing")
        if to_read and not found.flags & OpenFlag.READ:
            raise Forbidden("the file was not opened for reading")
        return found

    def directory(self, name: bytes) -> DirectoryReader:
        """The open directory of that name. Raises `BadRequest` (20)."""
        found = self._open.get(name)
        if not isinstance(found, DirectoryReader):
            raise BadRequest("no directory has this handle")
        return found

    def any(self, name: bytes) -> Handle:
        """The handle with that name. Raises `BadRequest` (20)."""
        found = self._open.get(name)
        if found is None:
            raise BadRequest("nothing has this handle")
        return found

    def endpoint(self, name: bytes) -> Endpoint | None:
        """The endpoint of a handle, also while it is being closed; None for one that is not known."""
        found = self._open.get(name) or self._closing.get(name)
        return None if found is None else found.endpoint

    def remove(self, name: bytes) -> Handle:
        """Remove a handle, and give it; `closed` is to be called when it is."""
        found = self.any(name)
        self._closing[name] = self._open.pop(name)
        self._accounts.release(self._account)
        return found

    def closed(self, name: bytes) -> None:
        """Forget a handle that was removed."""
        del self._closing[name]

    def close(self) -> None:
        """The session has ended: close the directories."""
        self._ended = True
        if self._open:
            self._accounts.release(self._account, len(self._open))
        for each in self._open.values():
            if isinstance(each, DirectoryReader):
                each.close()
        self._open.clear()
