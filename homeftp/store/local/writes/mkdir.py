"""Making a directory, and giving one its metadata."""

from __future__ import annotations

import os

from homeftp.errors import WrongKind
from homeftp.model import ABSENT, PRESENT, Change, Entry, WriteRequest
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly, display_path, refusal
from homeftp.store.local.disk.saferoot import DirHandle, set_mode
from homeftp.store.local.writes.preconditions import occupied
from homeftp.store.local.writes.replacing import Replacing, check_mtime, free_bytes


def make_directory(replacing: Replacing, put: WriteRequest) -> Entry:
    """Make a directory and its parents, durably; one that is there gets the metadata that `put` names.

    Raises `Changed` (44) where "absent" was asked for and it is there,
    `WrongKind` (43) where a file is, or for a hash: directories have none yet.
    """
    check_mtime(put)
    if put.precondition not in (None, ABSENT, PRESENT):
        raise WrongKind(f"{display_path(put.endpoint)}: directories have no hash yet, so there can be none to expect")
    if put.precondition == ABSENT and replacing.jail.look(put.endpoint) is not None:
        raise occupied(put.endpoint)
    place = replacing.places({put.endpoint: None if put.precondition == PRESENT else put.actor})[put.endpoint]
    if isinstance(place, Exception):
        raise replacing.no_place(place, put.endpoint, 0)
    try:
        return _finish(replacing, place, put)
    finally:
        close_quietly(place.fd)


def _finish(replacing: Replacing, place: DirHandle, put: WriteRequest) -> Entry:
    try:
        if put.mode is not None or put.mtime_us is not None:
            replacing.trail.settle()
            with replacing.trail.changing() as changed:
                if put.mode is not None:
                    set_mode(place.fd, put.mode)
                if put.mtime_us is not None:
                    os.utime(place.fd, ns=(put.mtime_us * 1000, put.mtime_us * 1000))
                changed(Change("metadata", "directory", put.endpoint, put.actor))
        (failure,) = replacing.syncing.directories([place])
        if failure is not None:
            raise failure
        return entry_of(os.fstat(place.fd))
    except OSError as error:
        raise refusal(error, put.endpoint, size=put.known_size, free=free_bytes(place.fd)) from error
