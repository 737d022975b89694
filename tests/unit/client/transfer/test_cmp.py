"""Comparing trees, against a real server."""

from __future__ import annotations

import errno
import os
from functools import partial
from typing import Any, Callable

from homeftp.client import (
    Outcome,
)
from tests.support.transfers import OLD, TransferCase, tree


class CompareTests(TransferCase):
    """What is reported of each difference."""

    def test_differs(self) -> None:
        """Each difference is reported, with what differs."""
        for name in ("size", "content", "time", "mode", "here", "x/y"):
            self.make_file(f"lib/{name}", b"one")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.make_file("lib/size", b"longer")
        self.make_file("lib/content", b"two")
        self.make_file("lib/time", b"one", mtime=OLD)
        self.make_file("lib/mode", b"one", mode=0o600)
        self.make_file("lib/new", b"")
        os.unlink(f"{self.here}/lib/here")
        os.unlink(f"{self.here}/lib/x/y")
        os.rmdir(f"{self.here}/lib/x")
        self.cmp(f"{self.here}/lib", "lib")
        found = {result.name: (result.outcome.value, result.differs) for result in self.results}
        self.assertEqual(
            found,
            {
                "size": ("differs", ("hash", "size")),
                "content": ("suspicious", ("hash",)),
                "time": ("differs", ("mtime_us",)),
                "mode": ("differs", ("mode",)),
                "new": ("missing", ()),
                "here": ("extra", ()),
                "x": ("extra", ()),
                "x/y": ("extra", ()),
            },
        )

    def test_one_sided_folders(self) -> None:
        """The topmost folder that exists on one side only is reported with what it holds; what is below names it."""
        for name in ("same", "only/a", "only/x/b", "only/x/c", "z"):
            self.make_file(f"lib/{name}")
            self.make_remote_file(f"dir/{name}")
        missing, extra = Outcome.MISSING, Outcome.EXTRA
        for outcome, top in ((missing, f"{self.server.root}/dir/only"), (extra, f"{self.here}/lib/only")):
            aside = self.mktemp()
            os.rename(top, aside)
            self.cmp(f"{self.here}/lib", "dir")
            self.assertEqual(
                self.one_sided(),
                {
                    "only": (outcome, "directory", None, (3, 1)),
                    "only/a": (outcome, "file", "only", None),
                    "only/x": (outcome, "directory", "only", None),
                    "only/x/b": (outcome, "file", "only", None),
                    "only/x/c": (outcome, "file", "only", None),
                },
            )
            os.rename(aside, top)
        self.assertEqual(self.cmp(f"{self.here}/lib", "dir").counts[Outcome.SAME], 5)
        self.assertEqual(self.one_sided(), {})

    def test_kinds(self) -> None:
        """A folder of the name of a file on the other side exists on one side only, and so does the file."""
        self.make_file("lib/x/a")
        self.make_remote_file("dir/x")
        self.cmp(f"{self.here}/lib", "dir")
        told = [
            (result.outcome, result.name, result.kind)
            for result in self.results
            if result.outcome is not Outcome.DIFFERS
        ]
        missing, extra = Outcome.MISSING, Outcome.EXTRA
        self.assertEqual(set(told), {(missing, "x", "directory"), (missing, "x/a", "file"), (extra, "x", "file")})

    def test_hash_unknown_to_the_server(self) -> None:
        """A file whose hash the server does not know is compared by content all the same."""
        path = self.make_file("a", b"one")
        self.make_remote_file("a", b"two")
        self.make_remote_file("b", b"one")
        self.cmp(path, "a")
        self.assertEqual(self.results[0].differs, ("hash",))
        self.cmp(path, "b")
        self.assertEqual(self.results[0].outcome, Outcome.SAME)


class UnreadTests(TransferCase):
    """Directories that one side cannot read."""

    def make_unreadable(self, path: str) -> None:
        """Make this folder unreadable."""
        closed = os.stat(path)

        def refuse(read: Callable[..., Any], place: Any = ".") -> Any:
            if os.path.samestat(os.stat(place), closed):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return read(place)

        for call in ("listdir", "scandir"):  # the client calls the first, the store the second
            self.patch(os, call, partial(refuse, getattr(os, call)))

    def test_unreadable_folder(self) -> None:
        """A folder that cannot be read fails on either side, and nothing below it is reported."""
        for name in ("lib/a", "lib/closed/b"):
            self.make_file(name)
            self.make_remote_file(name.replace("closed", "shut"))
        self.make_unreadable(f"{self.here}/lib/closed")
        for observer in (self.push(f"{self.here}/lib", "new", recursive=True), self.cmp(f"{self.here}/lib", "new")):
            self.assertEqual(observer.counts[Outcome.FAILED], 1)
            self.assertEqual(self.outcomes()["closed"], Outcome.FAILED)
        self.assertEqual({name for name in self.remote_files() if name.startswith("new/")}, {"new/a"})
        self.make_unreadable(f"{self.server.root}/lib/shut")
        for observer in (self.get("lib", f"{self.here}/out", recursive=True), self.cmp(f"{self.here}/out", "lib")):
            self.assertEqual(observer.counts[Outcome.FAILED], 1)
        self.assertEqual(tree(f"{self.here}/out"), {"a": b"content"})
