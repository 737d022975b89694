"""One large file on its way in, piece by piece, perhaps on from where an earlier upload was cut off."""

from __future__ import annotations

import os
import time
from typing import Iterator, NoReturn

from zope.interface import implementer

from homeftp.config import MIB
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed
from homeftp.hashing.filehash import Hasher, hash_slices
from homeftp.hashing.hashcache import CachedHash
from homeftp.interfaces import IUpload
from homeftp.model import ABSENT, PRESENT, Entry, ResumePoint, WriteRequest
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import FULL, close_quietly, display_path, refusal
from homeftp.store.local.disk.saferoot import DirHandle
from homeftp.store.local.staging.partial import PartialFile, nothing_here
from homeftp.store.local.writes.commit import in_doubt, stat_after
from homeftp.store.local.writes.pending import pending_rename
from homeftp.store.local.writes.preconditions import check_file, gone, occupied
from homeftp.store.local.writes.replacing import Replacing, close_all, free_bytes, wrong_hash, wrong_size

_WRITEBACK = 8 * MIB
"""Bytes after which the disk is told to begin: the fsync of a whole gigabyte at the end would take as long again."""


@implementer(IUpload)
class LocalUpload:
    """A large file on its way in; `begin_upload` makes one. It owns `nearest`, an open directory."""

    def __init__(
        self,
        replacing: Replacing,
        put: WriteRequest,
        draft: PartialFile,
        expected: str | None,
        nearest: DirHandle,
        depth: int,
        device: int,
    ) -> None:
        self._replacing = replacing
        self._put = put
        self._draft = draft
        self._expected = expected
        self._nearest = nearest
        self._depth = depth
        self._device = device
        self._hasher = Hasher()
        self._hashed = 0
        self._size = put.offset
        self._started = put.offset
        self._began = time.time_ns()
        self._promised = put.known_size - put.offset
        self._checked = not put.offset
        self._ended = False
        replacing.space.promise(self._device, self._promised)

    def verify_resumed(self) -> Iterator[int]:
        """Hash what had arrived; all of it, before anything is written. After each slice, how many bytes were.

        Raises `Changed` (44) where the disk has not kept it: then less is left to go on from, or nothing. Also
        where another upload goes on with it meanwhile.
        """
        if self._checked:
            return
        noted = [each for each in self._draft.fragment.arrived if each.size <= self._put.offset]
        good = None
        try:
            for each in noted:
                yield from self._hash_up_to(each.size)
                if self._hasher.hash() != each.hash:
                    raise Changed("")
                good = each
            yield from self._hash_up_to(self._put.offset)
        except Changed:
            if good is not None:
                self._draft.suspend(good)
            self.abort()
            raise Changed(
                f"what had arrived of {display_path(self._put.endpoint)} is damaged: "
                "compare again, and go on from there"
            ) from None
        except OSError as error:
            self._give_up(error)
        try:
            self._draft.start_at(ResumePoint(self._hashed, self._hasher.hash()))
            self._checked = True
        except OSError as error:
            self._give_up(error)

    def _hash_up_to(self, end: int) -> Iterator[int]:
        for _ in hash_slices(self._hasher, self._draft.fd, self._hashed, end):
            yield self._hashed
        self._hashed = end
        yield end

    def write(self, data: bytes) -> None:
        """The next bytes. Raises `ContentMismatch` (45) past the declared size, `NoSpace` (52); then all is undone."""
        if self._size + len(data) > self._put.known_size:
            self.abort()
            raise wrong_size(self._put, self._size + len(data))
        try:
            self._write(data)
        except OSError as error:
            self._give_up(error)
        self._hasher.update(data)
        self._size += len(data)
        self._promised -= len(data)
        self._replacing.space.promise(self._device, -len(data))
        if self._size - self._started >= _WRITEBACK:
            self._replacing.system.start_writeback(self._draft.fd, self._started, self._size - self._started)
            self._started = self._size
        self._draft.checkpoint(self._size, self._hasher)

    def _write(self, data: bytes) -> None:
        """Write, once more where room could be made."""
        try:
            self._draft.write(data)
        except OSError as error:
            directory = self._put.endpoint.first(self._depth)
            missing = self._put.known_size - self._size
            if error.errno not in FULL or not self._replacing.space.relieve(self._nearest, directory, missing):
                raise
            self._draft.rewind(self._size)
            self._draft.write(data)

    def commit(self, hash: str | None = None) -> Entry:
        """Check size and hash, make it durable, and put it in its place; or undo all and raise why."""
        try:
            return self._commit(self._put.hash if hash is None else hash)
        except OSError as error:
            self._give_up(error)
        finally:
            self.abort()

    def suspend(self) -> None:
        """Nothing more comes. What has arrived is kept for a day, where it is worth that."""
        self._draft.suspend(ResumePoint(self._size, self._hasher.hash()) if self._checked else None)
        self.abort()

    def abort(self) -> None:
        """Leave no trace, unless it was committed or suspended."""
        self._draft.close()
        if not self._ended:
            self._ended = True
            self._replacing.space.promise(self._device, -self._promised)
            close_quietly(self._nearest.fd)

    def _give_up(self, error: OSError) -> NoReturn:
        free = None if self._ended else free_bytes(self._nearest.fd)
        self.abort()
        given_back = None if free is None else free + self._size
        raise refusal(error, self._put.endpoint, size=self._put.known_size, free=given_back) from error

    def _commit(self, declared: str | None) -> Entry:
        put, draft, replacing = self._put, self._draft, self._replacing
        if self._size != put.known_size:
            raise wrong_size(put, self._size)
        content_hash = self._hasher.hash()
        if declared is not None and declared != content_hash:
            raise wrong_hash(put)
        draft.seal()
        draft.finish(put)
        (failure,) = replacing.syncing.files([(draft.fd, self._nearest)])
        if failure is not None:
            raise failure
        directory = put.endpoint.parent
        place = replacing.places({directory: put.actor})[directory]
        if isinstance(place, Exception):
            raise replacing.no_place(place, put.endpoint, put.known_size)
        try:
            arrival = pending_rename(put, draft, place, self._expected, content_hash)
            (refused,) = replacing.publishing.publish([arrival])
            if refused is not None:
                raise refused
            found = stat_after(draft.fd, put.endpoint)
            (failure,) = replacing.syncing.directories([place])
        finally:
            close_all([place])
        if failure is not None:
            raise in_doubt(put.endpoint) from failure
        row = CachedHash(replacing.jail.spelled(directory), put.endpoint.name, found, content_hash, self._began)
        replacing.index.record([row])
        return entry_of(found, content_hash)


def begin_upload(replacing: Replacing, put: WriteRequest) -> LocalUpload:
    """Room for a large file; refuses at once what could not be put in its place at the end.

    Raises `Changed` (44), `WrongKind` (43), `NoSpace` (52), `TooLarge` (22).
    """
    replacing.check(put)
    directory = put.endpoint.parent
    nearest, depth = replacing.jail.nearest(directory)
    try:
        device = os.fstat(nearest.fd).st_dev
        expected = None
        if depth == len(directory.parts):
            found = replacing.jail.look_in(nearest.fd, put.endpoint)
            check_file(put.endpoint, found)
            if found is not None and put.precondition == ABSENT:
                raise occupied(put.endpoint)
            if found is None and put.precondition == PRESENT:
                raise gone(put.endpoint)
            (standing,) = replacing.conditions.expected([(nearest, put.endpoint, put.precondition)])
            if isinstance(standing, Exception):
                raise standing
            expected = standing
        elif put.precondition not in (None, ABSENT):
            raise gone(put.endpoint)
        draft = _draft(replacing, put, nearest, directory.first(depth))
    except OSError as error:
        free = free_bytes(nearest.fd)
        close_quietly(nearest.fd)
        raise refusal(error, put.endpoint, size=put.known_size, free=free) from error
    except BaseException:
        close_quietly(nearest.fd)
        raise
    return LocalUpload(replacing, put, draft, expected, nearest, depth, device)


def _draft(replacing: Replacing, put: WriteRequest, nearest: DirHandle, directory: Endpoint) -> PartialFile:
    """A new draft, or the one that is to be gone on with, with room set aside for the rest of it."""
    space, fragments = replacing.space, replacing.fragments
    cost = space.usage.cost(put.known_size)
    if not put.offset:
        space.claim(nearest, directory, put.endpoint, cost)
        try:
            return fragments.begin(put, nearest, directory, cost)
        except BaseException:
            space.release(cost)
            raise
    fragment = fragments.find(put.endpoint, put.hash, put.known_size, put.mtime_us)
    if fragment is None or fragment.arrived[-1].size < put.offset:
        raise nothing_here(put.endpoint)
    draft = fragments.go_on(fragment, put.offset)
    try:
        missing = cost - fragment.claimed
        space.claim(nearest, directory, put.endpoint, missing)
        fragment.claimed = cost
    except BaseException:
        draft.suspend()
        draft.close()
        raise
    return draft
