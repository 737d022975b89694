"""Content, times and modes arrive whole in both directions, against a real server."""

from __future__ import annotations

import os

from homeftp.client import (
    Outcome,
)
from tests.support import needs
from tests.support.transfers import BIG, NEW, OLD, TransferCase, folders, stamp, tree


class KeepingTests(TransferCase):
    """Metadata and empty folders."""

    def test_up_and_down(self) -> None:
        """Times and modes of files and folders, empty folders and empty files are the same after a push and a get."""
        self.make_file("lib/a.txt", mode=0o600, mtime=OLD)
        self.make_file("lib/x/big", BIG, mode=0o755)
        self.make_file("lib/x/empty", b"")
        os.makedirs(f"{self.here}/lib/no/thing")
        os.chmod(f"{self.here}/lib/no", 0o750)
        os.utime(f"{self.here}/lib/no/thing", ns=(OLD * 10**9 + 123456000, OLD * 10**9 + 123456000))
        os.utime(f"{self.here}/lib/x", ns=(OLD * 10**9, OLD * 10**9))
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(tree(f"{self.here}/lib"), tree(f"{self.here}/out"))
        self.assertEqual(folders(f"{self.here}/lib"), folders(f"{self.here}/out"))
        for name in ("", "a.txt", "x", "x/big", "x/empty", "no", "no/thing"):
            self.assertEqual(stamp(f"{self.here}/lib/{name}"), stamp(f"{self.here}/out/{name}"), name)
            self.assertEqual(stamp(f"{self.here}/lib/{name}"), stamp(f"{self.server.root}/lib/{name}"), name)

    def test_again(self) -> None:
        """The second push and the second get transfer nothing."""
        self.make_file("lib/a")
        self.make_file("lib/big", BIG)
        lib = f"{self.here}/lib"
        for move in (self.push, self.get):
            first, second = (lib, "lib") if move == self.push else ("lib", f"{self.here}/out")
            self.assertEqual(move(first, second, recursive=True).counts[Outcome.NEW], 3)
            observer = move(first, second, recursive=True)
            self.assertEqual(observer.counts, {Outcome.SAME: 2})
            self.assertEqual(observer.bytes_moved, 0)

    def test_metadata_only(self) -> None:
        """Files that differ only in time or mode are updated, in both directions."""
        path = self.make_file("a", mtime=NEW)
        there = self.make_remote_file("a", mtime=NEW + 5)
        self.push(path, "a")
        self.assertEqual(self.outcomes(), {"a": Outcome.METADATA})
        self.assertEqual(stamp(there), stamp(path))
        os.chmod(path, 0o640)
        self.get("a", path)
        self.assertEqual(self.outcomes(), {"a": Outcome.METADATA})
        self.assertEqual(stamp(there), stamp(path))

    def test_folder_that_cannot_be_written(self) -> None:
        """A read-only folder arrives with its content; the server keeps it writable, and a push converges."""
        self.make_file("lib/x/a")
        os.chmod(f"{self.here}/lib/x", 0o555)
        self.addCleanup(os.chmod, f"{self.here}/lib/x", 0o755)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(stamp(f"{self.server.root}/lib/x")[1], 0o755)
        self.assertEqual(self.push(f"{self.here}/lib", "lib", recursive=True).counts, {Outcome.SAME: 1})
        self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(tree(f"{self.here}/out"), {"x/a": b"content"})

    def test_folder_that_is_closed_here(self) -> None:
        """A read-only folder here that is the same as the server's stays read-only."""
        self.make_file("lib/x/a")
        os.chmod(f"{self.here}/lib/x", 0o555)
        self.addCleanup(os.chmod, f"{self.here}/lib/x", 0o755)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(stamp(f"{self.here}/lib/x")[1], 0o555)

    def test_file_without_rights(self) -> None:
        """A file that nobody may read here is stored readable for the server, and a second push changes nothing."""
        path = self.make_file("a", mode=0o200)
        os.chmod(path, 0o200)
        needs.root()
        for outcome in (Outcome.NEW, Outcome.SAME):
            self.push(path, "a")
            self.assertEqual(self.outcomes(), {"a": outcome})
        self.assertEqual(stamp(f"{self.server.root}/a")[1], 0o600)


class NamesTests(TransferCase):
    """Names in decomposed Unicode form."""

    def test_both_ways(self) -> None:
        """A decomposed local name is composed on the wire, and stays decomposed here."""
        inner, top = "Zoe\u0308/cafe\u0301", "re\u0301sume\u0301"
        self.make_file(f"lib/{inner}", BIG)
        self.make_file(f"lib/{top}")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.remote_files(), {"lib/Zo\u00eb/caf\u00e9": BIG, "lib/r\u00e9sum\u00e9": b"content"})
        self.assertEqual(self.cmp(f"{self.here}/lib", "lib").counts, {Outcome.SAME: 2})
        self.make_remote_file("lib/Zo\u00eb/caf\u00e9", b"small", mtime=NEW + 5)
        self.make_remote_file("lib/Zo\u00eb/new")
        self.make_remote_file("lib/r\u00e9sum\u00e9", mtime=NEW + 5)
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(tree(f"{self.here}/lib"), {inner: b"small", top: b"content", "Zoe\u0308/new": b"content"})
        self.assertEqual(stamp(f"{self.here}/lib/{top}")[0], (NEW + 5) * 10**6)

    def test_named(self) -> None:
        """So does one that the user named, alone or as the target's content."""
        self.make_file("Zoe\u0308/a", b"old", mtime=OLD)
        self.make_file("cafe\u0301", b"old", mtime=OLD)
        self.push(f"{self.here}/Zoe\u0308", f"{self.here}/cafe\u0301", "", recursive=True)
        self.assertEqual(set(self.remote_files()), {"Zo\u00eb/a", "caf\u00e9"})
        self.make_remote_file("Zo\u00eb/a", b"new")
        self.make_remote_file("caf\u00e9", b"new")
        self.get("Zo\u00eb", "caf\u00e9", f"{self.here}/", recursive=True)
        self.assertEqual(tree(self.here), {"Zoe\u0308/a": b"new", "cafe\u0301": b"new"})
        self.assertEqual(self.cmp(f"{self.here}/", "Zo\u00eb", local_first=False).counts, {Outcome.SAME: 1})

    def test_both_forms(self) -> None:
        """Of two names that are the same when composed the composed one is sent; the other's failure names both."""
        for name in ("cafe\u0301", "caf\u00e9", "e\u0301/a", "\u00e9/b"):
            self.make_file(f"lib/{name}", name.encode())
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(
            self.remote_files(), {"lib/caf\u00e9": "caf\u00e9".encode(), "lib/\u00e9/b": "\u00e9/b".encode()}
        )
        failed = {result.name: result.reason for result in self.results if result.outcome is Outcome.FAILED}
        self.assertEqual(set(failed), {"cafe\u0301", "e\u0301"})
        self.assertIn("'caf\u00e9'", failed["cafe\u0301"])


class ManyTests(TransferCase):
    """More files than a window holds."""

    def test_many(self) -> None:
        """Hundreds of small files with some large ones between them arrive whole in both directions."""
        expected = {}
        for number in range(400):
            expected[f"{number % 7}/{number}"] = b"%d" % number
        for number in range(5):
            expected[f"{number}/big"] = BIG + b"%d" % number
        for name, content in expected.items():
            self.make_file(f"lib/{name}", content)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.remote_files(), {f"lib/{name}": content for name, content in expected.items()})
        observer = self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(tree(f"{self.here}/out"), expected)
        self.assertEqual(observer.bytes_moved, sum(map(len, expected.values())))
