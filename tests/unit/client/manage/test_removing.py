"""What is removed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.manage.removing import find_removable, names_everything
from homeftp.errors import NotFound, OperatorError, WrongKind
from tests.support.transfers import TransferCase


class RemovalTests(TransferCase):
    """find_removable."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("a.jpg", "b.jpg", "lib/c", ".hidden"):
            self.make_remote_file(name)

    def found(self, path: str, *, recursive: bool = True) -> list[tuple[str, str]]:
        """Names and kinds."""
        found = self.run_work(find_removable(self.client, path, recursive=recursive))
        return [(entry.name, entry.kind) for entry in found]

    def test_found(self) -> None:
        """A file, a folder, a pattern; the top means everything in it."""
        self.assertEqual(self.found("/a.jpg", recursive=False), [("a.jpg", "file")])
        self.assertEqual(self.found("lib/"), [("lib", "directory")])
        self.assertEqual(self.found("*.jpg", recursive=False), [("a.jpg", "file"), ("b.jpg", "file")])
        everything = [(".hidden", "file"), ("a.jpg", "file"), ("b.jpg", "file"), ("lib", "directory")]
        for top in ("", "/", "."):
            self.assertEqual(self.found(top), everything)

    def test_refused(self) -> None:
        """What does not exist, a folder without `recursive`, and a file that is named as a folder."""
        for path, recursive, error in (
            ("none", True, NotFound),
            ("*.gif", True, NotFound),
            ("lib", False, WrongKind),
            ("", False, WrongKind),
            ("a.jpg/", True, WrongKind),
            ("../a", True, OperatorError),
        ):
            with self.assertRaises(error, msg=path):
                self.found(path, recursive=recursive)


class EverythingTests(SynchronousTestCase):
    """names_everything."""

    def test_everything(self) -> None:
        """The top in any spelling, and a pattern for all in it; a control for each that means less."""
        for path in ("", "/", ".", "./", "*", "/*", "*/", "**", "./*"):
            self.assertTrue(names_everything(path), path)
        for path in ("a", "/a", "*.jpg", "a/*", "*/*", "?", "a/"):
            self.assertFalse(names_everything(path), path)
