"""Opens what is already in the store and is about to be moved or removed."""

from __future__ import annotations

import contextlib
import os
from typing import Iterable, Iterator, Sequence

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.store.local.commit.outcome import in_doubt
from homeftp.store.local.commit.pending import PendingUnlink
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.disk.entries import kind_of
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_removable
from homeftp.store.policy.preconditions import check_source, required_hash
from homeftp.store.policy.wording import not_found


class ExistingEntries(msgspec.Struct, frozen=True):
    """Opens existing files and directories, and makes their disappearance durable. Thread-safe."""

    root: SafeRoot
    filetypes: Filetypes
    preconditions: Preconditions
    fsync: Fsync

    @contextlib.contextmanager
    def open_parent(self, endpoint: Endpoint) -> Iterator[tuple[DirHandle, os.stat_result]]:
        """The open directory of a file or directory, and its stat. Turns OSError into a refusal.

        Raises `BadRequest` (20) for the root, `NotFound` (40), `WrongKind` (43).
        """
        check_removable(endpoint)
        handle = self.root.open_directory(endpoint.parent)
        try:
            found = self.root.stat_in(handle.fd, endpoint)
            if found is None:
                raise not_found(endpoint)
            kind_of(endpoint, found)
            yield handle, found
        except OSError as error:
            raise refusal(error, endpoint) from error
        finally:
            close_quietly(handle.fd)

    def pending_unlink(
        self, handle: DirHandle, endpoint: Endpoint, precondition: str | None, inode: int | None = None
    ) -> PendingUnlink:
        """A file that may lose its name under this precondition. Raises `Changed` (44), `FiletypeNotAllowed` (42)."""
        self.filetypes.check(endpoint)
        return PendingUnlink(handle, endpoint, *self._expected(handle, endpoint, precondition), inode)

    def _expected(
        self, handle: DirHandle, endpoint: Endpoint, precondition: str | None
    ) -> tuple[str | None, str | None]:
        """The signature and the hash that a file must have, if the precondition is a hash."""
        check_source(endpoint, "file", precondition)
        (expected,) = self.preconditions.expected([(handle, endpoint, precondition)])
        if isinstance(expected, Exception):
            raise expected
        return expected, required_hash(precondition)

    def make_durable(self, handles: Sequence[DirHandle], endpoint: Endpoint) -> None:
        """Make the removal of names from these directories durable. Raises `InDoubt`."""
        failure = next(filter(None, self.fsync.directories(handles)), None)
        if failure is not None:
            raise in_doubt(endpoint, failure)


def raise_first(results: Iterable[object]) -> None:
    """Raise the first exception among these results, if there is one."""
    for result in results:
        if isinstance(result, Exception):
            raise result
