"""`homeftp sync` with real processes: two laptops and one server, with and without a terminal."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from typing import Any, Sequence

from homeftp.client.sync.local.marker import FolderLock
from tests.support import needs
from tests.support.mounts import exfat, held
from tests.support.processes import WITHIN, run_homeftp
from tests.support.serving import ServedCase
from tests.support.syncs import contents, versions_in
from tests.support.terminals import TerminalProcess
from tests.support.waiting import wait_until
from tests.system.cli.test_last_seen import other_home

MOST_AT_REST = 60_000_000
"""Bytes that a watch may have in memory while it waits."""

NEEDED_BEFORE = 5_000_000
"""Bytes that it has at least given back by then."""


class SyncCommandTests(ServedCase):
    """`first` and `second` are the two laptops; each syncs a folder of its own with the same one of the server."""

    def setUp(self) -> None:
        super().setUp()
        self.place = f"nas:{self.there}/Docs"
        self.homes = {"first": self.home, "second": other_home()}
        self.server_folder = self.server.path(f"{self.there}/Docs")

    def folder(self, laptop: str) -> str:
        """The folder of a laptop."""
        return os.path.join(self.here, laptop)

    def command(self, laptop: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a sync, without a terminal."""
        return run_homeftp("sync", *words, HOMEFTP_HOME=self.homes[laptop])

    def sync(self, laptop: str, *options: str, code: int = 0) -> str:
        """Sync a laptop; gives what was printed on standard error."""
        said = self.command(laptop, "-y", *options, self.folder(laptop), self.place)
        self.assertEqual((said.returncode, said.stdout), (code, ""), said.stderr)
        return said.stderr

    def lines(self, laptop: str, *options: str, code: int) -> Sequence[dict[str, Any]]:
        """Sync with --json; gives its lines."""
        said = self.command(laptop, "--json", *options, self.folder(laptop), self.place)
        self.assertEqual(said.returncode, code, said.stderr)
        return [json.loads(line) for line in said.stdout.splitlines()]

    def test_other_sync_meanwhile(self) -> None:
        """A sync that has waited for another one takes nothing for the same that the other one has deleted."""
        for name in ("photos/1", "photos/2", "x/y", "z", "z2", "z3"):
            self.lay(f"first/{name}", name.encode())
        self.sync("first")
        photos, away = os.path.join(self.folder("first"), "photos"), os.path.join(self.here, "away")
        lock = FolderLock(self.folder("first"))
        self.addCleanup(lock.release)
        words = [sys.executable, "-m", "homeftp", "sync", "-y", self.folder("first"), self.place]
        environ = {**os.environ, "HOMEFTP_HOME": self.homes["first"]}
        with subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, text=True) as waiting:
            assert waiting.stderr is not None
            self.assertIn("waiting for up to", waiting.stderr.readline())
            waiting.send_signal(signal.SIGSTOP)
            lock.release()
            os.rename(photos, away)
            self.assertIn("deleted", self.sync("first"))
            os.rename(away, photos)
            waiting.send_signal(signal.SIGCONT)
            self.assertIn("new", waiting.stderr.read())
        self.assertEqual(waiting.returncode, 0)
        self.assertIn("Nothing to do", self.sync("first"))
        self.assertEqual(contents(self.folder("first")), contents(self.server_folder))
        self.assertTrue(os.path.isdir(photos))

    def test_two_laptops(self) -> None:
        """What each laptop does reaches the other; a conflict is kept twice; at the end there is nothing to do."""
        self.lay("first/a.txt", b"one")
        self.lay("first/d/x", b"x")
        self.assertIn("2 files and 2 folders new", self.sync("first"))
        self.sync("second")
        self.assertEqual(contents(self.folder("second")), {"a.txt": b"one", "d": None, "d/x": b"x"})
        self.lay("first/a.txt", b"first's")
        self.lay("second/a.txt", b"second's")
        os.rename(f"{self.folder('second')}/d", f"{self.folder('second')}/e")
        for laptop in ("second", "first", "second"):
            self.sync(laptop)
        found = contents(self.server_folder)
        (copy,) = [name for name in found if "conflict from" in name]
        self.assertEqual(found, {"a.txt": b"second's", copy: b"first's", "e": None, "e/x": b"x"})
        for laptop in self.homes:
            self.assertEqual(contents(self.folder(laptop)), found)
            self.assertRegex(self.sync(laptop), r"\ANothing to do \(3 files compared in \d+\.\d s\)\.\n\Z")
        self.assertEqual(versions_in(self.folder("second")), {})

    def test_merge(self) -> None:
        """With --merge edits of different lines become one text, by a version that the server keeps; --plan does so."""
        lines = [f"line {number}\n" for number in range(5)]
        self.lay("first/a.txt", "".join(lines).encode())
        for laptop in self.homes:
            self.sync(laptop)
        self.lay("first/a.txt", "".join(["first\n", *lines[1:]]).encode())
        self.lay("second/a.txt", "".join([*lines[:4], "second\n"]).encode())
        self.sync("second")
        said = self.command("first", "--merge", "--json", "-n", self.folder("first"), self.place)
        plan = self.lay("plan.json", said.stdout.encode())
        done = self.command("first", "--plan", plan)
        self.assertEqual((done.returncode, "1 file merged" in done.stderr), (0, True), done.stderr)
        merged = {"a.txt": "".join(["first\n", *lines[1:4], "second\n"]).encode()}
        self.assertEqual((contents(self.folder("first")), contents(self.server_folder)), (merged, merged))
        self.assertIn("Nothing to do", self.sync("first", "--merge"))

    def test_locked(self) -> None:
        """Beside a process that syncs the folder it says which that is, and syncs when that has ended, not before."""
        self.lay("first/a.txt", b"one")
        lock = FolderLock(self.folder("first"))
        self.addCleanup(lock.release)
        words = [sys.executable, "-m", "homeftp", "sync", "-y", self.folder("first"), self.place]
        process = TerminalProcess(words, HOMEFTP_HOME=self.home)
        self.addCleanup(process.end)
        process.wait_for(f"is being synced by process {os.getpid()}: waiting for up to 30 s")
        self.assertFalse(os.path.exists(self.server_folder))
        lock.release()
        process.wait_for("1 file and 1 folder new")
        self.assertEqual((process.wait(), contents(self.server_folder)), (0, {"a.txt": b"one"}))

    def test_terminal(self) -> None:
        """At a terminal the plan is shown, and nothing is done before a yes."""
        self.lay("first/a.txt", b"one")
        for answer, ended in (("n", "Nothing was changed."), ("y", "1 file and 1 folder new")):
            self.assertFalse(os.path.exists(self.server_folder))
            words = [sys.executable, "-m", "homeftp", "sync", self.folder("first"), self.place]
            process = TerminalProcess(words, HOMEFTP_HOME=self.home)
            self.addCleanup(process.end)
            process.wait_for(r"here -> server  new        a\.txt \(3 B\)\s+1 file to the server \(3 B\)\.")
            process.wait_for(r"Do this\? \[y/N\] ")
            process.type(f"{answer}\n")
            process.wait_for(ended)
        self.assertEqual(contents(self.server_folder), {"a.txt": b"one"})

    def test_no_terminal(self) -> None:
        """Without a terminal it does not ask and does nothing; -n prints the plan, and changes nothing."""
        self.lay("first/a.txt", b"one")
        said = self.command("first", self.folder("first"), self.place)
        self.assertEqual(said.returncode, 2)
        self.assertIn("use -y", said.stderr)
        said = self.command("first", "-n", self.folder("first"), self.place)
        self.assertEqual(said.returncode, 1)
        self.assertEqual(said.stdout, "  here -> server  new        a.txt (3 B)\n1 file to the server (3 B).\n")
        self.assertFalse(os.path.exists(self.server_folder))

    def test_plan_file(self) -> None:
        """A plan that was printed is carried out without a question, by its file alone; not where something changed."""
        self.lay("first/a.txt", b"one")
        said = self.command("first", "--json", "-n", "--exclude", "*.tmp", self.folder("first"), self.place)
        self.assertEqual(said.returncode, 1)
        plan = self.lay("plan.json", said.stdout.encode())
        self.lay("first/b.txt", b"two")
        refused = self.command("first", "--plan", plan)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("make it again", refused.stderr)
        os.unlink(f"{self.folder('first')}/b.txt")
        self.lay("first/left.tmp", b"excluded by the plan")
        done = self.command("first", "--plan", plan)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(contents(self.server_folder), {"a.txt": b"one"})
        self.assertEqual(self.command("first", "--plan", __file__).returncode, 2)

    def test_json(self) -> None:
        """With --json the plan comes first, then each result, then the summary."""
        self.lay("first/a.txt", b"one")
        head, step, result, folder, summary = self.lines("first", "-y", code=0)
        self.assertEqual((head["plan"], head["remote"], head["direction"]), (1, "nas", "both"))
        self.assertEqual((step["act"], step["target"], step["name"]), ("copy", "there", "a.txt"))
        self.assertEqual((result["outcome"], result["name"]), ("new", "a.txt"))
        self.assertEqual((folder["name"], folder["kind"], summary["summary"]), ("", "directory", {"new": 2}))

    def test_guards(self) -> None:
        """A plan that deletes too much is refused with exit code 2, with what allows it."""
        for name in "abcd":
            self.lay(f"first/{name}", name.encode())
        self.sync("first")
        for name in "abc":
            os.unlink(f"{self.folder('first')}/{name}")
        self.assertIn("--max-delete 3", self.sync("first", code=2))
        self.assertEqual(set(contents(self.server_folder)), set("abcd"))
        self.sync("first", "--max-delete", "3")
        self.assertEqual(set(contents(self.server_folder)), {"d"})
        shutil.rmtree(self.folder("first"))
        self.assertIn("is its disk mounted?", self.sync("first", code=2))
        self.sync("first", "--start-over")
        self.assertEqual(contents(self.folder("first")), {"d": b"d"})

    def watch(self, laptop: str, *interpreter: str) -> TerminalProcess:
        """Keep a laptop's folder in step, in a process that is forked, or in an `interpreter` of its own."""
        words = interpreter or (sys.executable, "-m", "homeftp")
        command = [*words, "sync", "-y", "--watch", self.folder(laptop), self.place]
        process = TerminalProcess(command, HOMEFTP_HOME=self.homes[laptop])
        self.addCleanup(process.end)
        process.wait_for("Ctrl-C ends it")
        return process

    def test_allocator(self) -> None:
        """A watch has the C library's allocator, which gives back what Python's keeps."""
        self.lay("first/a.txt", b"one")
        process = self.watch("first", sys.executable, "-W", "default", "-m", "homeftp").process
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            self.assertIn(b"PYTHONMALLOC=malloc", file.read().split(b"\0"))
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            self.assertEqual(file.read().split(b"\0")[1:6], [b"-W", b"default", b"-m", b"homeftp", b"sync"])
        wait_until(lambda: contents(self.server_folder) == {"a.txt": b"one"})

    def test_watch(self) -> None:
        """Two laptops are kept in step: what is written, renamed and deleted on one is so on the other.

        What a person has to look at is printed when it is found, and not with every sync.
        """
        self.lay("first/a.txt", b"one")
        os.symlink(os.curdir, f"{self.folder('first')}/link")
        processes = [self.watch("first"), self.watch("second")]
        second = self.folder("second")
        wait_until(lambda: contents(second) == {"a.txt": b"one"})
        self.lay("first/d/new", b"new")
        wait_until(lambda: contents(second) == {"a.txt": b"one", "d": None, "d/new": b"new"})
        os.rename(f"{second}/d/new", f"{second}/d/renamed")
        os.unlink(f"{second}/a.txt")
        wait_until(lambda: contents(self.folder("first")) == {"d": None, "d/renamed": b"new", "link": None})
        self.assertEqual(processes[0].displayed.count("skipped: link"), 1)
        os.symlink(os.curdir, f"{self.folder('first')}/second link")
        processes[0].wait_for("skipped: second link")
        self.assertEqual(processes[0].displayed.count("skipped: link"), 1)
        for process in processes:
            process.type("\x03")
            self.assertEqual(process.process.wait(WITHIN), 130)

    def test_watch_memory(self) -> None:
        """A watch that waits takes at most 60 MB, also after a change. The control: it has given some back."""
        needs.require("a system that tells what a process has in memory", lambda: os.path.exists("/proc/self/status"))
        self.lay("first/a.txt", b"none")
        process = self.watch("first", sys.executable, "-c", "from homeftp.cli.main import main; main()")

        def resident(field: str) -> int:
            with open(f"/proc/{process.process.pid}/status", encoding="utf-8") as file:
                return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))

        for content in (b"one", b"other"):
            self.lay("first/a.txt", content)
            wait_until(lambda content=content: contents(self.server_folder) == {"a.txt": content})  # type: ignore[misc]
            wait_until(lambda: resident("VmRSS") <= min(MOST_AT_REST, resident("VmHWM") - NEEDED_BEFORE))

    def test_watch_refused(self) -> None:
        """A watch begins and goes on where the server does not take all names, of which none crosses."""
        for name in ("a.txt", "A.txt"):
            self.lay(f"first/{name}", name.encode())
        process = self.watch("first")
        self.assertIn("failed: a.txt: its name differs from 'A.txt' beside it only in case", process.displayed)
        self.lay("first/later", b"later")
        wait_until(lambda: contents(self.server_folder) == {"later": b"later"})

    def test_watch_emptied(self) -> None:
        """A folder that is emptied in parts stops a watch, as one that is emptied at once does, until a person decides.

        What is added goes on to cross then.
        """
        names = [f"{number}" for number in range(8)]
        for name in names:
            self.lay(f"first/{name}", name.encode())
        process = self.watch("first")
        for count, name in enumerate(names[:4], 1):
            os.unlink(f"{self.folder('first')}/{name}")
            wait_until(lambda gone=count: len(contents(self.server_folder)) == 8 - gone)  # type: ignore[misc]
        os.unlink(f"{self.folder('first')}/4")
        process.wait_for("1 of the 4 files on the server would be deleted; there were 8 within the last hour")
        self.assertEqual(set(contents(self.server_folder)), set(names[4:]))
        self.sync("first", "--max-delete", "1")
        self.lay("first/later", b"later")
        wait_until(lambda: set(contents(self.server_folder)) == {*names[5:], "later"})

    def test_watch_part(self) -> None:
        """A watch looks only at the file that has changed. The control: after other patterns it looks at all files."""
        names = {f"d{number % 10}/{number}" for number in range(100)}
        for name in names:
            self.lay(f"first/{name}", name.encode())
        process = self.watch("first")
        trace = os.path.join(self.here, "trace")
        strace = [needs.program("strace"), "-f", "-e", "trace=%file", "-o", trace, "-p", str(process.process.pid)]
        tracer = subprocess.Popen(strace, stderr=subprocess.PIPE, text=True)
        self.addCleanup(tracer.communicate)
        self.addCleanup(tracer.terminate)
        assert tracer.stderr is not None
        self.assertIn("attached", tracer.stderr.readline())

        def looked_at() -> set[str]:
            with open(trace, encoding="utf-8", errors="replace") as file:
                file.seek(begun)
                return set(re.findall(r'/first/(d\d/\d+)"', file.read()))

        def looked_at_for_a_change() -> set[str]:
            content = secrets.token_bytes(8)
            self.lay("first/d3/3", content)
            wait_until(lambda: contents(self.server_folder)["d3/3"] == content)
            return looked_at()

        for _ in range(10):  # the watch begins with a look at all
            begun = os.path.getsize(trace)
            if (found := looked_at_for_a_change()) == {"d3/3"}:
                break
        self.assertEqual(found, {"d3/3"})
        self.lay("first/.homeftpignore", b"*.tmp")
        wait_until(lambda: looked_at() == names)

    def test_case(self) -> None:
        """A name that gets another case on one laptop gets it on the other one, whose disk ignores case."""
        held(self, exfat(self.folder("second")))
        for name in ("a", "d/x", "same", "other"):
            self.lay(f"first/{name}", name.encode())
        for laptop in self.homes:
            self.sync(laptop)
        self.assertTrue(os.path.exists(f"{self.folder('second')}/SAME"), "the control: the disk must ignore case")
        for name in ("a", "d"):
            os.rename(f"{self.folder('first')}/{name}", f"{self.folder('first')}/{name.upper()}")
        self.sync("first")
        self.sync("second")
        expected = {"A": b"a", "D": None, "D/x": b"d/x", "same": b"same", "other": b"other"}
        self.assertEqual(contents(self.folder("second")), expected)
        self.assertIn("Nothing to do", self.sync("second"))

    def test_usage(self) -> None:
        """Wrong words are explained."""
        for words, expected in (
            (("-y", self.place, self.here), "comes first"),
            (("-y", self.here), "homeftp sync Documents nas:Documents"),
            (("--plan", "missing.json"), "cannot be read"),
            (("--plan", "x", "--push"), "a plan says what it is for"),
            (("--watch", "-n", self.here, self.place), "Leave out --dry-run"),
            (("-y", "--merge", "--push", self.here, self.place), "with --push one side is taken as it is"),
            (("--plan", "x", "--merge"), "a plan says what it is for"),
        ):
            said = self.command("first", *words)
            self.assertEqual(said.returncode, 2)
            self.assertIn(expected, said.stderr)
            self.assertNotIn("Traceback", said.stderr)
