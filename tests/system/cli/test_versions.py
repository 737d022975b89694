"""`homeftp versions` and `homeftp restore`."""

from __future__ import annotations

import itertools
import json
import os
import re

from tests.support.serving import ServedCase


class VersionsTests(ServedCase):
    """What was there before."""

    def push(self, *contents: str) -> None:
        """Push one content after the other to a file."""
        for number, content in enumerate(contents):
            path = self.lay("file.txt", content.encode(), mtime=1_700_000_000 + number)
            self.assertEqual(self.homeftp("push", path, f"nas:{self.there}/").returncode, 0)

    def at(self) -> list[str]:
        """The times of the versions, as a person sees them, the newest first."""
        said = self.homeftp("versions", f"nas:{self.there}/file.txt")
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        return [line[:26] for line in said.stdout.splitlines()]

    def test_listed(self) -> None:
        """A line for each, with its times, size and name; of a folder all that is in it; --json for scripts."""
        self.push("one", "two!", "three")
        said = self.homeftp("versions", f"nas:{self.there}/file.txt").stdout.splitlines()
        pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} +%s  of 2023-11-1\d \d\d:\d\d  file\.txt"
        self.assertEqual(len(said), 2)
        self.assertRegex(said[0], pattern % "4 B")
        self.assertRegex(said[1], pattern % "3 B")
        lines = self.homeftp("versions", "--json", f"nas:{self.there}").stdout.splitlines()
        found = [json.loads(line) for line in lines]
        self.assertEqual([(each["name"], each["size"]) for each in found], [("file.txt", 4), ("file.txt", 3)])
        self.assertTrue(all(re.fullmatch("sha256:[0-9a-f]{64}", each["hash"]) for each in found))

    def test_restored(self) -> None:
        """The newest comes back, and the way back is the same command."""
        self.push("one", "two", "three")
        for content in (b"two", b"three", b"two"):
            said = self.homeftp("restore", f"nas:{self.there}/file.txt")
            self.assertEqual((said.returncode, said.stderr), (0, ""))
            self.assertIn("the previous content was kept.", said.stdout)
            self.assertEqual(self.read_there("file.txt"), content)

    def test_restored_at(self) -> None:
        """--at takes a time as it was printed, as much of its beginning as is clear, or a script's number."""
        self.push("one", "two", "three")
        _, one = self.at()
        place = f"nas:{self.there}/file.txt"
        self.assertEqual(self.homeftp("restore", place, "--at", one).returncode, 0)
        self.assertEqual(self.read_there("file.txt"), b"one")
        three, two = self.at()
        common = "".join(
            a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(three, two, strict=True))
        )
        unclear = self.homeftp("restore", place, "--at", common)
        self.assertEqual(unclear.returncode, 2)
        self.assertIn("2 versions of", unclear.stderr)
        self.assertIn(two, unclear.stderr)
        self.assertEqual(self.homeftp("restore", place, "--at", two[: len(common) + 1]).returncode, 0)
        self.assertEqual(self.read_there("file.txt"), b"two")
        number = json.loads(self.homeftp("versions", "--json", place).stdout.splitlines()[-1])["at"]
        said = self.homeftp("restore", "--json", place, "--at", str(number))
        self.assertEqual((json.loads(said.stdout)["at"], self.read_there("file.txt")), (number, b"three"))

    def test_removed_there(self) -> None:
        """A file that was removed on the server is listed with its folder, and comes back."""
        self.push("one", "two")
        os.unlink(self.server.path(f"{self.there}/file.txt"))
        said = self.homeftp("restore", f"nas:{self.there}/file.txt")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(self.read_there("file.txt"), b"one")

    def test_refused(self) -> None:
        """No version, a folder, or a path without a server: one line, and the exit code for it."""
        self.push("one", "two")
        for arguments, status, words in (
            ((f"nas:{self.there}/none.txt",), 3, "has no previous versions."),
            ((f"nas:{self.there}/file.txt", "--at", "2199-01-01"), 3, "`homeftp versions` lists"),
            ((f"nas:{self.there}",), 3, "is a folder, or was one. Use -r"),
            (("nas:",), 2, "name the file"),
            (("file.txt",), 2, "not a path on a server"),
        ):
            said = self.homeftp("restore", *arguments)
            self.assertEqual((said.returncode, len(said.stderr.splitlines())), (status, 1), said.stderr)
            self.assertIn(words, said.stderr)
        self.assertEqual(self.read_there("file.txt"), b"two")
