"""Notices what is changed beneath the root of the shared folder, by any program.

Each directory has a watch of its own, by its descriptor from the safe root, so
that no directory outside is ever watched.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Iterator, Sequence

from zope.interface import implementer

from homeftp.endpoint import MAX_PARTS, ROOT, Endpoint, name_problem
from homeftp.errors import Busy, OperatorError, Refusal
from homeftp.interfaces.observing import IStoreObserver, StoreChange
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.disk.spelling import wire_form
from homeftp.store.local.observing import inotify
from homeftp.store.local.observing.inotify import Event, Inotify

_TOO_MANY = (
    "the system lets this user watch no more folders, so changes by other programs are not noticed in all of them. "
    "Allow more with sysctl fs.inotify.max_user_watches"
)

_NO_NAME = re.compile(rb"#\d+")
"""The name that the kernel tells of a file without one, whose mode or time is set."""


@implementer(IStoreObserver)
class FolderObserver:
    """The directories beneath a root. Raises `OperatorError` where the system cannot watch any, and `Busy` (51)."""

    def __init__(self, root: SafeRoot) -> None:
        self._root = root
        self._directories: dict[int, Endpoint] = {}
        self._problem: str | None = None
        try:
            self._inotify = Inotify()
        except OSError as error:
            raise OperatorError(f"this system cannot watch folders: {error.strerror or error}") from None
        try:
            self._watch_root()
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """The kernel's queue."""
        return self._inotify.fd

    def problem(self) -> str | None:
        """Why some changes are not noticed."""
        return self._problem

    def is_current(self) -> bool:
        """Whether the root's path still leads to it."""
        try:
            self._root.expect_attached()
        except Refusal:
            return False
        return self._root.is_there()

    def close(self) -> None:
        """Watch nothing more."""
        self._inotify.close()

    def changes(self) -> Sequence[StoreChange] | None:
        """The changes since the last call; None where the kernel has lost events, or the root is gone."""
        found: dict[StoreChange, None] = {}
        for event in self._inotify.read():
            directory = self._directories.get(event.watch)
            if event.mask & inotify.Q_OVERFLOW or (directory == ROOT and event.mask & inotify.IGNORED):
                return None
            if directory is None:
                continue
            if event.mask & inotify.IGNORED:
                del self._directories[event.watch]
            elif (change := self._change(directory, event)) is not None:
                found[change] = None
        return list(found)

    def _change(self, directory: Endpoint, event: Event) -> StoreChange | None:
        if not event.name:  # the directory itself: its parent has told it
            if event.mask & inotify.UNMOUNT:
                return StoreChange(directory, directory=True)
            return StoreChange(ROOT, directory=False) if directory == ROOT and event.mask & inotify.ATTRIB else None
        endpoint = _beneath(directory, event.name)
        if endpoint is None or (
            event.mask & inotify.ATTRIB and _NO_NAME.fullmatch(event.name) and self._lacks(endpoint)
        ):
            return None
        if not event.mask & inotify.ISDIR:
            return StoreChange(endpoint, directory=False)
        if event.mask & inotify.MOVED_FROM:
            self._forget(endpoint)
        if event.mask & (inotify.CREATE | inotify.MOVED_TO):
            self._watch_tree(endpoint)
        return StoreChange(endpoint, directory=not event.mask & inotify.ATTRIB)

    def _lacks(self, endpoint: Endpoint) -> bool:
        """Whether nothing is there, as far as that is known."""
        try:
            return self._root.stat(endpoint) is None
        except Refusal:
            return False

    # -- watches -------------------------------------------------------------------

    def _watch_root(self) -> None:
        fd = self._root.open_directory(ROOT).fd
        try:
            self._directories[self._inotify.add(fd)] = ROOT
        except OSError as error:
            raise OperatorError(f"the shared folder cannot be watched: {error.strerror}") from None
        finally:
            close_quietly(fd)
        self._watch_tree(ROOT)

    def _watch_tree(self, top: Endpoint) -> None:
        """Watch a directory and all beneath it. What is made in one meanwhile is an event, or is found here.

        Raises `Busy` (51) where the server has too many files open: it cannot know what it would miss then.
        """
        left = [top]
        while left:
            endpoint = left.pop()
            try:
                fd = self._root.open_directory(endpoint).fd
            except Refusal as error:
                if isinstance(error, Busy) and isinstance(error.__cause__, OSError):
                    raise  # no descriptor is left for it
                continue  # it has gone, is not mounted, or may not be read: nothing in it is shown either
            try:
                self._directories[self._inotify.add(fd)] = endpoint
                left += _directories_in(fd, endpoint)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    self._problem = _TOO_MANY
                    return
                if isinstance(refused := refusal(error, endpoint), Busy):
                    raise refused from error
                # It cannot be listed, and so no client is shown anything in it.
            finally:
                close_quietly(fd)

    def _forget(self, top: Endpoint) -> None:
        """A directory was moved away, with all beneath it: it is watched anew under its next name."""
        depth = len(top.parts)
        gone = [watch for watch, each in self._directories.items() if each.parts[:depth] == top.parts]
        for watch in gone:
            del self._directories[watch]
            try:
                self._inotify.remove(watch)
            except OSError:
                continue  # it was removed meanwhile, and its watch with it


def _beneath(directory: Endpoint, name: bytes) -> Endpoint | None:
    """The endpoint of a name in a directory; None where no client can name it."""
    try:
        listed = wire_form(name).decode()
    except UnicodeDecodeError:
        return None
    if name_problem(listed) is not None or len(directory.parts) >= MAX_PARTS:
        return None
    return directory.beneath(listed)


def _directories_in(fd: int, endpoint: Endpoint) -> Iterator[Endpoint]:
    """The directories in an open directory that a client can name. Raises OSError."""
    with os.scandir(fd) as found:
        for each in found:
            below = _beneath(endpoint, os.fsencode(each.name)) if each.is_dir(follow_symlinks=False) else None
            if below is not None:
                yield below
