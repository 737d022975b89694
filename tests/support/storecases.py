"""Test cases that several tests of the local store share: versions, partial uploads, little space, moves."""

from __future__ import annotations

import os
from typing import Any

from homeftp.config import MIB, NAME_COST
from homeftp.endpoint import ROOT, parse
from homeftp.model import Actor, Allotment, ResumePoint, Version, WriteRequest
from homeftp.store.local.staging.resumerecord import SUFFIX
from homeftp.store.local.store import LocalStore
from homeftp.store.local.writes.upload import LocalUpload
from tests.support.stores import StoreCase, put_of

CONTENT = os.urandom(3 * MIB - 1) + b"."
"""The last byte is fixed: a test replaces it by an x."""


HALF = 2 * MIB


def account(name: str, home: str = "", quota: int | None = None, *, narrow: bool = True) -> Actor:
    """An account with a home and a quota; a `narrow` one may discard nothing, and does not see the whole store."""
    return Actor(
        name, allotment=Allotment(parse(home), quota, may_discard=not narrow, sees_all=not narrow, sees_home=True)
    )


class VersionsCase(StoreCase):
    """A store whose versions are examined."""

    def versions(self, store: LocalStore, name: str = "") -> list[Version]:
        """The versions at an endpoint and below it."""
        endpoint = parse(name) if name else ROOT
        return [version for page in store.versions(endpoint) for version in page]

    def archived(self) -> dict[str, bytes]:
        """The versions in the version folder, and their contents."""
        found = {}
        top = self.path(".homeftp/versions")
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    with open(path, "rb") as file:
                        found[os.path.relpath(path, top)] = file.read()
        return found

    def marks(self) -> dict[str, str]:
        """The links in the version folder, each for a version that was put back, and what they say."""
        top = self.path(".homeftp/versions")
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
        return {os.path.relpath(path, top): os.readlink(path) for path in paths if os.path.islink(path)}

    def contents(self) -> list[bytes]:
        """The contents of all versions on the disk."""
        return sorted(self.archived().values())


class PartialCase(StoreCase):
    """A store with an upload that was interrupted."""

    def cut(self, store: LocalStore, size: int = HALF, **changes: object) -> WriteRequest:
        """Upload the first bytes of CONTENT, and suspend."""
        put, content = put_of("a/file", CONTENT, **changes)
        upload = store.upload(put)
        upload.write(content[:size])
        upload.suspend()
        return put

    def arrived(self, store: LocalStore, put: WriteRequest) -> ResumePoint | None:
        """Where the upload can be resumed."""
        return store.resume_point(put.endpoint, put.hash, put.size, put.mtime_us)

    def resume(self, store: LocalStore, offset: int, content: bytes = CONTENT, **changes: object) -> LocalUpload:
        """Resume at an offset, and write the rest."""
        put, _ = put_of("a/file", CONTENT, offset=offset, **changes)
        upload = store.upload(put)
        self.addCleanup(upload.abort)
        for _ in upload.verify_resumed():
            pass
        upload.write(content[offset:])
        return upload

    def file(self) -> str:
        """The path of the only partial upload."""
        (name,) = (name for name in self.left() if not name.endswith(SUFFIX.decode()))
        return self.path(f".homeftp/partial/{name}")


class SpaceCase(StoreCase):
    """A store with little space."""

    def used(self) -> int:
        """The space of all names in the root: files in whole blocks, no name for less than `NAME_COST`.

        A file with two names counts once, and the server's own directories, of the first two levels, do not count.
        """
        block = os.statvfs(self.root).f_frsize
        found = {}
        for folder, folders, names in os.walk(self.root):
            way = os.path.relpath(folder, self.root).split(os.sep)
            for name in names:
                stat = os.lstat(os.path.join(folder, name))
                if not name.endswith(".note") and name not in ("lock", "clock"):
                    found[stat.st_ino] = max(NAME_COST, -(-stat.st_size // block) * block)
            if ".homeftp" not in way[-2:]:
                for name in folders:
                    if name != ".homeftp":
                        found[os.stat(os.path.join(folder, name)).st_ino] = NAME_COST
        return sum(found.values())

    def counted(self, quota: int, **settings: Any) -> LocalStore:
        """A store with a quota that has counted its files."""
        store = self.store(quota=quota, **settings)
        store.maintain()
        return store


class MoveCase(StoreCase):
    """A store whose tree is examined."""

    def remove(self, store: LocalStore, name: str, precondition: str | None = None, recursive: bool = False) -> int:
        """Remove completely; returns the number of removed entries."""
        return sum(store.remove(parse(name), precondition, recursive))

    def move(
        self,
        store: LocalStore,
        name: str,
        to: str,
        precondition: str | None = None,
        target_precondition: str | None = None,
    ) -> Any:
        """Move it."""
        return store.move(parse(name), parse(to), precondition, target_precondition)

    def versions(self, store: LocalStore) -> list[str]:
        """The endpoints that have versions."""
        return sorted(version.name for page in store.versions(ROOT) for version in page)

    def files(self) -> list[str]:
        """The paths of all files and directories in the root."""
        found = []
        for folder, folders, names in os.walk(self.root):
            if ".homeftp" in folders:
                folders.remove(".homeftp")
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in (*folders, *names)]
        return sorted(found)
