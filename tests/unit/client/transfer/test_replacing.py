"""Nothing is replaced that was not seen or compared, in both directions, unless the user says so."""

from __future__ import annotations

from typing import Awaitable

from twisted.internet.defer import succeed

from homeftp.client import (
    FileResult,
    Outcome,
)
from tests.support.transfers import BIG, NEW, OLD, TransferCase, tree


class ReplacingTests(TransferCase):
    """Targets that exist, large and small, in both directions."""

    def answer(self, said: bool) -> list[str]:
        """The names that were asked about, when every answer is `said`."""
        self.asked: list[str] = []

        def ask(name: str, result: FileResult) -> Awaitable[bool]:
            self.asked.append(name)
            return succeed(said)

        self.ask = ask
        return self.asked

    def test_older(self) -> None:
        """An older target is replaced, on the server if this machine has seen it there."""
        for content in (b"new here", BIG):
            path = self.make_file("a", content, mtime=NEW)
            self.make_remote_file("a", b"old there", mtime=OLD)
            self.have_seen("a", b"old there")
            self.push(path, "a")
            self.assertEqual(self.outcomes(), {"a": Outcome.REPLACED})
            self.assertEqual(self.remote_files(), {"a": content})
            path = self.make_file("b", b"old here", mtime=OLD)
            self.get("a", path)
            self.assertEqual(tree(self.here)["b"], content)

    def test_suspicious(self) -> None:
        """Another content with the same size and time is not replaced, both ways: one of the copies may be damaged."""
        for content in (b"good", BIG):
            bad = content[:-1] + b"?"
            path = self.make_file("a", bad)
            self.make_remote_file("a", content)
            for move, paths in ((self.push, (path, "a")), (self.get, ("a", path))):
                move(*paths)
                self.assertEqual(self.outcomes(), {"a": Outcome.SUSPICIOUS})
                self.assertEqual((tree(self.here)["a"], self.remote_files()["a"]), (bad, content))
            self.push(path, "a", force=True)
            self.assertEqual(self.outcomes(), {"a": Outcome.REPLACED})
            self.assertEqual(self.remote_files()["a"], bad)

    def test_suspicious_asked(self) -> None:
        """The answer of the user decides about a suspicious target."""
        for said, outcome in ((False, Outcome.SUSPICIOUS), (True, Outcome.REPLACED)):
            path = self.make_file("a", b"1234")
            self.make_remote_file("a", b"1235")
            asked = self.answer(said)
            self.push(path, "a", ask=self.ask)
            self.assertEqual((asked, self.outcomes()), (["a"], {"a": outcome}))
            self.make_remote_file("a", b"1235")
            self.get("a", path, ask=self.ask)
            self.assertEqual((asked, self.outcomes()), (["a", "a"], {"a": outcome}))

    def test_newer(self) -> None:
        """A newer target is not replaced if there is no terminal to ask at."""
        path = self.make_file("a", b"old", mtime=OLD)
        self.make_remote_file("a", b"newer", mtime=NEW)
        self.have_seen("a", b"newer")
        self.push(path, "a")
        self.assertEqual(self.outcomes(), {"a": Outcome.NEWER})
        self.assertEqual(self.remote_files(), {"a": b"newer"})
        path = self.make_file("a", b"newest", mtime=NEW + 1)
        self.get("a", path)
        self.assertEqual(self.outcomes(), {"a": Outcome.NEWER})
        self.assertEqual(tree(self.here), {"a": b"newest"})

    def test_asked(self) -> None:
        """The answer of the user decides about a newer target."""
        for said in (False, True):
            asked = self.answer(said)
            path = self.make_file("a", b"old", mtime=OLD)
            self.make_remote_file("a", b"newer", mtime=NEW)
            self.have_seen("a", b"newer")
            self.push(path, "a", ask=self.ask)
            self.assertEqual(self.remote_files(), {"a": b"old" if said else b"newer"})
            self.make_remote_file("a", b"old", mtime=OLD)
            path = self.make_file("a", b"newer", mtime=NEW)
            self.get("a", path, ask=self.ask)
            self.assertEqual(tree(self.here), {"a": b"old" if said else b"newer"})
            self.assertEqual(asked, ["a", "a"])

    def test_force(self) -> None:
        """With `force` it is replaced without a question."""
        path = self.make_file("a", b"old", mtime=OLD)
        self.make_remote_file("a", b"newer", mtime=NEW)
        self.push(path, "a", force=True)
        self.assertEqual(self.remote_files(), {"a": b"old"})
        path = self.make_file("a", b"newer", mtime=NEW)
        self.get("a", path, force=True)
        self.assertEqual(tree(self.here), {"a": b"old"})

    def test_ignore_existing(self) -> None:
        """With `ignore_existing` nothing is replaced, and missing files are stored."""
        self.make_file("lib/a", b"here", mtime=NEW)
        self.make_file("lib/b")
        self.make_remote_file("lib/a", b"there", mtime=OLD)
        self.push(f"{self.here}/lib", "lib", recursive=True, ignore_existing=True)
        self.assertEqual(self.remote_files(), {"lib/a": b"there", "lib/b": b"content"})
        self.assertEqual(self.outcomes(), {"a": Outcome.EXISTS, "b": Outcome.NEW})
        self.make_remote_file("lib/a", b"there again", mtime=NEW + 1)
        self.get("lib", f"{self.here}/lib", recursive=True, ignore_existing=True)
        self.assertEqual(tree(self.here)["lib/a"], b"here")

    def test_changed_meanwhile_there(self) -> None:
        """A file that changes on the server after the comparison is asked about again; a large one is kept."""
        for content in (b"mine", BIG):
            path = self.make_file("a", content, mtime=OLD)
            self.make_remote_file("a", b"theirs", mtime=NEW)
            shown: list[int] = []

            def ask(name: str, result: FileResult, shown: list[int] = shown) -> Awaitable[bool]:
                assert result.remote is not None
                shown.append(result.remote.size)
                self.make_remote_file("a", b"theirs, and newer", mtime=NEW + 9)
                return succeed(len(shown) == 1)

            self.push(path, "a", ask=ask)
            self.assertEqual(self.outcomes(), {"a": Outcome.CONFLICT})
            self.assertEqual(self.remote_files(), {"a": b"theirs, and newer"})
            self.assertEqual(shown, [6] if content == BIG else [6, 17])

    def test_changed_meanwhile_here(self) -> None:
        """A local file that changed after the comparison is kept, large or small."""
        for content in (b"theirs", BIG):
            path = self.make_file("a", b"mine", mtime=NEW)
            self.make_remote_file("a", content, mtime=OLD)

            def ask(name: str, result: FileResult) -> Awaitable[bool]:
                self.make_file("a", b"mine, and newer", mtime=NEW + 9)
                return succeed(True)

            self.get("a", path, ask=ask)
            self.assertEqual(self.outcomes(), {"a": Outcome.FAILED})
            self.assertEqual(tree(self.here), {"a": b"mine, and newer"})

    def test_appeared_meanwhile_here(self) -> None:
        """A local file that appeared after the comparison is kept."""
        self.make_remote_file("lib/a", b"theirs")
        self.make_remote_file("lib/b", b"theirs", mtime=OLD)
        self.make_file("lib/b", b"mine", mtime=NEW)

        def ask(name: str, result: FileResult) -> Awaitable[bool]:
            return succeed(True)

        original = self.wire.client.request

        def late(*arguments: object) -> None:
            self.make_file("lib/a", b"suddenly here")
            original(*arguments)  # type: ignore[arg-type]

        self.patch(self.wire.client, "request", late)
        self.get("lib", f"{self.here}/lib", recursive=True, ask=ask)
        self.assertEqual(self.outcomes(), {"a": Outcome.FAILED, "b": Outcome.REPLACED})
        self.assertEqual(tree(f"{self.here}/lib"), {"a": b"suddenly here", "b": b"theirs"})
