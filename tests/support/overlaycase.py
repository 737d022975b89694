"""An overlay of SFTP over a store in memory."""

from __future__ import annotations

import os
from typing import Any

from homeftp.config import MIB, SMALL_FILE
from homeftp.endpoint import parse
from homeftp.errors import NotFound
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IFiles
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Entry
from homeftp.server.sftp.overlay.openfile import OpenFile
from homeftp.server.sftp.overlay.overlay import Overlay
from homeftp.server.sftp.wire.fields import Attributes
from homeftp.server.sftp.wire.numbers import OpenFlag
from homeftp.store.local.store import LocalStore
from tests.support.filestores import FilesTestCase

R, W, APPEND, C, T, X = (
    OpenFlag.READ,
    OpenFlag.WRITE,
    OpenFlag.APPEND,
    OpenFlag.CREATE,
    OpenFlag.TRUNCATE,
    OpenFlag.EXCLUSIVE,
)
NEW = W | C | T
LARGE = b"0123456789abcdef" * (SMALL_FILE // 8)
"""More than is kept in memory."""


class OverlayCase(FilesTestCase):
    """One session over a store in memory; another one for what everyone else sees."""

    def setUp(self) -> None:
        super().setUp()
        self.overlay = self.make()
        self.others = self.make()

    def make(self) -> Overlay:
        """A session."""
        return Overlay(self.files_of, self.budget)

    def local(self, **options: Any) -> LocalStore:
        """A store in a folder."""
        root, cache = self.mktemp(), HashCache(None)
        os.mkdir(root)
        store = LocalStore(root, cache, StoreOptions(**options))
        self.addCleanup(cache.close)
        self.addCleanup(store.close)
        return store

    def serve(self, store: Any) -> None:
        """Another store, and a session over it."""
        self.store = store
        self.files = self.factory.files(store, login=self.login)
        self.overlay = self.make()

    def files_of(self, request: str) -> IFiles:
        """The files of the login."""
        return self.files

    def open(self, name: str, flags: int, overlay: Overlay | None = None, **attributes: Any) -> OpenFile:
        """Open a file."""
        return self.result_of((overlay or self.overlay).open(parse(name), flags, Attributes(**attributes)))

    def close(self, opened: OpenFile, flags: int, overlay: Overlay | None = None) -> None:
        """Close it."""
        self.result_of((overlay or self.overlay).close(opened, flags))

    def write(self, opened: OpenFile, offset: int | None, data: bytes) -> Exception | None:
        """Write a part; what went wrong."""
        results: list[Exception | None] = []
        opened.write(offset, data, results.append)
        self.workers.work_all()
        (result,) = results
        return result

    def read(self, opened: OpenFile, offset: int = 0, length: int = MIB) -> bytes:
        """Read a part."""
        results: list[Any] = []
        opened.read(offset, length, results.append)
        self.workers.work_all()
        (result,) = results
        if isinstance(result, Exception):
            raise result
        return bytes(result)

    def stat(self, name: str, overlay: Overlay | None = None) -> Entry:
        """What a session sees."""
        return self.result_of((overlay or self.overlay).stat(parse(name)))

    def absent(self, name: str, overlay: Overlay | None = None) -> None:
        """A session sees nothing there."""
        self.error_of(NotFound, (overlay or self.overlay).stat(parse(name)))

    def put(self, name: str, content: bytes) -> None:
        """Write a whole file."""
        opened = self.open(name, NEW)
        self.assertIsNone(self.write(opened, 0, content))
        self.close(opened, NEW)
