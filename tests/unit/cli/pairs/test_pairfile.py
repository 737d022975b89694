"""sync.toml: what is read from it, and what commands change in it."""

from __future__ import annotations

import os

from homeftp.cli.pairs.pair import SavedPair
from homeftp.cli.pairs.pairfile import PairFile
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

WRITTEN = """\
# what I keep the same

[[pair]]
folder = "/a"   # the first one
remote = "nas:a"
ignore = [
    "*.tmp",
]

# the second one
[[pair]]
folder = "/b"
remote = "nas:b"
"""


def pair(name: str) -> SavedPair:
    """A pair."""
    return SavedPair(folder=f"/{name}", server="nas", path=name)


class FileTests(QuickCase):
    """PairFile."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        self.file = PairFile(self.folder)

    def write(self, text: str | bytes) -> None:
        """Write the file as a person does."""
        os.makedirs(self.folder, exist_ok=True)
        with open(self.file.path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def text(self) -> str:
        """What is in the file."""
        with open(self.file.path, encoding="utf-8") as file:
            return file.read()

    def test_saved(self) -> None:
        """Pairs are added at the end and found by their folder; one for the same folder takes the place of another."""
        self.assertEqual((self.file.load(), self.file.find("/a")), ([], None))
        for name in "ab":
            self.file.save(pair(name))
        self.assertEqual(self.file.load(), [pair("a"), pair("b")])
        self.assertEqual(self.file.find("/x/../b"), pair("b"))
        other = SavedPair(folder="/a", server="nas", path="other")
        self.file.save(other)
        self.assertEqual(self.file.load(), [pair("b"), other])

    def test_link(self) -> None:
        """A folder is the same whatever path leads to it."""
        os.makedirs(os.path.join(self.folder, "real"))
        os.symlink("real", os.path.join(self.folder, "link"))
        self.file.save(SavedPair(folder=f"{self.folder}/link", server="nas", path="a"))
        self.assertIsNotNone(self.file.find(f"{self.folder}/real"))

    def test_comments(self) -> None:
        """A command leaves the lines of other pairs, and the comments above them, as they are."""
        self.write(WRITTEN)
        self.file.save(pair("c"))
        self.assertEqual(self.text(), f'{WRITTEN}\n[[pair]]\nfolder = "/c"\nremote = "nas:c"\n')
        self.assertEqual(self.file.forget("/c"), pair("c"))
        self.file.forget("/a")
        expected = '# what I keep the same\n\n\n# the second one\n[[pair]]\nfolder = "/b"\nremote = "nas:b"\n'
        self.assertEqual(self.text(), expected)
        self.file.forget("/b")
        self.assertEqual(self.file.load(), [])

    def test_forget_unknown(self) -> None:
        """A folder without a pair cannot be forgotten."""
        self.write(WRITTEN)
        with self.assertRaisesRegex(OperatorError, "has no pair with the folder /c"):
            self.file.forget("/c")

    def test_not_lines(self) -> None:
        """A pair that is not written in lines of its own is read, and is not changed by a command."""
        self.write('pair = [{folder = "/a", remote = "nas:a"}]\n')
        self.assertEqual(self.file.load(), [pair("a")])
        for change in (lambda: self.file.forget("/a"), lambda: self.file.save(pair("b"))):
            with self.assertRaisesRegex(OperatorError, "edit it yourself"):
                change()
        self.assertEqual(self.file.load(), [pair("a")])

    def test_mistakes(self) -> None:
        """A mistake is told with the file, its line and what is allowed."""
        begin = '[[pair]]\nfolder = "/a"\n'
        for text, words in (
            (f'{begin}remote = "nas:a"\n\n[[pair]]\nfolder = "/b"\nremote = "b"\n', "sync.toml, line 7: remote: 'b'"),
            (f'{begin}remote = "nas:a"\n{begin}remote = "nas:b"\n', "line 5: the folder /a has a pair already"),
            (begin, "line 1: a pair needs the key remote"),
            ('pair = [{folder = "/a"}]', "pair 1: a pair needs the key remote"),
            (f"{begin}remote = nas:a\n", r"not valid TOML: .*line 3"),
            ("colour = 3\n", "'colour' is not known here"),
            ("pair = 3\n", "begins with a line"),
            ("pair = [3]\n", "begins with a line"),
            (b"\xff", "not in UTF-8"),
            ("#" * 300 * 1024, "too large"),
            ("a = " + "[" * 100_000, "not valid TOML"),
        ):
            self.write(text)
            with self.assertRaisesRegex(OperatorError, words):
                self.file.load()

    def test_unreadable(self) -> None:
        """A file that cannot be read or written is told."""
        os.makedirs(self.file.path)
        with self.assertRaisesRegex(OperatorError, "cannot read"):
            self.file.load()
        with open(f"{self.folder}/file", "w"):
            pass
        with self.assertRaisesRegex(OperatorError, "cannot"):
            PairFile(f"{self.folder}/file/x").save(pair("a"))
