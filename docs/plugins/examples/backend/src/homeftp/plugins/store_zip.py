"""Shares what is in a ZIP archive: homeftp serve zip:///srv/photos-2019.zip"""

from __future__ import annotations

import calendar
import zipfile
from typing import Iterator
from urllib.parse import unquote, urlsplit

from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, parse
from homeftp.errors import BadEndpoint, OperatorError
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import IOpenFile, IStoreFactory, StoreOptions
from homeftp.model import Entry, ListingPage
from homeftp.store.buffers import BytesFile
from homeftp.store.policy import wording
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.pages import listing_pages
from homeftp.store.readonly import ReadOnlyStore


class ZipStore(ReadOnlyStore):
    """The files of an archive, which must not change while it is shared."""

    def __init__(self, path: str, options: StoreOptions) -> None:
        super().__init__("a ZIP archive cannot be changed")
        self._archive = zipfile.ZipFile(path)
        self._filetypes = Filetypes(options.filetypes)
        self._files: dict[tuple[str, ...], zipfile.ZipInfo] = {}
        self._directories: set[tuple[str, ...]] = {()}
        for info in self._archive.infolist():
            try:
                parts = parse(info.filename.rstrip("/")).parts
            except BadEndpoint:
                continue  # such a name is not allowed here
            if not info.is_dir():
                self._files[parts] = info
            self._directories.update(parts[:depth] for depth in range(len(parts) + info.is_dir()))

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """What exists there; None where nothing does."""
        if endpoint.parts in self._files:
            self._filetypes.check(endpoint)
        return self._entry(endpoint.parts, "")

    def open(self, endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading."""
        if endpoint.parts in self._directories:
            raise wording.is_directory(endpoint)
        if endpoint.parts not in self._files:
            raise wording.not_found(endpoint)
        self._filetypes.check(endpoint)
        content = self._archive.read(self._files[endpoint.parts])
        return BytesFile(self._file_entry(endpoint.parts, "", hash_bytes(content)), content)

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries, page by page, without what is in `hidden`."""
        if endpoint.parts in self._files:
            raise wording.not_a_directory(endpoint)
        if endpoint.parts not in self._directories:
            raise wording.not_found(endpoint)
        yield from listing_pages(self._items(endpoint.parts, recursive, hidden))

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def _items(self, above: tuple[str, ...], recursive: bool, hidden: FolderSet) -> Iterator[Entry | tuple[str, str]]:
        beneath = [each for each in (*self._files, *self._directories) if each[: len(above)] == above and each != above]
        beneath = [each for each in beneath if not hidden.covers(each)]
        for parts in sorted(beneath, key=lambda parts: [part.encode() for part in parts]):
            name = "/".join(parts[len(above) :])
            problem = self._filetypes.problem(name) if parts in self._files else None
            if recursive or len(parts) == len(above) + 1:
                entry = self._entry(parts, name)
                assert entry is not None
                yield entry if problem is None else (name, problem)

    def _entry(self, parts: tuple[str, ...], name: str) -> Entry | None:
        if parts in self._files:
            return self._file_entry(parts, name)
        return Entry(name, "directory") if parts in self._directories else None

    def _file_entry(self, parts: tuple[str, ...], name: str, hash: str | None = None) -> Entry:
        info = self._files[parts]
        mtime_us = calendar.timegm((*info.date_time, 0, 0, 0)) * 1_000_000
        return Entry(name, "file", info.file_size, mtime_us, 0o444, hash, tag=f"{info.CRC:x}-{info.file_size}")


@implementer(IStoreFactory)
class ZipStoreFactory:
    """Opens zip: URLs."""

    scheme = "zip"

    def check(self, url: str, options: StoreOptions) -> None:
        """Raise `OperatorError` for what is no ZIP archive."""
        path = unquote(urlsplit(url).path)
        if not zipfile.is_zipfile(path):
            raise OperatorError(f"{url} is no ZIP archive. Give the URL of one: zip:///path/to/archive.zip")
        if options.quota is not None:
            raise OperatorError(f"{url} cannot have a quota: nothing is stored in a ZIP archive. Leave --quota out")

    def open(self, url: str, options: StoreOptions) -> ZipStore:
        """The archive's files."""
        self.check(url, options)
        return ZipStore(unquote(urlsplit(url).path), options)


zip_store = ZipStoreFactory()
