"""Two laptops and one server: neither replaces what it has not seen, unless its person says so."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from homeftp.client import Remotes, SeenScope, SeenStore
from homeftp.config import MIB
from tests.support.cutproxy import Slow
from tests.support.processes import environment, pair, run_homeftp
from tests.support.serving import ServedCase, shared
from tests.support.waiting import wait_until

OLD, NEW = 1_600_000_000, 1_700_000_000


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
        self.now = NEW
        self.place = f"nas:{self.there}/lib"
        self.homes = {"first": self.home, "second": other_home()}
        self.lay_there("lib/a", b"as it was", mtime=OLD)
        self.lay_there("lib/b", b"another", mtime=OLD)
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

    def conflict(self) -> None:
        """The first has pushed a change, and the second has another one."""
        self.edit("first", b"the change of the first", mtime=self.later())
        self.assertEqual(self.push("first")[0], 0)
        self.edit("second", b"another change", mtime=self.later())

    def later(self) -> int:
        """A time after all others."""
        self.now += 10
        return self.now

    def test_terminal(self) -> None:
        """At a terminal the person sees both copies, and who stored the server's, and decides.

        No leaves it, yes replaces it.
        """
        self.conflict()
        self.home = self.homes["second"]
        for answer, code, there in (("n", 1, b"the change of the first"), ("y", 0, b"another change")):
            arguments = ("push", self.copy("second", "a"), f"{self.place}/a")
            ended, shown = self.at_terminal(*arguments, says=[("for help: ", f"{answer}\n")])
            self.assertEqual((ended, self.read_there("lib/a")), (code, there), shown)
            self.assertRegex(shown, r"not seen the copy on the server\. \w+ \([^)]+\) stored it on 2\d{3}-\d\d-")
            self.assertRegex(shown, r"on this machine +14 bytes  2023-11-14")
            self.assertRegex(shown, r"on the server +23 bytes  2023-11-14")

    def test_looking(self) -> None:
        """Who has looked at the other's change may replace it: by cmp, or a get under another name, also with cat."""
        for look in (
            ("cmp", self.copy("second"), self.place),
            ("get", f"{self.place}/a", f"{self.here}/theirs"),
            ("get", f"{self.place}/a", "-"),
            ("cat", f"{self.place}/a"),
        ):
            self.conflict()
            self.assertEqual(self.push("second")[1]["a"], "conflict", "a control")
            said = self.on("second", *look)
            self.assertEqual(said.returncode, 1 if look[0] == "cmp" else 0, said.stderr)
            self.assertEqual(self.push("second"), (0, {"a": "replaced", "b": "same"}), look)
            self.assertEqual(self.on("first", "get", "-r", self.place, self.copy("first")).returncode, 0)

    def test_other_name(self) -> None:
        """A server that has two names on a machine is one server; removing one of them forgets nothing."""
        folder = os.path.join(self.homes["second"], "remotes")
        shutil.copy(os.path.join(folder, "nas.json"), os.path.join(folder, "same.json"))
        self.edit("second", b"a change", mtime=NEW)
        said = self.on("second", "push", self.copy("second", "a"), f"same:{self.there}/lib/a")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(self.on("second", "remote", "remove", "same").returncode, 0)
        self.edit("second", b"another change", mtime=NEW + 1)
        self.assertEqual(self.push("second"), (0, {"a": "replaced", "b": "same"}), "it has a name left")

    def test_lost(self) -> None:
        """Without its memory and its hashes a machine asks; damage is put aside, and the person is told so."""
        path = os.path.join(self.homes["second"], "seen.sqlite")
        for lose in (os.unlink, damage):
            self.conflict()
            self.assertEqual(self.push("second", "--force")[0], 0)
            lose(path)
            shutil.rmtree(os.path.join(self.homes["second"], "cache"))
            self.edit("second", b"its next change", mtime=self.later())
            said = self.on("second", "push", self.copy("second", "a"), f"{self.place}/a")
            self.assertEqual(said.returncode, 1, said.stderr)
            self.assertIn("conflict: a", said.stderr)
            self.assertEqual("was damaged" in said.stderr, lose is damage, said.stderr)
            self.assertEqual(self.on("second", "cmp", self.copy("second"), self.place).returncode, 1)
            self.assertEqual(self.push("second")[0], 0)
            self.assertEqual(self.on("first", "get", "-r", self.place, self.copy("first")).returncode, 0)

    def test_upgraded(self) -> None:
        """A machine that has no memory yet knows what its own files held: it asks only about changes of others."""
        self.conflict()
        self.assertEqual(self.push("second", "--force")[0], 0)
        os.unlink(os.path.join(self.homes["second"], "seen.sqlite"))
        self.edit("second", b"its next change", mtime=self.later())
        self.assertEqual(self.push("second")[1]["a"], "replaced")
        os.unlink(os.path.join(self.homes["second"], "seen.sqlite"))
        self.assertEqual(self.on("first", "get", "-r", self.place, self.copy("first")).returncode, 0)
        self.conflict()
        self.assertEqual(self.push("second")[1]["a"], "conflict", "the control")

    def test_together(self) -> None:
        """Several commands of one machine share the memory, and lose nothing of it."""
        names = [str(number) for number in range(8)]
        for name in names:
            self.edit("second", b"new", name=f"{name}/x", mtime=OLD)

        def push(name: str) -> int:
            return self.on("second", "push", "-r", self.copy("second", name), f"{self.place}/{name}").returncode

        with ThreadPoolExecutor(len(names)) as pool:
            self.assertEqual(set(pool.map(push, names)), {0})
        for name in names:
            self.edit("second", b"changed", name=f"{name}/x", mtime=NEW)
        code, outcomes = self.push("second")
        self.assertEqual((code, {outcomes[f"{name}/x"] for name in names}), (0, {"replaced"}))

    def test_no_lost_update(self) -> None:
        """Two laptops add lines to one file at once, and fetch it again after each conflict: no line is lost."""
        rounds = 4
        conflicts = []

        def add_lines(laptop: str) -> None:
            path, added = self.copy(laptop, "a"), 0
            while added < rounds:
                self.assertEqual(self.on(laptop, "get", "--force", f"{self.place}/a", path).returncode, 0)
                with open(path, "a") as file:
                    file.write(f"\n{laptop} {added}")
                pushed = self.on(laptop, "push", path, f"{self.place}/a").returncode
                conflicts.append(pushed)
                added += pushed == 0

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(add_lines, self.homes))
        lines = self.read_there("lib/a").decode().splitlines()[1:]
        self.assertEqual(sorted(lines), sorted(f"{name} {number}" for name in self.homes for number in range(rounds)))
        self.assertEqual([line for line in lines if line.startswith("first")], [f"first {n}" for n in range(rounds)])
        self.assertLessEqual(set(conflicts), {0, 1})

    def test_killed(self) -> None:
        """A push that is killed has remembered what the server had acknowledged."""
        self.edit("second", b"small", name="new/small", mtime=OLD)
        self.edit("second", os.urandom(32 * MIB), name="new/zbig", mtime=OLD)
        slow = Slow(self.server.ports[0], [])
        self.addCleanup(slow.close)
        home = os.path.abspath(self.mktemp())
        shutil.copytree(self.homes["second"], home)
        record = os.path.join(home, "remotes", "nas.json")
        with open(record) as file:
            fields = json.load(file)
        with open(record, "w") as file:
            json.dump({**fields, "addresses": [f"127.0.0.1:{slow.port}"]}, file)
        self.homes["second"] = home
        pushing = subprocess.Popen(
            [sys.executable, "-m", "homeftp", "push", "-r", self.copy("second", "new"), f"{self.place}/new"],
            env=environment(HOMEFTP_HOME=home),
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(pushing.wait)
        self.addCleanup(pushing.kill)
        store = SeenStore(os.path.join(home, "seen.sqlite"))
        self.addCleanup(store.close)
        (remote,) = Remotes(home).all()
        place, small = SeenScope(remote.fingerprint, "ann"), f"{self.there}/lib/new/small"
        wait_until(lambda: small in store.last(place, [small]))
        self.assertIsNone(pushing.poll(), "the control: it is still pushing")
        pushing.kill()
        self.edit("second", b"changed", name="new/small", mtime=NEW)
        said = self.on("second", "push", self.copy("second", "new/small"), f"{self.place}/new/small")
        self.assertEqual(said.returncode, 0, said.stderr)


def damage(path: str) -> None:
    """Overwrite the beginning of a database."""
    with open(path, "r+b") as file:
        file.write(b"\xff" * 512)
