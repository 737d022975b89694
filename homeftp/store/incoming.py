"""One large file on its way in, piece by piece; and a directory that is made."""

from __future__ import annotations

import os
import time
from typing import NoReturn

from zope.interface import implementer

from homeftp.config import MIB
from homeftp.errors import WrongKind
from homeftp.index import Row
from homeftp.interfaces import IIncoming
from homeftp.store.drafts import Draft
from homeftp.store.entries import entry_of
from homeftp.store.faults import no_space, refusal, shown
from homeftp.store.jail import Place, set_mode
from homeftp.store.replacing import (
    Replacing,
    check_file,
    check_mtime,
    close_all,
    free_bytes,
    gone,
    in_doubt,
    occupied,
    wrong_hash,
    wrong_size,
)
from homeftp.tree import Hasher
from homeftp.values import Put
from homeftp.wire.endpoint import Endpoint
from homeftp.wire.messages import ABSENT, Entry

_WRITEBACK = 8 * MIB
"""Bytes after which the disk is told to begin: the fsync of a whole gigabyte at the end would take as long again."""


@implementer(IIncoming)
class Incoming:
    """A large file on its way in; `begin` makes one."""

    def __init__(self, replacing: Replacing, put: Put, draft: Draft, expected: str | None) -> None:
        self._replacing = replacing
        self._put = put
        self._draft = draft
        self._expected = expected
        self._hasher = Hasher()
        self._size = 0
        self._started = 0
        self._began = time.time_ns()

    def write(self, data: bytes) -> None:
        """The next bytes. Raises `ContentMismatch` (45) past the declared size, `NoSpace` (52); then all is undone."""
        if self._size + len(data) > self._put.size:
            self.abort()
            raise wrong_size(self._put, self._size + len(data))
        try:
            self._draft.write(data)
        except OSError as error:
            self._give_up(error)
        self._hasher.update(data)
        self._size += len(data)
        if self._size - self._started >= _WRITEBACK:
            self._replacing.system.start_writeback(self._draft.fd, self._started, self._size - self._started)
            self._started = self._size

    def commit(self, trailer: str | None = None) -> Entry:
        """Check size and hash, make it durable, and put it in its place; or undo all and raise why."""
        try:
            return self._commit(self._put.hash if trailer is None else trailer)
        except OSError as error:
            self._give_up(error)
        finally:
            self._draft.close()

    def abort(self) -> None:
        """Leave no trace."""
        self._draft.close()

    def _give_up(self, error: OSError) -> NoReturn:
        free = free_bytes(self._draft.fd)
        self.abort()
        given_back = None if free is None else free + self._size
        raise refusal(error, self._put.endpoint, size=self._put.size, free=given_back) from error

    def _commit(self, declared: str | None) -> Entry:
        put, draft = self._put, self._draft
        if self._size != put.size:
            raise wrong_size(put, self._size)
        content_hash = self._hasher.hash()
        if declared is not None and declared != content_hash:
            raise wrong_hash(put)
        draft.finish(put)
        self._replacing.system.fsync(draft.fd)
        directory = put.endpoint.parent
        place = self._replacing.places({directory: True})[directory]
        if isinstance(place, Exception):
            raise place
        try:
            self._replacing.publish(draft, place, put, self._expected)
            found = os.fstat(draft.fd)
            (failure,) = self._replacing.sync_directories([place])
        finally:
            close_all([place])
        if failure is not None:
            raise in_doubt(put.endpoint, failure)
        row = Row(self._replacing.jail.spelled(directory), put.endpoint.name, found, content_hash, self._began)
        self._replacing.index.record([row])
        return entry_of(found, content_hash)


def begin(replacing: Replacing, put: Put) -> Incoming:
    """Room for a large file; refuses at once what could not be put in its place at the end.

    Raises `Changed` (44), `WrongKind` (43), `NoSpace` (52), `TooLarge` (22).
    """
    replacing.check(put)
    directory = put.endpoint.parent
    nearest, depth = replacing.jail.nearest(directory)
    try:
        expected = None
        if depth == len(directory.parts):
            found = replacing.jail.look_in(nearest.fd, put.endpoint)
            check_file(put.endpoint, found)
            if found is not None and put.if_hash == ABSENT:
                raise occupied(put.endpoint)
            (standing,) = replacing.expected([(nearest, put)])
            if isinstance(standing, Exception):
                raise standing
            expected = standing
        elif put.if_hash not in (None, ABSENT):
            raise gone(put.endpoint)
        free = free_bytes(nearest.fd)
        if free is not None and put.size > free:
            raise no_space(put.endpoint, put.size, free)
        draft = replacing.drafts.new(os.urandom(16).hex(), nearest, Endpoint(directory.parts[:depth]), put.mode)
    except OSError as error:
        raise refusal(error, put.endpoint, size=put.size, free=free_bytes(nearest.fd)) from error
    finally:
        os.close(nearest.fd)
    return Incoming(replacing, put, draft, expected)


def make_directory(replacing: Replacing, put: Put) -> Entry:
    """Make a directory and its parents, durably; one that is there gets the metadata that `put` names.

    Raises `Changed` (44) where "absent" was asked for and it is there,
    `WrongKind` (43) where a file is, or for a hash: directories have none yet.
    """
    check_mtime(put)
    if put.if_hash not in (None, ABSENT):
        raise WrongKind(f"{shown(put.endpoint)}: directories have no hash yet, so there can be none to expect")
    if put.if_hash == ABSENT and replacing.jail.look(put.endpoint) is not None:
        raise occupied(put.endpoint)
    place = replacing.places({put.endpoint: True})[put.endpoint]
    if isinstance(place, Exception):
        raise place
    try:
        return _finish_directory(replacing, place, put)
    finally:
        os.close(place.fd)


def _finish_directory(replacing: Replacing, place: Place, put: Put) -> Entry:
    try:
        if put.mode is not None:
            set_mode(place.fd, put.mode)
        if put.mtime_us is not None:
            os.utime(place.fd, ns=(put.mtime_us * 1000, put.mtime_us * 1000))
        replacing.system.fsync_directory(place.fd)
        return entry_of(os.fstat(place.fd))
    except OSError as error:
        raise refusal(error, put.endpoint, size=put.size, free=free_bytes(place.fd)) from error
