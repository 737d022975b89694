"""Two laptops and one server: neither replaces what it has not seen, unless its person says so."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from typing import Any

from tests.support.processes import pair, run_homeftp
from tests.support.serving import ServedCase, shared

NEW = 1_700_000_000


@functools.lru_cache(maxsize=1)
def other_home() -> str:
    """The client's folder of a second laptop, which is paired with the shared server."""
    server, _ = shared()
    home = os.path.join(server.folder, "other-client")
    pair(server, home)
    return home


class TwoLaptopsTests(ServedCase):
    """`first` and `second` are the two laptops; each has a copy of the server's folder."""

    def setUp(self) -> None:
        super().setUp()
        self.place = f"nas:{self.there}/lib"
        self.homes = {"first": self.home, "second": other_home()}
        self.lay_there("lib/a", b"as it was")
        self.lay_there("lib/b", b"another")
        for laptop in self.homes:
            self.assertEqual(self.on(laptop, "get", "-r", self.place, self.copy(laptop)).returncode, 0)

    def copy(self, laptop: str, name: str = "") -> str:
        """The path of the copy of the folder on a laptop, or of a file in it."""
        return os.path.join(self.here, laptop, name) if name else os.path.join(self.here, laptop)

    def on(self, laptop: str, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command on a laptop, without a terminal."""
        return run_homeftp(*arguments, input=input, HOMEFTP_HOME=self.homes[laptop])

    def edit(self, laptop: str, content: bytes, *, mtime: int = NEW, name: str = "a") -> None:
        """Change a file on a laptop."""
        self.lay(f"{laptop}/{name}", content, mtime=mtime)

    def push(self, laptop: str, *options: str) -> tuple[int, dict[str, Any]]:
        """Push a laptop's copy: the exit code, and the outcome of each name."""
        said = self.on(laptop, "push", "-r", *options, "--json", self.copy(laptop), self.place)
        items = [json.loads(line) for line in said.stdout.splitlines()]
        return said.returncode, {item["name"]: item["outcome"] for item in items if "name" in item}

    def test_conflict(self) -> None:
        """Both fetch a folder; what the first pushes is not replaced by the second's change, until that says --force.

        Its own next change of the file, and other files, are pushed without a question.
        """
        self.edit("first", b"the change of the first", mtime=NEW + 10)
        self.assertEqual(self.push("first"), (0, {"a": "replaced", "b": "same"}))
        self.edit("first", b"its second change", mtime=NEW + 20)
        self.assertEqual(self.push("first"), (0, {"a": "replaced", "b": "same"}), "a control: it has seen its own")
        self.edit("second", b"the change of the second", mtime=NEW + 30)
        self.edit("second", b"seen by both", mtime=NEW + 30, name="b")
        self.assertEqual(self.push("second"), (1, {"a": "conflict", "b": "replaced"}))
        self.assertEqual(self.read_there("lib/a"), b"its second change")
        self.assertEqual(self.push("second"), (1, {"a": "conflict", "b": "same"}), "trying again changes nothing")
        said = self.on("second", "push", self.copy("second", "a"), f"{self.place}/a")
        self.assertEqual(said.returncode, 1)
        self.assertIn("has not seen", said.stderr)
        self.assertIn("--force", said.stderr)
        self.assertEqual(self.push("second", "--force"), (0, {"a": "replaced", "b": "same"}))
        self.assertEqual(self.read_there("lib/a"), b"the change of the second")
