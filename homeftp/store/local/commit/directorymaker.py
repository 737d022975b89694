"""Makes missing directories and their parents: names are checked, space is taken, changes reported; nothing is durable.

`directories.py` makes them durable, and removes them again where no request needs them.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import Callable, Iterator

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import NoSpace, NotFound
from homeftp.model import Actor, Change
from homeftp.store.local.commit.namespace import Namespace, moved_meanwhile
from homeftp.store.local.commit.space import NewDirectories, SpaceReservation
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import DirHandle, close_all
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import occupied

_ATTEMPTS = 5
"""Times to try again if a parent is moved or removed between two steps."""


class MadeDirectory(msgspec.Struct, eq=False):
    """A directory that was made for requests that have not ended yet."""

    endpoint: Endpoint
    actor: Actor
    inode: int
    users: int = 0
    """Requests that opened it, or a directory in it."""
    kept: bool = False
    """Whether one of them succeeded."""


class Making(msgspec.Struct, frozen=True, eq=False):
    """For whom a directory and its parents are made, and what was made."""

    actor: Actor
    space: NewDirectories
    made: list[MadeDirectory]
    missing: Callable[[Endpoint], None]
    """Called before each directory is made."""


class DirectoryMaker(msgspec.Struct, frozen=True):
    """Makes directories. For one thread at a time."""

    root: SafeRoot
    namespace: Namespace
    space: SpaceReservation
    changelog: ChangeLog

    def make(self, endpoint: Endpoint, making: Making, *, exclusive: bool) -> list[DirHandle]:
        """Make a directory and its parents; returns the deepest that existed and all below it. The caller closes them.

        The changes are reported, and not recorded yet. Raises `Changed` (44) where `exclusive` and it exists,
        `BadEndpoint` (41) where the first new name is too similar to another, `WrongKind` (43), `NoSpace` (52).
        """
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(NotFound):  # a parent was moved or removed between two steps
                return self._try_to_make(endpoint, making, exclusive)
        raise moved_meanwhile(endpoint)

    def _try_to_make(self, endpoint: Endpoint, making: Making, exclusive: bool) -> list[DirHandle]:
        nearest, depth = self.root.open_nearest(endpoint)
        above: list[DirHandle] = []
        try:
            make = partial(self._make_chain, making, nearest, endpoint.first(depth))
            if depth < len(endpoint.parts):
                # Only this name can be too similar to another: it is made under the lock of all names.
                first = endpoint.first(depth + 1)
                above = self.namespace.make_directory(
                    nearest, first, partial(make, first, exclusive=exclusive and first == endpoint)
                )
                if first == endpoint:
                    return above
                close_quietly(above.pop().fd)
            chain = above + make(endpoint, exclusive=exclusive)
            if above and len(chain) != len(endpoint.parts) - depth + 1:
                close_all(chain)
                above = []
                raise NotFound("a new directory was moved at once")
            return chain
        except FileExistsError:
            close_all(above)
            raise occupied(endpoint) from None
        except OSError as error:
            close_all(above)
            raise refusal(error, endpoint) from error
        except BaseException:
            close_all(above)
            raise
        finally:
            close_quietly(nearest.fd)

    def _make_chain(
        self, making: Making, nearest: DirHandle, directory: Endpoint, endpoint: Endpoint, *, exclusive: bool
    ) -> list[DirHandle]:
        """`SafeRoot.make_directories`; again if space can be freed on the disk of `nearest`, the open `directory`."""
        try:
            return self._make_reported(endpoint, making, exclusive)
        except NoSpace:
            if not self.space.evict_for(making.actor, nearest, directory, 1):
                raise
        return self._make_reported(endpoint, making, exclusive)

    def _make_reported(self, endpoint: Endpoint, making: Making, exclusive: bool) -> list[DirHandle]:
        new: dict[Endpoint, os.stat_result | None] = {}

        @contextlib.contextmanager
        def reported(directory: Endpoint) -> Iterator[Callable[[], None]]:
            making.missing(directory)
            with self.changelog.reporting() as report:  # for one of them: others change something between two

                def made() -> None:
                    making.space.made(directory)
                    report(Change("add", "directory", directory, making.actor))
                    new[directory] = None

                yield made

        try:
            return self.root.make_directories(endpoint, reported, new.__setitem__, exclusive=exclusive)
        finally:
            for directory, known in new.items():
                # By its path only where it could not be opened: that looks at every part of the path.
                found = catch(self.root.stat, directory) if known is None else known
                if isinstance(found, os.stat_result):  # otherwise it is not known which one to remove
                    making.made.append(MadeDirectory(directory, making.actor, found.st_ino))
