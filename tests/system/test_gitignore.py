"""The patterns of .homeftpignore mean what git takes them for."""

from __future__ import annotations

import os
import random
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.files.scan import scan
from homeftp.client.selection import Selection
from tests.support import needs

FOLDERS = ("", "a", "a/b", "b", "b/a", "c")
NAMES = ("a", "b", "x.txt", "y.jpg")

PIECES = ("a", "b", "c", "*", "?", "*.txt", "x*", "**", "[ab]", "y.jpg")


class GitTests(SynchronousTestCase):
    """git itself, with files and patterns of all kinds."""

    def setUp(self) -> None:
        """Folders with files, in a repository without any."""
        needs.program("git")
        self.top = os.path.abspath(self.mktemp())
        self.random = random.Random(1)
        for folder in FOLDERS:
            os.makedirs(os.path.join(self.top, folder), exist_ok=True)
        for folder in FOLDERS:
            for name in NAMES:
                path = os.path.join(self.top, folder, name)
                if not os.path.exists(path):
                    with open(path, "w"):
                        pass
        self.git("init", "-q")

    def git(self, *words: str) -> str:
        """What git prints."""
        environ = {**os.environ, "HOME": self.top, "GIT_CONFIG_NOSYSTEM": "1", "XDG_CONFIG_HOME": self.top}
        run = subprocess.run(["git", *words], cwd=self.top, env=environ, capture_output=True, text=True, check=True)
        return run.stdout

    def pattern(self) -> str:
        """A pattern that a person may write."""
        parts = [self.random.choice(PIECES) for _ in range(self.random.choice((1, 1, 1, 2, 2, 3)))]
        slash = self.random.choice(("", "", "/"))
        start = self.random.choice(("", "", "", "!"))
        return start + self.random.choice(("", "", "/")) + "/".join(parts) + slash

    def write(self, folder: str, patterns: list[str]) -> None:
        for name in (".gitignore", ".homeftpignore"):
            with open(os.path.join(self.top, folder, name), "w") as file:
                file.write("\n".join(patterns))

    def test_same(self) -> None:
        """What git would not add is what is left out, for hundreds of patterns, in one folder and in two."""
        left_out = 0
        for number in range(150):
            first = [self.pattern() for _ in range(self.random.randint(1, 4))]
            second = [self.pattern() for _ in range(self.random.randint(0, 2))] if number % 2 else []
            self.write("", first)
            self.write("a", second)
            listed = self.git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
            skip = (".git/", ".homeftpignore", ".gitignore")
            expected = {name for name in listed if name and not name.endswith(skip[1:])}
            found = scan(self.top, Selection()).files
            ours = {name for name in found if not name.startswith(skip[0]) and not name.endswith(skip[1:])}
            self.assertEqual(ours, expected, (first, second))
            left_out += len(FOLDERS) * len(NAMES) - len(expected)
        self.assertGreater(left_out, 1000, "the control: the patterns leave files out")
