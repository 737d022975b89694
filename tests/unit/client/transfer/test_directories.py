"""Directories of the server after a push: made, and their metadata set."""

from __future__ import annotations

import os
from unittest import mock

from homeftp.client import (
    Outcome,
)
from homeftp.errors import Forbidden
from tests.support.transfers import OLD, TransferCase, stamp


class DirectoryTests(TransferCase):
    """Directories, against a real server."""

    def test_file_in_the_way(self) -> None:
        """An empty folder does not replace a file: it is refused."""
        os.makedirs(f"{self.here}/lib/a")
        self.make_remote_file("lib/a")
        observer = self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual((observer.counts, self.outcomes()), ({Outcome.REFUSED: 1}, {"a": Outcome.REFUSED}))
        self.assertEqual(self.remote_files(), {"lib/a": b"content"})

    def test_missing_and_outdated(self) -> None:
        """Missing ones are made and outdated ones updated, deepest first; the second time nothing is requested."""
        self.make_file("lib/x/y/a")
        os.makedirs(f"{self.here}/lib/empty")
        for name in ("lib/x/y", "lib/x", "lib/empty", "lib"):
            os.utime(f"{self.here}/{name}", (OLD, OLD))
        self.make_remote_file("lib/x/b")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        new = {result.name for result in self.results if result.kind == "directory"}
        self.assertEqual(new, {"x/y", "empty"})
        for name in ("lib", "lib/x", "lib/x/y", "lib/empty"):
            self.assertEqual(stamp(f"{self.server.root}/{name}")[0], OLD * 10**6, name)
        with mock.patch.object(self.client, "make_directory") as made:
            self.push(f"{self.here}/lib", "lib", recursive=True)
        made.assert_not_called()

    def test_refused(self) -> None:
        """A directory that the server refuses is reported with the reason."""
        os.makedirs(f"{self.here}/lib/x")
        with mock.patch.object(self.client, "make_directory", side_effect=Forbidden("not here")):
            self.push(f"{self.here}/lib", "lib", recursive=True)
        expected = {(name, Outcome.REFUSED, "not here") for name in ("", "x")}
        self.assertEqual({(result.name, result.outcome, result.reason) for result in self.results}, expected)
