"""What push, get and cmp do to real files, with a real server at the other end."""

from __future__ import annotations

import errno
import os
from typing import Any, Awaitable

from twisted.internet.defer import Deferred, succeed

from homeftp.client import ConnectionFailed, FileResult, Outcome, TransferContext, TransferOptions
from homeftp.client.files.read import read_many
from homeftp.client.files.source import SourceFile
from homeftp.client.plan.get import get
from homeftp.client.plan.push import push
from homeftp.config import STREAM_PIECE
from homeftp.dispatchers import push as push_dispatcher
from homeftp.endpoint import RESERVED_PREFIX
from homeftp.errors import NotFound, OperatorError, WrongKind
from homeftp.hashing import filehash as local_tree
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry
from homeftp.syscalls import System
from homeftp.wire import messages
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import FULL
from tests.support.homes import HomeCase, folders, stamp, tree

BIG = bytes(range(256)) * (STREAM_PIECE // 100)
"""Larger than what is held in memory whole."""

OLD, NEW = 1_600_000_000, 1_700_000_000


class PlacesTests(HomeCase):
    """Where things go."""

    def test_file(self) -> None:
        """A file goes to the target's own name."""
        self.push(self.lay("a.txt"), "notes/b.txt")
        self.assertEqual(self.there(), {"notes/b.txt": b"content"})

    def test_file_inside(self) -> None:
        """A file goes inside a target that is a directory already, ends in / or is the top."""
        self.lay_there("dir/other")
        path = self.lay("a.txt")
        for target in ("dir", "new/", ""):
            self.push(path, target)
        self.assertEqual(set(self.there()), {"dir/other", "dir/a.txt", "new/a.txt", "a.txt"})

    def test_several_files(self) -> None:
        """Several files go inside the target."""
        self.push(self.lay("a.txt"), self.lay("b.txt"), "dir")
        self.assertEqual(set(self.there()), {"dir/a.txt", "dir/b.txt"})

    def test_folder(self) -> None:
        """A folder maps exactly onto the target, whether that is there or not."""
        self.lay("lib/x/a")
        for _ in range(2):
            self.push(f"{self.here}/lib", "deep/er", recursive=True)
            self.assertEqual(set(self.there()), {"deep/er/x/a"})

    def test_folder_inside(self) -> None:
        """It goes inside under its own name when the target ends in / or is the top, or with several sources."""
        lib, doc = os.path.dirname(self.lay("lib/a")), os.path.dirname(self.lay("doc/b"))
        self.push(lib, "", recursive=True)
        self.push(lib, "dir/", recursive=True)
        self.push(lib, doc, "both", recursive=True)
        self.assertEqual(set(self.there()), {"lib/a", "dir/lib/a", "both/lib/a", "both/doc/b"})

    def test_contents(self) -> None:
        """A source that ends in / or . stands for what is in it."""
        self.lay("lib/a")
        self.push(f"{self.here}/lib/", "", recursive=True)
        self.push(f"{self.here}/lib/.", "dir/", recursive=True)
        self.assertEqual(set(self.there()), {"a", "dir/a"})

    def test_contents_beside_much_else(self) -> None:
        """What goes to the top of the share is compared with what is there, without listing all the rest."""
        self.lay_there("lib/x/a")
        self.lay_there("lib/old")
        self.lay_there("huge/1/2")
        self.lay("lib/x/a")
        self.lay("lib/x/b")
        self.lay("top")
        asked: list[object] = []
        original = self.wire.client.ask

        def ask(*what: Any) -> None:
            asked.append(what[1:3])
            original(*what)

        self.patch(self.wire.client, "ask", ask)
        observer = self.push(f"{self.here}/", "", recursive=True)
        self.assertEqual(observer.counts, {Outcome.SAME: 1, Outcome.NEW: 2})
        self.assertNotIn(("GET", {"rel_endpoint": "", "recursive": True}), asked)
        self.assertIn(("GET", {"rel_endpoint": "lib", "recursive": True}), asked)

    def test_get_mirrors_push(self) -> None:
        """get follows the same rules the other way."""
        self.lay_there("lib/x/a")
        self.lay_there("b")
        os.mkdir(f"{self.here}/is")
        self.get("b", f"{self.here}/c")
        self.get("b", f"{self.here}/is")
        self.get("b", f"{self.here}/new/")
        self.get("lib", f"{self.here}/out", recursive=True)
        self.get("lib", f"{self.here}/in/", recursive=True)
        self.get("lib/", f"{self.here}/what/", recursive=True)
        self.get("b", "lib", f"{self.here}/both", recursive=True)
        expected = {"c", "is/b", "new/b", "out/x/a", "in/lib/x/a", "what/x/a", "both/b", "both/lib/x/a"}
        self.assertEqual(set(tree(self.here)), expected)

    def test_get_into_the_current_folder(self) -> None:
        """A target of . means inside it."""
        self.lay_there("lib/a")
        here = os.getcwd()
        os.chdir(self.here)
        try:
            self.get("lib", ".", recursive=True)
        finally:
            os.chdir(here)
        self.assertEqual(set(tree(self.here)), {"lib/a"})

    def test_everything(self) -> None:
        """The top of the share has no name: what is in it is meant."""
        self.lay_there("lib/a")
        self.get("", f"{self.here}/all", recursive=True)
        self.assertEqual(set(tree(self.here)), {"all/lib/a"})

    def test_usage(self) -> None:
        """What cannot be meant is refused before anything moves."""
        path = self.lay("lib/a")
        self.lay_there("there/a")
        for sources, target in [
            ([f"{self.here}/lib"], "x"),
            ([f"{self.here}/missing"], "x"),
            ([path + "/"], "x"),
            ([path], "../x"),
            ([path], "/x"),
            ([path], "a\\b"),
            ([path, path], "x/"),
            ([self.lay("what?")], ""),
        ]:
            with self.assertRaises(OperatorError, msg=(sources, target)):
                self.push(*sources, target)
        for source in ("../a", "/a", "a:b"):
            with self.assertRaises(OperatorError):
                self.get(source, self.here)
        with self.assertRaises(OperatorError):
            self.get("there", f"{self.here}/x")
        with self.assertRaises(NotFound):
            self.get("missing", f"{self.here}/x")
        with self.assertRaises(WrongKind):
            self.get("there/a/", f"{self.here}/x")
        self.assertEqual(set(self.there()), {"there/a"})
        self.assertEqual(set(tree(self.here)), {"lib/a", "what?"})

    def test_kinds_in_the_way(self) -> None:
        """A file does not replace a folder, nor a folder a file; the rest of a tree goes on."""
        self.lay_there("lib/a/inner")
        self.lay_there("lib/b")
        self.lay("lib/a", b"a file")
        self.lay("lib/b/inner", b"in a folder")
        self.lay("lib/c", b"fine")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.outcomes()["a"], Outcome.REFUSED)
        self.assertEqual(self.outcomes()["b/inner"], Outcome.REFUSED)
        self.assertEqual(self.outcomes()["c"], Outcome.NEW)
        self.assertEqual(self.there()["lib/b"], b"content")
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(self.outcomes()["a/inner"], Outcome.FAILED)
        self.assertEqual(self.outcomes()["b"], Outcome.FAILED)
        self.assertEqual(tree(self.here)["lib/a"], b"a file")

    def test_empty_folder_for_a_file(self) -> None:
        """A folder that holds nothing does not replace a file either, and that is told."""
        os.makedirs(f"{self.here}/lib/a")
        self.lay_there("lib/a")
        observer = self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual((observer.counts, self.outcomes()), ({Outcome.REFUSED: 1}, {"a": Outcome.REFUSED}))
        self.assertEqual(self.there(), {"lib/a": b"content"})


class KeepingTests(HomeCase):
    """What is kept besides content."""

    def test_up_and_down(self) -> None:
        """Times and modes of files and folders, empty folders and empty files make the way up and down."""
        self.lay("lib/a.txt", mode=0o600, mtime=OLD)
        self.lay("lib/x/big", BIG, mode=0o755)
        self.lay("lib/x/empty", b"")
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
        """The second time nothing is sent and nothing is fetched."""
        self.lay("lib/a")
        self.lay("lib/big", BIG)
        lib = f"{self.here}/lib"
        for move in (self.push, self.get):
            first, second = (lib, "lib") if move == self.push else ("lib", f"{self.here}/out")
            self.assertEqual(move(first, second, recursive=True).counts[Outcome.NEW], 3)
            observer = move(first, second, recursive=True)
            self.assertEqual(observer.counts, {Outcome.SAME: 2})
            self.assertEqual(observer.bytes_moved, 0)

    def test_metadata_only(self) -> None:
        """Where only time or mode differ they are brought up to date, in both directions."""
        path = self.lay("a", mtime=NEW)
        there = self.lay_there("a", mtime=NEW + 5)
        self.push(path, "a")
        self.assertEqual(self.outcomes(), {"a": Outcome.METADATA})
        self.assertEqual(stamp(there), stamp(path))
        os.chmod(path, 0o640)
        self.get("a", path)
        self.assertEqual(self.outcomes(), {"a": Outcome.METADATA})
        self.assertEqual(stamp(there), stamp(path))

    def test_folder_that_cannot_be_written(self) -> None:
        """A folder without the right to write in it comes out as it was, with what is in it."""
        self.lay("lib/x/a")
        os.chmod(f"{self.here}/lib/x", 0o555)
        self.addCleanup(os.chmod, f"{self.here}/lib/x", 0o755)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.get("lib", f"{self.here}/out", recursive=True)
        self.addCleanup(os.chmod, f"{self.here}/out/x", 0o755)
        self.assertEqual(stamp(f"{self.here}/out/x")[1], 0o555)
        self.assertEqual(tree(f"{self.here}/out"), {"x/a": b"content"})


class SkippingTests(HomeCase):
    """What cannot be sent is named, and the rest goes on."""

    def test_leftovers(self) -> None:
        """What a killed get left behind is neither sent nor compared, and is no fault. Other reserved names are."""
        self.lay("lib/a")
        self.lay("lib/.homeftp-" + 32 * "0")
        self.assertEqual(
            self.push(f"{self.here}/lib", "lib", recursive=True).counts, {Outcome.SKIPPED: 1, Outcome.NEW: 2}
        )
        self.assertEqual(self.cmp(f"{self.here}/lib", "lib").counts[Outcome.FAILED], 0)
        self.lay("lib/.homeftp-x")
        self.assertEqual(self.push(f"{self.here}/lib", "lib", recursive=True).counts[Outcome.FAILED], 1)

    def test_push(self) -> None:
        """Links and FIFOs are skipped with a reason; names that are not for every system are told as failures."""
        self.lay("lib/a")
        os.symlink("a", f"{self.here}/lib/link")
        os.symlink("/", f"{self.here}/lib/top")
        os.mkfifo(f"{self.here}/lib/fifo")
        os.mkfifo(f"{self.here}/lib/fifo?")
        os.symlink("a", f"{self.here}/lib/link?")
        self.lay("lib/what?")
        self.lay("lib/aux.txt")
        self.lay("lib/why?/a")
        os.close(os.open(os.fsencode(f"{self.here}/lib/") + b"\xff", os.O_CREAT))
        observer = self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.there(), {"lib/a": b"content"})
        self.assertEqual(observer.counts, {Outcome.SKIPPED: 5, Outcome.FAILED: 4, Outcome.NEW: 2})
        self.assertTrue(all(result.reason for result in self.results if result.outcome is not Outcome.NEW))
        failed = [name for name, outcome in self.outcomes().items() if outcome is Outcome.FAILED]
        self.assertEqual(failed, ["aux.txt", "what?", "why?", "\udcff"])

    def test_decomposed_names(self) -> None:
        """A name in decomposed form travels composed, up and down, and what is here keeps its own."""
        inner, top = "Zoe\u0308/cafe\u0301", "re\u0301sume\u0301"
        self.lay(f"lib/{inner}", BIG)
        self.lay(f"lib/{top}")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.there(), {"lib/Zo\u00eb/caf\u00e9": BIG, "lib/r\u00e9sum\u00e9": b"content"})
        self.assertEqual(self.cmp(f"{self.here}/lib", "lib").counts, {Outcome.SAME: 2})
        self.lay_there("lib/Zo\u00eb/caf\u00e9", b"small", mtime=NEW + 5)
        self.lay_there("lib/Zo\u00eb/new")
        self.lay_there("lib/r\u00e9sum\u00e9", mtime=NEW + 5)
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(tree(f"{self.here}/lib"), {inner: b"small", top: b"content", "Zoe\u0308/new": b"content"})
        self.assertEqual(stamp(f"{self.here}/lib/{top}")[0], (NEW + 5) * 10**6)

    def test_decomposed_names_that_were_named(self) -> None:
        """So does one that a person named, alone or as what stands in the target."""
        self.lay("Zoe\u0308/a", b"old", mtime=OLD)
        self.lay("cafe\u0301", b"old", mtime=OLD)
        self.push(f"{self.here}/Zoe\u0308", f"{self.here}/cafe\u0301", "", recursive=True)
        self.assertEqual(set(self.there()), {"Zo\u00eb/a", "caf\u00e9"})
        self.lay_there("Zo\u00eb/a", b"new")
        self.lay_there("caf\u00e9", b"new")
        self.get("Zo\u00eb", "caf\u00e9", f"{self.here}/", recursive=True)
        self.assertEqual(tree(self.here), {"Zoe\u0308/a": b"new", "cafe\u0301": b"new"})
        self.assertEqual(self.cmp(f"{self.here}/", "Zo\u00eb", local_first=False).counts, {Outcome.SAME: 1})

    def test_both_forms(self) -> None:
        """Of two names that are one when composed, the composed one is sent, and the other told with its sibling."""
        for name in ("cafe\u0301", "caf\u00e9", "e\u0301/a", "\u00e9/b"):
            self.lay(f"lib/{name}", name.encode())
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.there(), {"lib/caf\u00e9": "caf\u00e9".encode(), "lib/\u00e9/b": "\u00e9/b".encode()})
        failed = {result.name: result.reason for result in self.results if result.outcome is Outcome.FAILED}
        self.assertEqual(set(failed), {"cafe\u0301", "e\u0301"})
        self.assertIn("'caf\u00e9'", failed["cafe\u0301"])

    def test_named_link(self) -> None:
        """A link that the person named is followed."""
        os.symlink(os.path.basename(self.lay("a", b"pointed at")), f"{self.here}/link")
        self.push(f"{self.here}/link", "x")
        self.assertEqual(self.there(), {"x": b"pointed at"})

    def test_get(self) -> None:
        """What the server cannot share is named too."""
        self.lay_there("lib/a")
        os.symlink("a", f"{self.server.root}/lib/link")
        observer = self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(observer.counts, {Outcome.SKIPPED: 1, Outcome.NEW: 2})
        self.assertEqual(tree(f"{self.here}/out"), {"a": b"content"})

    def close(self, path: str) -> None:
        """From now on nobody may read this folder."""
        scandir, closed = os.scandir, os.stat(path)

        def refuse(place: Any = ".") -> Any:
            if os.path.samestat(os.stat(place), closed):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return scandir(place)

        self.patch(os, "scandir", refuse)

    def test_unreadable_folder(self) -> None:
        """A folder that cannot be read, here or there, is told as a failure, and the rest goes on."""
        for name in ("lib/a", "lib/closed/b"):
            self.lay(name)
            self.lay_there(name.replace("closed", "shut"))
        self.close(f"{self.here}/lib/closed")
        for observer in (self.push(f"{self.here}/lib", "new", recursive=True), self.cmp(f"{self.here}/lib", "new")):
            self.assertEqual(observer.counts[Outcome.FAILED], 1)
            self.assertEqual(self.outcomes()["closed"], Outcome.FAILED)
        self.assertEqual({name for name in self.there() if name.startswith("new/")}, {"new/a"})
        self.close(f"{self.server.root}/lib/shut")
        for observer in (self.get("lib", f"{self.here}/out", recursive=True), self.cmp(f"{self.here}/out", "lib")):
            self.assertEqual(observer.counts[Outcome.FAILED], 1)
        self.assertEqual(tree(f"{self.here}/out"), {"a": b"content"})

    def test_get_what_cannot_be_carried(self) -> None:
        """A name at the server that cannot be carried is told as a failure, in get and in cmp."""
        self.lay_there("lib/a")
        self.lay_there("lib/what?")
        os.close(os.open(os.fsencode(f"{self.server.root}/lib/") + b"\xff", os.O_CREAT))
        observer = self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(observer.counts, {Outcome.FAILED: 2, Outcome.NEW: 2})
        self.assertEqual(self.cmp(f"{self.here}/out", "lib").counts, {Outcome.FAILED: 2, Outcome.SAME: 1})


class ReplacingTests(HomeCase):
    """Nothing is replaced that has not been seen, unless the person says so."""

    def answer(self, said: bool) -> list[str]:
        """What was asked about, when everything is answered with `said`."""
        self.asked: list[str] = []

        def ask(name: str, result: FileResult) -> Awaitable[bool]:
            self.asked.append(name)
            return succeed(said)

        self.ask = ask
        return self.asked

    def test_older(self) -> None:
        """What is older at the target is replaced."""
        for content in (b"new here", BIG):
            path = self.lay("a", content, mtime=NEW)
            self.lay_there("a", b"old there", mtime=OLD)
            self.push(path, "a")
            self.assertEqual(self.outcomes(), {"a": Outcome.REPLACED})
            self.assertEqual(self.there(), {"a": content})
            path = self.lay("b", b"old here", mtime=OLD)
            self.get("a", path)
            self.assertEqual(tree(self.here)["b"], content)

    def test_suspicious(self) -> None:
        """Another content with the same size and time is left alone, both ways: one of the copies may be damaged."""
        for content in (b"good", BIG):
            bad = content[:-1] + b"?"
            path = self.lay("a", bad)
            self.lay_there("a", content)
            for move, paths in ((self.push, (path, "a")), (self.get, ("a", path))):
                move(*paths)
                self.assertEqual(self.outcomes(), {"a": Outcome.SUSPICIOUS})
                self.assertEqual((tree(self.here)["a"], self.there()["a"]), (bad, content))
            self.push(path, "a", force=True)
            self.assertEqual(self.outcomes(), {"a": Outcome.REPLACED})
            self.assertEqual(self.there()["a"], bad)

    def test_suspicious_asked(self) -> None:
        """Where somebody can be asked, the answer decides."""
        for said, outcome in ((False, Outcome.SUSPICIOUS), (True, Outcome.REPLACED)):
            path = self.lay("a", b"1234")
            self.lay_there("a", b"1235")
            asked = self.answer(said)
            self.push(path, "a", ask=self.ask)
            self.assertEqual((asked, self.outcomes()), (["a"], {"a": outcome}))
            self.lay_there("a", b"1235")
            self.get("a", path, ask=self.ask)
            self.assertEqual((asked, self.outcomes()), (["a", "a"], {"a": outcome}))

    def test_newer(self) -> None:
        """What is newer at the target is left alone where nobody can be asked."""
        path = self.lay("a", b"old", mtime=OLD)
        self.lay_there("a", b"newer", mtime=NEW)
        self.push(path, "a")
        self.assertEqual(self.outcomes(), {"a": Outcome.NEWER})
        self.assertEqual(self.there(), {"a": b"newer"})
        path = self.lay("a", b"newest", mtime=NEW + 1)
        self.get("a", path)
        self.assertEqual(self.outcomes(), {"a": Outcome.NEWER})
        self.assertEqual(tree(self.here), {"a": b"newest"})

    def test_asked(self) -> None:
        """Where somebody can be asked, the answer counts."""
        for said in (False, True):
            asked = self.answer(said)
            path = self.lay("a", b"old", mtime=OLD)
            self.lay_there("a", b"newer", mtime=NEW)
            self.push(path, "a", ask=self.ask)
            self.assertEqual(self.there(), {"a": b"old" if said else b"newer"})
            self.lay_there("a", b"old", mtime=OLD)
            path = self.lay("a", b"newer", mtime=NEW)
            self.get("a", path, ask=self.ask)
            self.assertEqual(tree(self.here), {"a": b"old" if said else b"newer"})
            self.assertEqual(asked, ["a", "a"])

    def test_force(self) -> None:
        """With force it is replaced without a question."""
        path = self.lay("a", b"old", mtime=OLD)
        self.lay_there("a", b"newer", mtime=NEW)
        self.push(path, "a", force=True)
        self.assertEqual(self.there(), {"a": b"old"})
        path = self.lay("a", b"newer", mtime=NEW)
        self.get("a", path, force=True)
        self.assertEqual(tree(self.here), {"a": b"old"})

    def test_new_only(self) -> None:
        """With new_only nothing is replaced, and what is missing is put there."""
        self.lay("lib/a", b"here", mtime=NEW)
        self.lay("lib/b")
        self.lay_there("lib/a", b"there", mtime=OLD)
        self.push(f"{self.here}/lib", "lib", recursive=True, ignore_existing=True)
        self.assertEqual(self.there(), {"lib/a": b"there", "lib/b": b"content"})
        self.assertEqual(self.outcomes(), {"a": Outcome.EXISTS, "b": Outcome.NEW})
        self.lay_there("lib/a", b"there again", mtime=NEW + 1)
        self.get("lib", f"{self.here}/lib", recursive=True, ignore_existing=True)
        self.assertEqual(tree(self.here)["lib/a"], b"here")

    def test_changed_meanwhile_there(self) -> None:
        """What was changed at the server between the comparison and the sending stays."""
        path = self.lay("a", b"mine", mtime=OLD)
        self.lay_there("a", b"theirs", mtime=NEW)

        def ask(name: str, result: FileResult) -> Awaitable[bool]:
            self.lay_there("a", b"theirs, and newer", mtime=NEW + 9)
            return succeed(True)

        self.push(path, "a", ask=ask)
        self.assertEqual(self.outcomes(), {"a": Outcome.REFUSED})
        self.assertEqual(self.there(), {"a": b"theirs, and newer"})

    def test_changed_meanwhile_here(self) -> None:
        """What was changed here between the comparison and the arrival stays, large or small."""
        for content in (b"theirs", BIG):
            path = self.lay("a", b"mine", mtime=NEW)
            self.lay_there("a", content, mtime=OLD)

            def ask(name: str, result: FileResult) -> Awaitable[bool]:
                self.lay("a", b"mine, and newer", mtime=NEW + 9)
                return succeed(True)

            self.get("a", path, ask=ask)
            self.assertEqual(self.outcomes(), {"a": Outcome.FAILED})
            self.assertEqual(tree(self.here), {"a": b"mine, and newer"})

    def test_appeared_meanwhile_here(self) -> None:
        """What appears here while something is fetched that was not here stays."""
        self.lay_there("lib/a", b"theirs")
        self.lay_there("lib/b", b"theirs", mtime=OLD)
        self.lay("lib/b", b"mine", mtime=NEW)

        def ask(name: str, result: FileResult) -> Awaitable[bool]:
            return succeed(True)

        original = self.wire.client.ask

        def late(*arguments: object) -> None:
            self.lay("lib/a", b"suddenly here")
            original(*arguments)  # type: ignore[arg-type]

        self.patch(self.wire.client, "ask", late)
        self.get("lib", f"{self.here}/lib", recursive=True, ask=ask)
        self.assertEqual(self.outcomes(), {"a": Outcome.FAILED, "b": Outcome.REPLACED})
        self.assertEqual(tree(f"{self.here}/lib"), {"a": b"suddenly here", "b": b"theirs"})


class ComparingTests(HomeCase):
    """cmp."""

    def test_same(self) -> None:
        """What was pushed is the same, from either side."""
        self.lay("lib/a")
        self.lay("lib/big", BIG)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        for order in (True, False):
            observer = self.cmp(f"{self.here}/lib", "lib", local_first=order)
            self.assertEqual(observer.counts, {Outcome.SAME: 2})

    def test_differs(self) -> None:
        """What differs is named, and in what."""
        for name in ("size", "content", "time", "mode", "here", "x/y"):
            self.lay(f"lib/{name}", b"one")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.lay("lib/size", b"longer")
        self.lay("lib/content", b"two")
        self.lay("lib/time", b"one", mtime=OLD)
        self.lay("lib/mode", b"one", mode=0o600)
        self.lay("lib/new", b"")
        os.unlink(f"{self.here}/lib/here")
        os.unlink(f"{self.here}/lib/x/y")
        os.rmdir(f"{self.here}/lib/x")
        self.cmp(f"{self.here}/lib", "lib")
        found = {result.name: (result.outcome.value, result.differs) for result in self.results}
        self.assertEqual(
            found,
            {
                "size": ("differs", ("hash", "size")),
                "content": ("differs", ("hash",)),
                "time": ("differs", ("mtime_us",)),
                "mode": ("differs", ("mode",)),
                "new": ("missing", ()),
                "here": ("extra", ()),
                "x": ("extra", ()),
                "x/y": ("extra", ()),
            },
        )

    def alone(self) -> dict[str, tuple[Any, ...]]:
        """What is at one place only: how, of what kind, within what, and what it holds."""
        return {
            result.name: (result.outcome, result.kind, result.within, result.holds)
            for result in self.results
            if result.outcome in (Outcome.MISSING, Outcome.EXTRA)
        }

    def test_folders_at_one_place(self) -> None:
        """The top-most folder that is at one place only is told, with what it holds; all below it names it."""
        for name in ("same", "only/a", "only/x/b", "only/x/c", "z"):
            self.lay(f"lib/{name}")
            self.lay_there(f"dir/{name}")
        missing, extra = Outcome.MISSING, Outcome.EXTRA
        for outcome, top in ((missing, f"{self.server.root}/dir/only"), (extra, f"{self.here}/lib/only")):
            aside = self.mktemp()
            os.rename(top, aside)
            self.cmp(f"{self.here}/lib", "dir")
            self.assertEqual(
                self.alone(),
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
        self.assertEqual(self.alone(), {})

    def test_nothing_at_one_place(self) -> None:
        """Where the whole of it is at one place only, that is what is told."""
        self.lay("lib/a")
        self.lay_there("dir/a")
        self.cmp(f"{self.here}/lib", "missing")
        self.assertEqual(self.alone()[""], (Outcome.MISSING, "directory", None, (1, 0)))
        self.assertEqual(self.alone()["a"], (Outcome.MISSING, "file", "", None))
        for remote, holds in (("dir", (1, 0)), ("", (1, 1))):
            self.cmp(f"{self.here}/missing", remote, local_first=False)
            self.assertEqual(self.alone()[""], (Outcome.EXTRA, "directory", None, holds))

    def test_kinds(self) -> None:
        """A folder where the other side has a file is at one place only, and so is the file."""
        self.lay("lib/x/a")
        self.lay_there("dir/x")
        self.cmp(f"{self.here}/lib", "dir")
        told = [
            (result.outcome, result.name, result.kind)
            for result in self.results
            if result.outcome is not Outcome.DIFFERS
        ]
        missing, extra = Outcome.MISSING, Outcome.EXTRA
        self.assertEqual(set(told), {(missing, "x", "directory"), (missing, "x/a", "file"), (extra, "x", "file")})

    def test_hash_unknown_to_the_server(self) -> None:
        """What was laid into the share behind the server's back is compared by content all the same."""
        path = self.lay("a", b"one")
        self.lay_there("a", b"two")
        self.lay_there("b", b"one")
        self.cmp(path, "a")
        self.assertEqual(self.results[0].differs, ("hash",))
        self.cmp(path, "b")
        self.assertEqual(self.results[0].outcome, Outcome.SAME)

    def test_single_files(self) -> None:
        """A file here against a file there, inside a directory by its own name, and against nothing."""
        path = self.lay("a")
        self.push(path, "dir/a")
        self.assertEqual(self.cmp(path, "dir/").counts, {Outcome.SAME: 1})
        self.assertEqual(self.cmp(path, "dir/b").counts, {Outcome.MISSING: 1})
        self.assertEqual(self.cmp(path, "dir").counts, {Outcome.DIFFERS: 1})
        self.assertEqual(self.cmp(f"{self.here}/b", "dir/a", local_first=False).counts, {Outcome.EXTRA: 1})
        self.assertEqual(self.cmp(f"{self.here}/", "dir/a", local_first=False).counts, {Outcome.SAME: 1})
        with self.assertRaises(OperatorError):
            self.cmp(f"{self.here}/missing", "dir/a")
        with self.assertRaises(NotFound):
            self.cmp(path, "missing", local_first=False)


class EndTests(HomeCase):
    """The end of a connection, and what the server says that it stored."""

    def test_close_in_the_middle(self) -> None:
        """With a request open the connection ends at once: nobody reads what is on its way. Else in good order."""
        self.lay_there("big", bytes(30 * STREAM_PIECE))
        self.begin(self.client.get("big"))
        self.wire.client.close()
        self.assertTrue(self.wire.near.aborted)
        wire = self.connect()
        wire.pump()
        wire.client.close()
        self.assertFalse(wire.near.aborted)

    def test_stored_something_else(self) -> None:
        """A server that says that it stored another content than it was sent is not believed."""
        original = messages.entry_body

        def entry_body(entry: Entry) -> dict[str, Any]:
            return {**original(entry), "hash": local_tree.hash_bytes(b"another")}

        for content in (b"small", BIG):
            path = self.lay("a", content)
            for lies, outcome in ((True, Outcome.CORRUPT), (False, Outcome.NEW)):
                if lies:
                    patched = self.patch(push_dispatcher, "entry_body", entry_body)
                self.push(path, f"a{len(content)}{lies}")
                patched.restore()
                self.assertEqual([result.outcome for result in self.results], [outcome])


class OnceTests(HomeCase):
    """How often a large file is read."""

    def read(self, there: bytes | None) -> int:
        """How many bytes are read here to push a large file to where `there` is."""
        path = self.lay("big", BIG)
        if there is not None:
            self.run_it(self.client.push("big", there, meta_data=[("mtime_us", 1)]))
        took = 0
        here = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, here)
        original = local_tree.read_at

        def read_at(fd: int, offset: int, length: int) -> bytes:
            nonlocal took
            data = original(fd, offset, length)
            took += len(data) * os.path.sameopenfile(fd, here)
            return data

        patched = self.patch(local_tree, "read_at", read_at)
        self.push(path, "big")
        patched.restore()
        self.assertEqual(self.there(), {"big": BIG})
        return took

    def test_sent(self) -> None:
        """What is sent anyway is hashed on its way. The control: what may be the same is hashed first."""
        self.assertEqual(self.read(None), len(BIG))
        self.assertEqual(self.read(b"shorter"), len(BIG))
        self.assertEqual(self.read(BIG[:-1] + b"?"), 2 * len(BIG))

    def test_remembered(self) -> None:
        """The hash that was made on the way is known to the next comparison."""
        index = HashCache(os.path.join(self.mktemp()))
        self.addCleanup(index.close)
        self.context = TransferContext(InlineWorkers(), System(), index)
        path = self.lay("big", BIG)
        self.push(path, "big")
        known = index.lookup(os.path.realpath(self.here), {"big": os.stat(path)})
        self.assertEqual(known, {"big": local_tree.hash_bytes(BIG)})


class LocalFaultTests(HomeCase):
    """This computer's own failures."""

    def test_unreadable(self) -> None:
        """A file that vanishes or cannot be read is told, and the rest goes on."""
        self.lay("lib/a")
        self.lay("lib/gone")
        self.lay("lib/z-big", BIG)
        original = self.context.workers.run

        def run(job: Any, *arguments: Any) -> Any:
            if job is read_many:
                os.unlink(f"{self.here}/lib/gone")
            return original(job, *arguments)

        self.patch(InlineWorkers, "run", lambda self, *job: run(*job))
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(
            {name: outcome for name, outcome in self.outcomes().items() if name},
            {"a": Outcome.NEW, "gone": Outcome.FAILED, "z-big": Outcome.NEW},
        )

    def test_changed_on_the_way(self) -> None:
        """A large file that changes while it is sent is taken back: the server keeps the old, and the rest goes on.

        Left alone, the control, it arrives.
        """

        def longer(path: str) -> None:
            with open(path, "ab") as file:
                file.write(b"more")

        changes = (longer, lambda path: os.truncate(path, STREAM_PIECE + 1), lambda path: os.utime(path, (1, 1)))
        for change in (None, *changes):
            path = self.lay("lib/big", BIG)
            self.lay("lib/small")
            self.lay_there("lib/big", b"old")
            reads = 0
            original = SourceFile.read

            def read(file: SourceFile, original: Any = original, change: Any = change, path: str = path) -> Any:
                nonlocal reads
                reads += 1
                if reads == 2 and change is not None:
                    change(path)
                return original(file)

            with self.subTest(change=change):
                patched = self.patch(SourceFile, "read", read)
                self.push(f"{self.here}/lib", "lib", recursive=True, force=True)
                patched.restore()
                self.assertGreater(reads, 2)
                changed = change is not None
                self.assertEqual(self.outcomes()["big"], Outcome.FAILED if changed else Outcome.REPLACED)
                self.assertIn(self.outcomes()["small"], (Outcome.NEW, Outcome.SAME))
                self.assertEqual(self.there()["lib/big"], b"old" if changed else BIG)
        self.assertEqual(os.listdir(os.path.join(self.server.root, ".homeftp", "incoming")), [])

    def test_broken_disk(self) -> None:
        """A large file that cannot be read to its end is told with the reason, and nothing of it stays."""
        path = self.lay("big", BIG)
        original = local_tree.read_at

        def read_at(fd: int, offset: int, length: int) -> bytes:
            if offset:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return original(fd, offset, length)

        self.patch(local_tree, "read_at", read_at)
        self.push(path, "big")
        (result,) = self.results
        self.assertEqual((result.outcome, result.reason), (Outcome.FAILED, "cannot be read: Input/output error"))
        self.assertEqual(self.there(), {})

    def test_disk_full(self) -> None:
        """A disk that takes no more ends the transfer in words, with the old file and no other, large or small."""
        for content in (BIG, b"new"):
            self.lay_there("a", content, mtime=NEW)
            path = self.lay("a", b"old", mtime=OLD)
            self.context = TransferContext(InlineWorkers(), Broken(errno.ENOSPC))
            with self.assertRaisesRegex(OperatorError, "a cannot be written: No space left"):
                self.get("a", path)
            self.assertEqual(tree(self.here), {"a": b"old"})

    def test_disk_failure(self) -> None:
        """A file that cannot be written for another reason is told, large or small, and the connection goes on."""
        self.lay_there("lib/big", BIG)
        self.lay_there("lib/small", b"new")
        self.context = TransferContext(InlineWorkers(), Broken(errno.EIO))
        self.get("lib", f"{self.here}/lib", recursive=True)
        self.assertEqual(
            {name: outcome for name, outcome in self.outcomes().items() if name},
            {"big": Outcome.FAILED, "small": Outcome.FAILED},
        )
        self.assertEqual(tree(self.here), {})
        self.run_it(self.client.hello())

    def test_named(self) -> None:
        """What was named and cannot be used ends push, get and cmp alike, before anything is done."""
        path = self.lay("a")
        self.lay_there("a")
        self.lay_there("d/b")
        for source in ("a", "d"):
            for target in (f"{path}/x", f"{path}/x/"):
                with self.assertRaises(OperatorError):
                    self.get(source, target, recursive=True)
        opened, closed = os.open, os.path.realpath(path)

        def refuse(place: Any, *how: Any, **more: Any) -> int:
            if isinstance(place, str) and os.path.realpath(place) == closed:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), place)
            return opened(place, *how, **more)

        for work in (lambda: self.push(self.lay("b"), path, "new/"), lambda: self.cmp(path, "a")):
            work()
            with self.assertRaisesRegex(OperatorError, "cannot be read: Permission denied"):
                self.patch(os, "open", refuse)
                try:
                    work()
                finally:
                    self.patch(os, "open", opened)

    def test_no_folder(self) -> None:
        """A large file that has nowhere to go is told, and the rest goes on."""
        self.lay_there("lib/x/big", BIG)
        self.lay_there("lib/y", b"small")
        os.makedirs(f"{self.here}/out")
        os.symlink("/", f"{self.here}/out/x")
        self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(self.outcomes()["x/big"], Outcome.FAILED)
        self.assertEqual(self.outcomes()["y"], Outcome.NEW)


class Broken(System):
    """A disk that takes nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, fd: int, data: bytes | memoryview) -> int:
        raise OSError(self._number, os.strerror(self._number))


class ManyTests(HomeCase):
    """More than go at once."""

    def test_many(self) -> None:
        """Some thousand small files, some large ones between them, arrive whole in both directions."""
        expected = {}
        for number in range(400):
            expected[f"{number % 7}/{number}"] = b"%d" % number
        for number in range(5):
            expected[f"{number}/big"] = BIG + b"%d" % number
        for name, content in expected.items():
            self.lay(f"lib/{name}", content)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.there(), {f"lib/{name}": content for name, content in expected.items()})
        observer = self.get("lib", f"{self.here}/out", recursive=True)
        self.assertEqual(tree(f"{self.here}/out"), expected)
        self.assertEqual(observer.bytes_moved, sum(map(len, expected.values())))

    def test_connection_lost(self) -> None:
        """A connection that breaks in the middle ends the transfer with the reason; nothing is half there."""
        for number in range(500):
            self.lay(f"lib/{number}", BIG if number == 250 else b"small")
        pushing = Deferred.fromCoroutine(
            push(
                self.client, self.context, [f"{self.here}/lib"], "lib", TransferOptions(recursive=True), self.observer()
            )
        )
        for _ in range(6):
            self.server.clock.advance(0)
            self.wire._deliver(self.wire.near, self.wire.far, 0)
            self.wire._deliver(self.wire.far, self.wire.near, 0)
        self.assertNoResult(pushing)
        self.wire.cut()
        self.failureResultOf(pushing, ConnectionFailed)
        for name, content in self.there().items():
            self.assertEqual(content, BIG if name == "lib/250" else b"small")

    def test_connection_lost_while_fetching(self) -> None:
        """The same when fetching: no temporary file is left either."""
        for number in range(20):
            self.lay_there(f"lib/{number}", BIG if number == 5 else b"small")
        getting = Deferred.fromCoroutine(
            get(
                self.client, self.context, ["lib"], f"{self.here}/out", TransferOptions(recursive=True), self.observer()
            )
        )
        for _ in range(40):
            self.server.clock.advance(0)
            self.wire._deliver(self.wire.near, self.wire.far, 0)
            if any(f"/{RESERVED_PREFIX}" in name for name in tree(self.here)):
                break
            self.far_part()
        else:
            self.fail("the large file never began")
        self.assertNoResult(getting)
        self.wire.cut()
        self.failureResultOf(getting, ConnectionFailed)
        for content in tree(f"{self.here}/out").values():
            self.assertEqual(content, b"small")

    def far_part(self) -> None:
        """Deliver some of what the server has sent."""
        data = self.wire.far.take()
        if data:
            self.wire.near.protocol.dataReceived(data[:FULL])
        self.wire.far.outgoing = data[FULL:] + self.wire.far.outgoing
        if self.wire.far.producer is not None:
            self.wire.far.producer.resumeProducing()
