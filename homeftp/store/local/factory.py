"""The local store as the backend of folders and of `file:` URLs."""

from __future__ import annotations

import contextlib
import os
from urllib.parse import unquote, urlsplit

from zope.interface import implementer

from homeftp.errors import OperatorError
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces.store import StoreOptions
from homeftp.interfaces.storefactory import IStoreFactory
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.opened import expect_metadata_dir
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System

HASH_CACHE = "index.sqlite"
"""The hash cache, in the state folder."""


@implementer(IStoreFactory)
class LocalStoreFactory:
    """Opens folders."""

    scheme = "file"

    def check(self, url: str, options: StoreOptions) -> None:
        """Raise `OperatorError` for a folder that cannot be read, or that has the server's keys in it."""
        if options.objects is not None:
            raise OperatorError("--objects is for a database: the files of a folder are in the folder")
        root = folder_of(url)
        with contextlib.closing(SafeRoot(root, System())) as opened:
            if options.known:
                expect_metadata_dir(opened, root)
        if options.state_dir is not None:
            root, state = os.path.realpath(root), os.path.realpath(options.state_dir)
            if os.path.commonpath([root, state]) == root:
                raise OperatorError(
                    f"the state folder {state} contains the server's keys and must not be inside the shared folder "
                    f"{root}. Give another state folder with --state, or share another folder"
                )

    def inspect(self, url: str, options: StoreOptions) -> LocalStore:
        """The store in a folder that a server may have open, to be verified; raises `OperatorError`."""
        return self._open(url, options, inspected=True)

    def open(self, url: str, options: StoreOptions) -> LocalStore:
        """The store in a folder, by its path or its `file:` URL; it owns its hash cache. Raises `OperatorError`."""
        return self._open(url, options)

    def _open(self, url: str, options: StoreOptions, *, inspected: bool = False) -> LocalStore:
        root = folder_of(url)
        cache = HashCache(None if options.state_dir is None else os.path.join(options.state_dir, HASH_CACHE))
        try:
            return _CachingStore(root, cache, options, inspected=inspected)
        except BaseException:
            cache.close()
            raise


def folder_of(location: str) -> str:
    """The folder of a path, or of a `file:` URL (RFC 8089); raises `OperatorError` for another host's."""
    if not location.lower().startswith("file:"):
        return location
    parts = urlsplit(location)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise OperatorError(
            f"{location} is not a folder of this machine: write file:///path/to/folder, or just the path"
        )
    return unquote(parts.path)


class _CachingStore(LocalStore):
    """A local store that closes its hash cache with itself."""

    def __init__(self, root: str, cache: HashCache, options: StoreOptions, *, inspected: bool) -> None:
        super().__init__(root, cache, options, inspected=inspected)
        self._cache = cache

    def close(self) -> None:
        """Release the folder and the hash cache; raises `UnrecordedChanges`."""
        try:
            super().close()
        finally:
            self._cache.close()
