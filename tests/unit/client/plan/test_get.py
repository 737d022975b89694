"""Which local paths a get fetches files to, against a real server."""

from __future__ import annotations

import os

from homeftp.errors import (
    NotFound,
    OperatorError,
    WrongKind,
)
from tests.support.transfers import TransferCase, tree


class TargetTests(TransferCase):
    """Where files and folders go."""

    def test_rules_of_push(self) -> None:
        """A get follows the rules of a push the other way."""
        self.make_remote_file("lib/x/a")
        self.make_remote_file("b")
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

    def test_current_folder(self) -> None:
        """A target of . means inside it."""
        self.make_remote_file("lib/a")
        here = os.getcwd()
        os.chdir(self.here)
        try:
            self.get("lib", ".", recursive=True)
        finally:
            os.chdir(here)
        self.assertEqual(set(tree(self.here)), {"lib/a"})

    def test_top(self) -> None:
        """The top of the store has no name: its content is meant."""
        self.make_remote_file("lib/a")
        self.get("", f"{self.here}/all", recursive=True)
        self.assertEqual(set(tree(self.here)), {"all/lib/a"})


class RefusedTests(TransferCase):
    """What is refused before anything is fetched."""

    def test_same_name(self) -> None:
        """Two files of one name: the second would replace the first. One file that is named twice is fetched once."""
        self.make_remote_file("a/x", b"first")
        self.make_remote_file("b/x", b"second")
        for sources in (("a/x", "b/x"), ("?/x",)):
            with self.assertRaisesRegex(OperatorError, "a/x and b/x would both become x"):
                self.get(*sources, f"{self.here}/out")
            self.assertEqual(os.listdir(self.here), [])
        self.get("a/x", "a/?", f"{self.here}/out")
        self.assertEqual(set(tree(self.here)), {"out/x"})

    def test_paths(self) -> None:
        """Illegal endpoints, a directory without --recursive, a missing file, a file that is named as a directory."""
        self.make_remote_file("there/a")
        for source in ("../a", "a/..", ".homeftp/b"):
            with self.assertRaises(OperatorError):
                self.get(source, self.here)
        with self.assertRaises(OperatorError):
            self.get("there", f"{self.here}/x")
        for missing in ("missing", "a:b"):
            with self.assertRaises(NotFound):
                self.get(missing, f"{self.here}/x")
        with self.assertRaises(WrongKind):
            self.get("there/a/", f"{self.here}/x")
        self.assertEqual(tree(self.here), {})

    def test_target_below_a_file(self) -> None:
        """A target that is below a local file."""
        path = self.make_file("a")
        self.make_remote_file("a")
        self.make_remote_file("d/b")
        for source in ("a", "d"):
            for target in (f"{path}/x", f"{path}/x/"):
                with self.assertRaises(OperatorError):
                    self.get(source, target, recursive=True)
