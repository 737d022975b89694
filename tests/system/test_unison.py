"""The same changes, synced by homeftp and by Unison: both do the same, or docs/decisions/unison.rst explains why not.

Each scenario has a folder of its own in one tree, so that each program syncs them all at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any, Callable, Mapping, NamedTuple

from tests.support import needs
from tests.support.processes import environment, run_homeftp
from tests.support.serving import ServedCase
from tests.support.synccopies import AFTER, BEFORE, FILES, LATER, Both, Copy, alike, differences
from tests.system.test_docs import table

Change = Callable[[Copy, Copy], Any]
"""What is done on this machine and on the other side."""

ALIKE: Mapping[str, Change] = {
    "edited here": lambda here, there: here.put("a.txt", "two"),
    "edited there": lambda here, there: there.put("a.txt", "two"),
    "edited alike": lambda here, there: (here.put("a.txt", "two"), there.put("a.txt", "two")),
    "deleted here": lambda here, there: here.remove("a.txt"),
    "deleted there": lambda here, there: there.remove("a.txt"),
    "deleted on both sides": lambda here, there: (here.remove("a.txt"), there.remove("a.txt")),
    "renamed here": lambda here, there: here.rename("a.txt", "c.txt"),
    "renamed there to another folder": lambda here, there: there.rename("a.txt", "new/a.txt"),
    "renamed to another case": lambda here, there: here.rename("a.txt", "A.txt"),
    "renamed differently": lambda here, there: (here.rename("a.txt", "c.txt"), there.rename("a.txt", "e.txt")),
    "copied": lambda here, there: shutil.copy2(here.at("a.txt"), here.at("c.txt")),
    "two names exchanged": lambda here, there: (
        here.rename("a.txt", "c"),
        here.rename("b.txt", "a.txt"),
        here.rename("c", "b.txt"),
    ),
    "folder renamed": lambda here, there: here.rename("d", "e"),
    "folder renamed differently": lambda here, there: (here.rename("d", "e"), there.rename("d", "f")),
    "folder deleted": lambda here, there: here.remove("d"),
    "new empty folder": lambda here, there: os.mkdir(here.at("empty")),
    "new folder on both sides": lambda here, there: (here.put("n/here", "new"), there.put("n/there", "other")),
    "folder in place of a file": lambda here, there: (here.remove("a.txt"), here.put("a.txt/x", "new")),
    "file in place of a folder": lambda here, there: (there.remove("d"), there.put("d", "new")),
    "created alike": lambda here, there: (here.put("n", "new"), there.put("n", "new")),
    "new empty file": lambda here, there: here.put("n", ""),
    "mode changed": lambda here, there: here.chmod("a.txt", 0o600),
    "mode of a folder changed": lambda here, there: there.chmod("d", 0o700),
    "time changed": lambda here, there: here.touch("a.txt", AFTER),
}
"""What both programs do alike, and so that both sides are the same."""


class Difference(NamedTuple):
    """A scenario of which the programs make different things."""

    change: Change
    homeftp: Both | None
    """None: it leaves both sides as they are."""
    unison: Both | None = None


COPY = "a (conflict from MACHINE DAY).txt"

RENAMED = {f"d/{name}": None for name in ("x", "y", "sub", "sub/z")} | {"d": None}
"""The names of a folder that has got another."""

MOVED = {"e": "folder 755", "e/x": "x 644 before", "e/y": "yy 644 before", "e/sub": "folder 755"}
MOVED |= {"e/sub/z": "zzz 644 before"}

EMPTIED = {"d/sub": None, "d/sub/z": None, "d/y": None}

DIFFERENT: Mapping[str, Difference] = {
    "edited differently on both sides": Difference(
        lambda here, there: (here.put("a.txt", "two"), there.put("a.txt", "three", LATER)),
        Both(*[{"a.txt": "three 644 later", COPY: "two 644 after"}] * 2),
    ),
    "created differently on both sides": Difference(
        lambda here, there: (here.put("n", "new"), there.put("n", "other", LATER)),
        Both(*[{"n": "other 644 later", "n (conflict from MACHINE DAY)": "new 644 after"}] * 2),
    ),
    "a file created on one side, and a folder of that name on the other": Difference(
        lambda here, there: (here.put("n", "new"), there.put("n/x", "other", LATER)),
        Both(*[{"n": "folder 755", "n/x": "other 644 later", "n (conflict from MACHINE DAY)": "new 644 after"}] * 2),
    ),
    "edited on one side, deleted on the other": Difference(
        lambda here, there: (here.remove("a.txt"), there.put("a.txt", "two")), alike(a_txt="two 644 after")
    ),
    "edited on one side, renamed on the other": Difference(
        lambda here, there: (here.rename("a.txt", "c.txt"), there.put("a.txt", "two")),
        alike(a_txt=None, c_txt="two 644 after"),
        Both(
            {"a.txt": None, "c.txt": "one 644 before"},
            {"a.txt": "two 644 after", "c.txt": "one 644 before"},
        ),
    ),
    "edited in a folder that was renamed on the other side": Difference(
        lambda here, there: (here.rename("d", "e"), there.put("d/x", "two")),
        Both(*[{**RENAMED, **MOVED, "e/x": "two 644 after"}] * 2),
        Both({**RENAMED, **MOVED}, {**MOVED, "d/x": "two 644 after"}),
    ),
    "created in a folder that was renamed on the other side": Difference(
        lambda here, there: (here.rename("d", "e"), there.put("d/new", "new")),
        Both(*[{**RENAMED, **MOVED, "e/new": "new 644 after"}] * 2),
        Both({**RENAMED, **MOVED}, {**MOVED, "d/new": "new 644 after"}),
    ),
    "edited in a folder that was deleted on the other side": Difference(
        lambda here, there: (here.remove("d"), there.put("d/x", "two")),
        Both(*[{**EMPTIED, "d/x": "two 644 after"}] * 2),
    ),
    "edited on one side, replaced by a folder on the other": Difference(
        lambda here, there: (here.remove("a.txt"), here.put("a.txt/x", "new"), there.put("a.txt", "two")),
        Both(
            *[
                {
                    "a.txt": "folder 755",
                    "a.txt/x": "new 644 after",
                    "a (conflict from the server DAY).txt": "two 644 after",
                }
            ]
            * 2
        ),
    ),
    "edited in a folder that was replaced by a file on the other side": Difference(
        lambda here, there: (here.remove("d"), here.put("d", "new"), there.put("d/x", "two")),
        Both(*[{**EMPTIED, "d/x": "two 644 after", "d (conflict from MACHINE DAY)": "new 644 after"}] * 2),
    ),
    "deleted on one side, and only mode or time changed on the other": Difference(
        lambda here, there: (here.chmod("a.txt", 0o600), there.remove("a.txt")), alike(a_txt=None)
    ),
    "edited on one side, and only mode or time changed on the other": Difference(
        lambda here, there: (here.chmod("a.txt", 0o600), there.put("a.txt", "two")), alike(a_txt="two 644 after")
    ),
    "mode or time changed differently": Difference(
        lambda here, there: (here.chmod("a.txt", 0o600), there.chmod("a.txt", 0o640)), alike(a_txt="one 640 before")
    ),
    "edited or created alike, at different times": Difference(
        lambda here, there: (here.put("a.txt", "two"), there.put("a.txt", "two", LATER)),
        alike(a_txt="two 644 later"),
    ),
    "renamed on one side, and another file put in its place on the other": Difference(
        lambda here, there: (here.rename("a.txt", "c.txt"), there.put("a.txt", "unrelated")),
        alike(a_txt=None, c_txt="unrelated 644 after"),
        Both(
            {"a.txt": None, "c.txt": "one 644 before"},
            {"a.txt": "unrelated 644 after", "c.txt": "one 644 before"},
        ),
    ),
    "content removed from a file": Difference(
        lambda here, there: here.put("a.txt", ""), None, alike(a_txt="644 after")
    ),
    "edited, but size and time are as before": Difference(
        lambda here, there: here.put("a.txt", "two", BEFORE), alike(a_txt="two 644 before")
    ),
    "symbolic link": Difference(lambda here, there: os.symlink("a.txt", here.at("link")), None, alike(link="-> a.txt")),
    "created with names that differ only in case": Difference(
        lambda here, there: (here.put("N", "new"), there.put("n", "other")),
        Both({"N": "new 644 after", "n": "other 644 after"}, {"n": "other 644 after"}),
        alike(N="new 644 after", n="other 644 after"),
    ),
    "two names created on one side that differ only in case": Difference(
        lambda here, there: (here.put("N", "new"), here.put("n", "other")),
        None,
        alike(N="new 644 after", n="other 644 after"),
    ),
    "created with a name that other systems cannot hold": Difference(
        lambda here, there: here.put("CON", "new"),
        Both({"CON": "new 644 after"}, {"\u201b\uff23ON": "new 644 after"}),
        alike(CON="new 644 after"),
    ),
}
"""What docs/decisions/unison.rst explains."""

MOST_DELETED = "more than half of all files deleted"

Pairs = Mapping[str, tuple[Copy, Copy]]
"""The two copies of each scenario's folder."""


class UnisonTests(ServedCase):
    """A folder that each program has synced with another: homeftp with the server's, Unison with a local one."""

    def setUp(self) -> None:
        super().setUp()
        needs.program("unison")
        self.home = os.path.join(self.here, "client")
        shutil.copytree(os.path.join(self.server.folder, "client"), self.home)
        self.tops = {
            "homeftp": (os.path.join(self.here, "homeftp"), self.server.path(f"{self.there}/homeftp")),
            "unison": (os.path.join(self.here, "unison"), os.path.join(self.here, "other")),
        }
        os.makedirs(self.tops["unison"][1])

    def sync(self, program: str) -> int:
        """Sync with a program; gives its exit code."""
        here, there = self.tops[program]
        if program == "homeftp":
            said = run_homeftp("sync", "-y", here, f"nas:{self.there}/homeftp", HOMEFTP_HOME=self.home)
            self.assertNotIn("Traceback", said.stderr)
        else:
            words = ("-batch", "-auto", "-times", "-ui", "text", "-silent", here, there)
            variables = environment(UNISON=os.path.join(self.here, "archives"))
            said = subprocess.run(
                ["unison", *words], env=variables, capture_output=True, text=True, check=False, timeout=60
            )
        return said.returncode

    def agree(self, program: str, scenarios: Mapping[str, object]) -> Pairs:
        """Let both sides agree on the files of all scenarios."""
        here, there = self.tops[program]
        pairs = {}
        for number, name in enumerate(scenarios):
            pairs[name] = tuple(Copy(os.path.join(top, str(number)), f"{number}:") for top in (here, there))
            for path, content in FILES.items():
                pairs[name][0].put(path, content, BEFORE)
        self.assertEqual(self.sync(program), 0)
        return {name: (one, other) for name, (one, other) in pairs.items()}

    def results(self, program: str, changes: Mapping[str, Change]) -> Mapping[str, Both | None]:
        """What a program makes of each change; None where both sides stay as they are."""
        pairs = self.agree(program, changes)
        first = next(iter(pairs.values()))[0].files()
        before = {}
        for name, (here, there) in pairs.items():
            changes[name](here, there)
            before[name] = here.files(), there.files()
        self.sync(program)
        found: dict[str, Both | None] = {}
        for name, (here, there) in pairs.items():
            now = here.files(), there.files()
            stays = now == before[name] and now[0] != now[1]
            found[name] = None if stays else Both(*(differences(side, first) for side in now))
        return found

    def test_alike(self) -> None:
        """These changes cross in the same way, and both sides are the same afterwards."""
        found = self.results("homeftp", ALIKE)
        self.assertEqual(found, self.results("unison", ALIKE))
        for name, both in found.items():
            assert both is not None, name
            self.assertEqual(both.here, both.there, name)
            self.assertTrue(both.here or name == "two names exchanged", f"the control: {name} must change something")

    def test_different(self) -> None:
        """These changes are treated as the table of differences says."""
        changes = {name: each.change for name, each in DIFFERENT.items()}
        for program, expected in (
            ("homeftp", {name: each.homeftp for name, each in DIFFERENT.items()}),
            ("unison", {name: each.unison for name, each in DIFFERENT.items()}),
        ):
            found = self.results(program, changes)
            for name in DIFFERENT:
                self.assertEqual(found[name], expected[name], f"{program}: {name}")

    def test_explained(self) -> None:
        """The table has each difference."""
        self.assertEqual({row[0] for row in table("decisions/unison.rst")}, {*DIFFERENT, MOST_DELETED})

    def test_empty_side(self) -> None:
        """Neither program deletes everything because one side is empty, as where a disk is not mounted."""
        for program, tops in self.tops.items():
            pairs = self.agree(program, {"all": None})
            for emptied, copy in zip(tops, reversed(pairs["all"]), strict=True):
                before = copy.files()
                os.rename(emptied, f"{emptied} unmounted")
                os.mkdir(emptied)
                self.assertNotEqual(self.sync(program), 0)
                self.assertEqual((copy.files(), os.listdir(emptied)), (before, []))
                os.rmdir(emptied)
                os.rename(f"{emptied} unmounted", emptied)
                self.assertEqual(self.sync(program), 0)

    def test_most_deleted(self) -> None:
        """Where most files were deleted, homeftp stops, and Unison does not."""
        for program, stops in (("homeftp", True), ("unison", False)):
            here, there = self.agree(program, {"all": None})["all"]
            here.remove("d")
            here.remove("a.txt")
            self.assertEqual(self.sync(program) != 0, stops)
            self.assertEqual("a.txt" in there.files(), stops)

    def test_lost_archive(self) -> None:
        """Where what was agreed on is lost, nothing else is: both programs bring back what was deleted on one side."""
        for program in self.tops:
            here, there = self.agree(program, {"all": None})["all"]
            before = here.files()
            here.remove("a.txt")
            there.remove("d")
            for path in (os.path.join(self.here, "archives"), self.home):
                for name in os.listdir(path) if os.path.isdir(path) else ():
                    if name.startswith(("ar", "fp", "sync.sqlite")):
                        os.unlink(os.path.join(path, name))
            self.assertEqual(self.sync(program), 0)
            self.assertEqual((here.files(), there.files()), (before, before), program)
