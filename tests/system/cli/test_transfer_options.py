"""What `homeftp push`, `get` and `cmp` do with a part of a folder, with odd names, slowly, or only seemingly."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

from homeftp.config import SMALL_FILE
from tests.support.processes import environment, run_homeftp
from tests.support.serving import ServedCase
from tests.support.waiting import wait_until

FILES = 64
SIZE = SMALL_FILE + 1
"""Bytes of a file that is too large for a batch: it is stored as soon as it has arrived, not with the others."""
SLOW = "256K"
"""A rate at which so many of them take half a minute."""


class OptionTests(ServedCase):
    """Without a terminal."""

    def test_dry_run(self) -> None:
        """-n prints what would be transferred, and transfers nothing; what it meant before has another name."""
        self.lay("lib/a")
        self.lay("lib/x/b", b"12345")
        place = f"nas:{self.there}/lib"
        said = self.homeftp("push", "-rn", f"{self.here}/lib", place)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual({line.split()[1] for line in said.stdout.splitlines()}, {"a", "x", "x/b", f"{place}"})
        self.assertEqual(said.stderr, "Nothing was changed. Would be: 2 files and 2 folders new; 12 B\n")
        self.assertFalse(os.path.exists(self.server.path(f"{self.there}/lib")))
        summary = self.items("push", "-rn", f"{self.here}/lib", place)[-1]
        self.assertEqual((summary["dry_run"], summary["bytes"], summary["summary"]["new"]), (True, 12, 4))
        self.homeftp("push", "-r", f"{self.here}/lib", place)
        said = self.homeftp("get", "-rn", place, f"{self.here}/copy")
        self.assertEqual((said.returncode, os.path.exists(f"{self.here}/copy")), (0, False))
        self.assertEqual(self.homeftp("cmp", "-n", f"{self.here}/lib", place).returncode, 0)
        self.assertEqual(self.homeftp("push", "--new-only", f"{self.here}/lib", place).returncode, 2)
        self.assertEqual(self.homeftp("push", "-n", "-", f"{place}/c").returncode, 2)
        self.assertEqual(self.homeftp("get", "-n", f"{place}/a", "-").returncode, 2)

    def test_selected(self) -> None:
        """--exclude, --include, .homeftpignore and --files-from choose what is transferred and compared."""
        for name in ("a.txt", "b.jpg", "x/c.jpg", "x/d.txt", "tmp/e.jpg"):
            self.lay(f"lib/{name}")
        self.lay("lib/.homeftpignore", b"tmp/\n")
        folder, place = f"{self.here}/lib", f"nas:{self.there}"

        def there(name: str) -> set[str]:
            said = self.homeftp("ls", "-R", f"{place}/{name}")
            return {line for line in said.stdout.splitlines() if not line.endswith("/")}

        photos = ("--include", "*/", "--include", "*.jpg", "--exclude", "*")
        for name, words, expected in (
            ("one", (), {".homeftpignore", "a.txt", "b.jpg", "x/c.jpg", "x/d.txt"}),
            ("two", ("--exclude", "*.txt", "--exclude", ".*"), {"b.jpg", "x/c.jpg"}),
            ("three", photos, {"b.jpg", "x/c.jpg", "tmp/e.jpg"}),
            ("four", ("--no-ignore", "--exclude=.*", "--exclude=x"), {"a.txt", "b.jpg", "tmp/e.jpg"}),
        ):
            said = self.homeftp("push", "-r", *words, folder, f"{place}/{name}")
            self.assertEqual((said.returncode, there(name)), (0, expected), said.stderr)
            self.assertEqual(self.homeftp("cmp", *words, folder, f"{place}/{name}").returncode, 0, name)
        self.assertEqual(self.homeftp("cmp", folder, f"{place}/two").returncode, 1, "the control")
        said = run_homeftp(
            "push", "--files-from", "-", folder, f"{place}/five", input="x/\na.txt\n", HOMEFTP_HOME=self.home
        )
        self.assertEqual((said.returncode, there("five")), (0, {"x/c.jpg", "x/d.txt", "a.txt"}), said.stderr)
        said = self.homeftp("get", "-r", "--exclude", "x", f"{place}/five", f"{self.here}/got")
        self.assertEqual((said.returncode, os.listdir(f"{self.here}/got")), (0, ["a.txt"]))

    def test_bandwidth(self) -> None:
        """--bwlimit holds a push and a get back, and both are complete; a word that is no rate is refused."""
        sources = [self.lay(f"f{number}", bytes(SIZE)) for number in range(FILES)]
        place, got = f"nas:{self.there}", f"{self.here}/got"
        there = self.server.path(self.there)
        for command, given, target, first in (
            ("push", sources, place, f"{there}/slow/f0"),
            ("get", [f"{place}/fast/f{number}" for number in range(FILES)], got, f"{got}/slow/f0"),
        ):
            words = [sys.executable, "-m", "homeftp", command, "-q", "--bwlimit", SLOW, *given, f"{target}/slow/"]
            with subprocess.Popen(words, env=environment(HOMEFTP_HOME=self.home)) as limited:
                try:
                    wait_until(functools.partial(os.path.exists, first))
                    said = self.homeftp(command, "--bwlimit=1G", *given, f"{target}/fast/")
                    self.assertEqual(said.returncode, 0, said.stderr)
                    self.assertIsNone(limited.poll(), "one that began later, with a higher rate, has ended")
                finally:
                    limited.kill()
        for folder in (there, got):
            names = os.listdir(f"{folder}/fast")
            sizes = {name: os.path.getsize(f"{folder}/fast/{name}") for name in names}
            self.assertEqual(sizes, {f"f{number}": SIZE for number in range(FILES)})
        self.assertEqual(self.homeftp("push", "--bwlimit", "fast", sources[0], f"{place}/x").returncode, 2)

    def test_forbidden_names(self) -> None:
        """Names that not every system can store go to the server and come back, in folders and alone."""
        names = {
            "2019: Rome/a*b",
            "2019: Rome/CON",
            "back\\slash",
            "end.",
            "line\nbreak",
            "it\u201b\uff1as",
            "latin\udce9",
        }
        for name in names:
            self.lay(f"lib/{name}", name.encode("utf-8", "surrogateescape"))
        place = f"nas:{self.there}/lib"
        self.assertEqual(self.homeftp("push", "-r", f"{self.here}/lib", place).returncode, 0)
        self.assertEqual(self.homeftp("cmp", f"{self.here}/lib", place).returncode, 0)
        self.assertEqual(self.homeftp("get", "-r", place, f"{self.here}/copy").returncode, 0)
        self.assertEqual(subprocess.run(["diff", "-r", f"{self.here}/lib", f"{self.here}/copy"]).returncode, 0)
        self.assertIn("2019\u201b\uff1a Rome", os.listdir(self.server.path(f"{self.there}/lib")))
        for typed in ("2019: Rome/CON", "2019\u201b\uff1a Rome/\u201b\uff23ON"):
            os.makedirs(f"{self.here}/alone", exist_ok=True)
            said = self.homeftp("get", f"{place}/{typed}", f"{self.here}/alone/")
            self.assertEqual((said.returncode, os.listdir(f"{self.here}/alone")), (0, ["CON"]), said.stderr)
        said = self.homeftp("get", "-r", "--strict-names", place, f"{self.here}/strict")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(set(os.listdir(f"{self.here}/strict")), set(os.listdir(self.server.path(f"{self.there}/lib"))))

    def test_delete(self) -> None:
        """--delete mirrors a folder in both directions; without a terminal it needs -y, and never deletes most."""
        for name in ("a", "b", "x/c", "x/d"):
            self.lay(f"lib/{name}")
        folder, place = f"{self.here}/lib", f"nas:{self.there}/lib"
        self.homeftp("push", "-r", folder, place)
        os.unlink(f"{folder}/b")
        self.assertEqual(self.homeftp("push", "-r", "--delete", folder, place).returncode, 2)
        said = self.homeftp("push", "-rn", "--delete", folder, place)
        self.assertEqual((said.returncode, said.stdout), (0, "deleted   b\n"))
        self.assertEqual(self.read_there("lib/b"), b"content")
        said = self.homeftp("push", "-ry", "--delete", folder, place)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("1 file deleted", said.stderr)
        self.assertEqual(self.homeftp("cmp", folder, place).returncode, 0)
        os.makedirs(f"{self.here}/empty")
        said = self.homeftp("push", "-ry", "--delete", f"{self.here}/empty", place)
        self.assertEqual(said.returncode, 2)
        self.assertIn("3 of the 3 files", said.stderr)
        self.lay("lib/only-here")
        self.assertEqual(self.homeftp("get", "-ry", "--delete", place, folder).returncode, 0)
        self.assertFalse(os.path.exists(f"{folder}/only-here"))
