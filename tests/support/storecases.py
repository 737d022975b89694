"""Test cases that several tests of the local store share: versions, partial uploads, little space, moves."""

from __future__ import annotations

import os
from typing import Any

from homeftp.config import MIB
from homeftp.endpoint import ROOT, parse
from homeftp.model import ResumePoint, Version, WriteRequest
from homeftp.store.local.staging.resumerecord import SUFFIX
from homeftp.store.local.store import LocalStore
from homeftp.store.local.writes.upload import LocalUpload
from tests.support.stores import StoreCase, put_of

CONTENT = os.urandom(3 * MIB - 1) + b"."
"""Ends with what chance must not choose: with an x for its last byte it is another file."""


HALF = 2 * MIB


class VersionsCase(StoreCase):
    """A store whose versions are examined."""

    def versions(self, store: LocalStore, name: str = "") -> list[Version]:
        """Those at an endpoint and beneath it."""
        endpoint = parse(name) if name else ROOT
        return [version for page in store.versions(endpoint) for version in page]

    def kept(self) -> dict[str, bytes]:
        """The files in our own folder of versions, and what they hold."""
        found = {}
        top = self.path(".homeftp/versions")
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, top)] = file.read()
        return found

    def held(self) -> list[bytes]:
        """What versions there are on the disk, whatever they are called."""
        return sorted(self.kept().values())


class PartialCase(StoreCase):
    """A store with an upload that was interrupted."""

    def cut(self, store: LocalStore, size: int = HALF, **changes: object) -> WriteRequest:
        """Begin to put CONTENT, and break off when so much of it has arrived."""
        put, content = put_of("a/file", CONTENT, **changes)
        upload = store.upload(put)
        upload.write(content[:size])
        upload.suspend()
        return put

    def arrived(self, store: LocalStore, put: WriteRequest) -> ResumePoint | None:
        """What may be gone on with."""
        return store.resume_point(put.endpoint, put.hash, put.size, put.mtime_us)

    def go_on(self, store: LocalStore, offset: int, content: bytes = CONTENT, **changes: object) -> LocalUpload:
        """Go on from an offset."""
        put, _ = put_of("a/file", CONTENT, offset=offset, **changes)
        upload = store.upload(put)
        self.addCleanup(upload.abort)
        for _ in upload.verify_resumed():
            pass
        upload.write(content[offset:])
        return upload

    def file(self) -> str:
        """The path of the one fragment."""
        (name,) = (name for name in self.left() if not name.endswith(SUFFIX.decode()))
        return self.path(f".homeftp/partial/{name}")


class SpaceCase(StoreCase):
    """A store with little space."""

    def used(self) -> int:
        """What all files in the root take up, in whole blocks; one with two names once."""
        block = os.statvfs(self.root).f_frsize
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                stat = os.lstat(os.path.join(folder, name))
                if not name.endswith(".note") and name != "lock":
                    found[stat.st_ino] = -(-stat.st_size // block) * block
        return sum(found.values())

    def counted(self, quota: int, **settings: Any) -> LocalStore:
        """A share with a quota, once it knows what it holds."""
        store = self.store(quota=quota, **settings)
        store.maintain()
        return store


class MoveCase(StoreCase):
    """A store whose tree is examined."""

    def remove(self, store: LocalStore, name: str, if_hash: str | None = None, recursive: bool = False) -> int:
        """Remove to the end; how many are gone."""
        return sum(store.remove(parse(name), if_hash, recursive))

    def move(self, store: LocalStore, name: str, to: str, if_hash: str | None = None, if_to: str | None = None) -> Any:
        """Move it."""
        return store.move(parse(name), parse(to), if_hash, if_to)

    def versions(self, store: LocalStore) -> list[str]:
        """The endpoints that have versions."""
        return sorted(version.name for page in store.versions(ROOT) for version in page)

    def files(self) -> list[str]:
        """What is shared, by its path."""
        found = []
        for folder, folders, names in os.walk(self.root):
            if ".homeftp" in folders:
                folders.remove(".homeftp")
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in (*folders, *names)]
        return sorted(found)
