"""Keeps files in a SQLite database: homeftp serve sqlite:///srv/notes.db"""

from __future__ import annotations

import os
import sqlite3
from typing import Iterator
from urllib.parse import unquote, urlsplit

from zope.interface import implementer

from homeftp.errors import OperatorError
from homeftp.interfaces import IStoreFactory, StoreOptions
from homeftp.store.simple import Path, SimpleStore


class SqliteStore(SimpleStore):
    """One row for each file and each directory."""

    def __init__(self, path: str | os.PathLike[str], options: StoreOptions) -> None:
        super().__init__(options)
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, content BLOB)")

    def paths(self) -> Iterator[Path]:
        """All that exists."""
        return (tuple(path.split("/")) for (path,) in self._database.execute("SELECT path FROM files").fetchall())

    def load(self, path: Path) -> bytes | None:
        """The content; None for a directory."""
        row = self._database.execute("SELECT content FROM files WHERE path = ?", ["/".join(path)]).fetchone()
        if row is None:
            raise KeyError(path)
        content: bytes | None = row[0]
        return content

    def save(self, path: Path, content: bytes | None) -> None:
        """Write a file, or make a directory."""
        self._database.execute("REPLACE INTO files VALUES (?, ?)", ["/".join(path), content])

    def delete(self, path: Path) -> None:
        """Remove it."""
        self._database.execute("DELETE FROM files WHERE path = ?", ["/".join(path)])

    def transaction(self) -> sqlite3.Connection:
        """Committed at its end, and rolled back where it raises."""
        return self._database

    def close(self) -> None:
        """Close the database."""
        try:
            super().close()
        finally:
            self._database.close()


@implementer(IStoreFactory)
class SqliteStoreFactory:
    """Opens sqlite: URLs."""

    scheme = "sqlite"

    def check(self, url: str, options: StoreOptions) -> None:
        """Raise `OperatorError` for an option that would not count."""
        if options.quota is not None:
            raise OperatorError(f"{url} cannot have a quota: leave --quota out")

    def open(self, url: str, options: StoreOptions) -> SqliteStore:
        """The files in the database, which is made where there is none."""
        self.check(url, options)
        try:
            return SqliteStore(unquote(urlsplit(url).path), options)
        except sqlite3.Error as error:
            raise OperatorError(f"{url} cannot be opened ({error}). Give the path of a SQLite database") from None


sqlite_store = SqliteStoreFactory()
