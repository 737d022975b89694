"""`homeftp restore -r`, `get --at` and `versions --prune` in processes of their own, with a server in another."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.pasttrees import pass_a_tick
from tests.support.serving import ServedCase


class RestoringTests(ServedCase):
    """A folder that is changed in many ways."""

    def tree(self, top: str) -> dict[str, bytes]:
        """The files beneath a folder."""
        return {str(path.relative_to(top)): path.read_bytes() for path in Path(top).rglob("*") if path.is_file()}

    def push(self, files: dict[str, str]) -> None:
        """Make the folder on the server equal to these files."""
        for path in Path(self.here, "tree").rglob("*") if os.path.exists(f"{self.here}/tree") else ():
            if path.is_file() and str(path.relative_to(f"{self.here}/tree")) not in files:
                path.unlink()
        for name, content in files.items():
            self.lay(f"tree/{name}", content.encode())
        place = f"nas:{self.there}/tree"
        said = self.homeftp("push", "-r", f"{self.here}/tree", place, "--delete", "-y", "--max-delete", "9", "--force")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_round(self) -> None:
        """The folder comes back as it was at a time, after a mirror and after its removal; nothing is lost by it."""
        place, there = f"nas:{self.there}/tree", self.server.path(f"{self.there}/tree")
        self.push({"a": "one", "b/c": "two", "b/same": "same", "gone/deep/er": "three", "turns": "file"})
        then = self.tree(there)
        as_of = pass_a_tick()
        said = self.homeftp("rm", f"{place}/turns")
        self.assertEqual(said.returncode, 0, said.stderr)
        os.unlink(f"{self.here}/tree/turns")
        self.push({"a": "one changed", "b/same": "same", "new/x": "new", "turns/into": "a folder"})
        now, as_of_now = self.tree(there), pass_a_tick()
        said = self.homeftp("get", "-r", place, f"{self.here}/old", "--at", str(as_of))
        self.assertEqual((said.returncode, self.tree(f"{self.here}/old")), (0, then), said.stderr)
        said = self.homeftp("restore", "-r", place, "--at", str(as_of))
        self.assertEqual((said.returncode, self.tree(there)), (2, now), said.stderr)
        said = self.homeftp("restore", "-r", place, "--at", str(as_of), "-y")
        self.assertEqual((said.returncode, said.stderr, self.tree(there)), (0, "", then), said.stdout)
        self.assertFalse(os.path.exists(f"{there}/new"))
        kept = {each["name"] for each in self.items("versions", place)}
        self.assertLessEqual({"a", "new/x", "turns/into"}, kept)
        said = self.homeftp("restore", "-r", place, "--at", str(as_of_now), "-y")
        self.assertEqual((said.returncode, said.stderr), (0, ""), "a folder was where a file is now")
        self.assertEqual(self.tree(there), now, "what was put back meanwhile was not there then")
        said = self.homeftp("restore", "-r", place, "--at", str(as_of), "-y")
        self.assertEqual((said.returncode, said.stderr, self.tree(there)), (0, "", then), said.stdout)
        self.assertEqual(self.homeftp("rm", "-r", place).returncode, 0)
        said = self.homeftp("restore", "-r", place)
        self.assertEqual((said.returncode, self.tree(there)), (0, then), said.stdout + said.stderr)

    def test_asked(self) -> None:
        """At a terminal it asks before files go, and before versions are removed for good."""
        place, there = f"nas:{self.there}/tree", self.server.path(f"{self.there}/tree")
        self.push({"a": "one"})
        as_of = pass_a_tick()
        self.push({"a": "one", "b": "new"})
        code, shown = self.at_terminal("restore", "-r", place, "--at", str(as_of), says=[("Go on?", "n\n")])
        self.assertEqual((code, len(self.tree(there))), (1, 2), shown)
        code, shown = self.at_terminal("restore", "-r", place, "--at", str(as_of), says=[("Go on?", "y\n")])
        self.assertEqual((code, len(self.tree(there))), (0, 1), shown)
        self.assertEqual(self.homeftp("versions", "--prune", place).returncode, 2)
        code, shown = self.at_terminal("versions", "--prune", place, says=[("for good?", "y\n")])
        self.assertEqual(code, 0, shown)
        self.assertIn("Removed 1 version (3 B)", shown)
        self.assertEqual(self.items("versions", place), [])
