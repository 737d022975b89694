"""Which endpoints a push sends local files to, against a real server."""

from __future__ import annotations

import os
from typing import Any

from homeftp.client import (
    Outcome,
    Selection,
)
from homeftp.errors import (
    OperatorError,
    WrongKind,
)
from tests.support.transfers import TransferCase


class TargetTests(TransferCase):
    """Where files and folders go."""

    def test_file(self) -> None:
        """A file goes to the target's own name."""
        self.push(self.make_file("a.txt"), "notes/b.txt")
        self.assertEqual(self.remote_files(), {"notes/b.txt": b"content"})

    def test_file_inside(self) -> None:
        """A file goes inside a target that is an existing directory, ends in / or is the top."""
        self.make_remote_file("dir/other")
        path = self.make_file("a.txt")
        for target in ("dir", "new/", ""):
            self.push(path, target)
        self.assertEqual(set(self.remote_files()), {"dir/other", "dir/a.txt", "new/a.txt", "a.txt"})

    def test_several_files(self) -> None:
        """Several files go inside the target."""
        self.push(self.make_file("a.txt"), self.make_file("b.txt"), "dir")
        self.assertEqual(set(self.remote_files()), {"dir/a.txt", "dir/b.txt"})

    def test_folder(self) -> None:
        """A folder maps exactly onto the target, whether that exists or not."""
        self.make_file("lib/x/a")
        for _ in range(2):
            self.push(f"{self.here}/lib", "deep/er", recursive=True)
            self.assertEqual(set(self.remote_files()), {"deep/er/x/a"})

    def test_folder_inside(self) -> None:
        """A folder goes inside under its own name when the target ends in / or is the top, or with several sources."""
        lib, doc = os.path.dirname(self.make_file("lib/a")), os.path.dirname(self.make_file("doc/b"))
        self.push(lib, "", recursive=True)
        self.push(lib, "dir/", recursive=True)
        self.push(lib, doc, "both", recursive=True)
        self.assertEqual(set(self.remote_files()), {"lib/a", "dir/lib/a", "both/lib/a", "both/doc/b"})

    def test_contents(self) -> None:
        """A source that ends in / or . stands for its content."""
        self.make_file("lib/a")
        self.push(f"{self.here}/lib/", "", recursive=True)
        self.push(f"{self.here}/lib/.", "dir/", recursive=True)
        self.assertEqual(set(self.remote_files()), {"a", "dir/a"})

    def test_top_lists_only_what_is_pushed(self) -> None:
        """A push to the top lists the directories that it touches, and no others."""
        self.make_remote_file("lib/x/a")
        self.make_remote_file("lib/old")
        self.make_remote_file("huge/1/2")
        self.make_file("lib/x/a")
        self.make_file("lib/x/b")
        self.make_file("top")
        asked: list[object] = []
        original = self.wire.client.request

        def ask(*what: Any) -> None:
            asked.append(what[1:3])
            original(*what)

        self.patch(self.wire.client, "request", ask)
        observer = self.push(f"{self.here}/", "", recursive=True)
        self.assertEqual(observer.counts, {Outcome.SAME: 1, Outcome.NEW: 2})
        self.assertNotIn(("GET", {"rel_endpoint": "", "recursive": True}), asked)
        self.assertIn(("GET", {"rel_endpoint": "lib", "recursive": True}), asked)

    def test_named_link(self) -> None:
        """A link that the user named is followed."""
        os.symlink(os.path.basename(self.make_file("a", b"pointed at")), f"{self.here}/link")
        self.push(f"{self.here}/link", "x")
        self.assertEqual(self.remote_files(), {"x": b"pointed at"})


class RefusedTests(TransferCase):
    """What is refused before anything is sent."""

    def test_paths(self) -> None:
        """Paths that make no sense: a folder without --recursive, missing files, illegal endpoints and names."""
        path = self.make_file("lib/a")
        for sources, target in [
            ([f"{self.here}/lib"], "x"),
            ([f"{self.here}/missing"], "x"),
            ([path + "/"], "x"),
            ([path], "../x"),
            ([path], "x/.."),
            ([path], "a*b"),
            ([path, path], "x/"),
            ([self.make_file("what?")], ""),
        ]:
            with self.assertRaises(OperatorError, msg=(sources, target)):
                self.push(*sources, target, selection=Selection(strict_names=True))
        self.assertEqual(self.remote_files(), {})

    def test_kinds(self) -> None:
        """A folder does not replace a file, and nothing goes inside a file."""
        path = self.make_file("lib/a")
        self.make_remote_file("x")
        for source, target in ((f"{self.here}/lib", "x"), (path, "x/")):
            with self.assertRaises(WrongKind):
                self.push(source, target, recursive=True)
        self.assertEqual(self.remote_files(), {"x": b"content"})

    def test_device(self) -> None:
        """A device or pipe that the user named; the message says what to do instead."""
        os.mkfifo(f"{self.here}/fifo")
        os.mkfifo(f"{self.here}/a pipe")
        os.symlink("/dev/null", f"{self.here}/null")
        with self.assertRaisesRegex(OperatorError, "homeftp push - NAME:PATH < "):
            self.push(f"{self.here}/null", "x")
        with self.assertRaisesRegex(OperatorError, "NAME:PATH < '.*/a pipe'$"):
            self.push(f"{self.here}/a pipe", "x")
