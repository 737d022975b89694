"""Several saved pairs in one process: `homeftp sync` with sync.toml, real folders and real servers."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from typing import Any

from tests.support.mounts import mounted
from tests.support.ports import reserved_listen
from tests.support.processes import WITHIN, ServerProcess, pair, run_homeftp
from tests.support.serving import ServedCase
from tests.support.syncs import contents
from tests.support.terminals import TerminalProcess
from tests.support.waiting import wait_until


class PairCase(ServedCase):
    """A client with a folder of its own, which knows the shared server as nas."""

    def setUp(self) -> None:
        super().setUp()
        self.home = tempfile.mkdtemp(dir=self.here)
        pair(self.server, self.home)
        self.servers = ["nas"]
        """The servers that a status is asked about; without names it would look for servers of this machine, too."""
        for name in ("docs", "music"):
            self.lay(f"{name}/{name}.txt", name.encode())

    def folder(self, name: str) -> str:
        """A folder here."""
        return os.path.join(self.here, name)

    def there_folder(self, name: str) -> str:
        """Its other side."""
        return self.server.path(f"{self.there}/{name}")

    def sync(self, *words: str, code: int = 0) -> str:
        """Sync; gives what was printed, on standard error first."""
        said = run_homeftp("sync", *words, HOMEFTP_HOME=self.home)
        self.assertEqual(said.returncode, code, said.stderr)
        self.assertNotIn("Traceback", said.stderr)
        return said.stderr + said.stdout

    def save(self, name: str, *options: str, server: str = "nas") -> None:
        """Sync a folder, and save the pair."""
        self.sync("-y", "-q", "--save", *options, self.folder(name), f"{server}:{self.there}/{name}")

    def status(self) -> dict[str, dict[str, Any]]:
        """The status of each pair, by the last name of its folder."""
        said = run_homeftp("status", *self.servers, "--json", HOMEFTP_HOME=self.home)
        self.assertEqual(said.stderr, "")
        return {os.path.basename(each["folder"]): each for each in json.loads(said.stdout)["pairs"]}

    def watch(self, **variables: str) -> TerminalProcess:
        """Keep all saved pairs in step."""
        variables = {"HOMEFTP_HOME": self.home, **variables}
        process = TerminalProcess([sys.executable, "-m", "homeftp", "sync", "--watch"], **variables)
        self.addCleanup(process.end)
        process.wait_for("Ctrl-C ends it")
        return process


class SavedPairTests(PairCase):
    """What is saved, and what is done with it."""

    def test_saved(self) -> None:
        """Saved pairs are listed, synced together or alone, and forgotten."""
        self.save("docs", "--exclude", "*.tmp")
        self.save("music", "--push")
        docs, music = self.folder("docs"), self.folder("music")
        self.assertEqual(
            self.sync("--list"), f"{docs}  nas:{self.there}/docs\n{music}  nas:{self.there}/music (--push)\n"
        )
        self.lay("docs/new")
        self.lay("docs/left.tmp")
        self.lay("music/new")
        said = self.sync("-y")
        self.assertIn(f"{docs}: 1 file new", said)
        self.assertIn(f"{music}: 1 file new", said)
        self.assertEqual(set(contents(self.there_folder("docs"))), {"docs.txt", "new"})
        os.unlink(f"{docs}/new")
        self.assertIn("1 file deleted", self.sync("-y", docs))
        self.sync("--forget", docs)
        self.assertNotIn(docs, self.sync("--list"))
        self.assertIn("has no saved pair", self.sync("-y", docs, code=2))

    def test_asked(self) -> None:
        """At a terminal each pair is asked about, under its folder; a no to one leaves the others as they are."""
        self.save("docs")
        self.save("music")
        for name in ("docs", "music"):
            self.lay(f"{name}/new")
        process = TerminalProcess([sys.executable, "-m", "homeftp", "sync"], HOMEFTP_HOME=self.home)
        self.addCleanup(process.end)
        for name, answer, ended in (("docs", "n", "Nothing was changed"), ("music", "y", "1 file new")):
            process.wait_for(rf"{self.folder(name)}:\s+here -> server  new        new \(7 B\)[^?]*\? \[y/N\] ")
            process.type(f"{answer}\n")
            process.wait_for(f"{self.folder(name)}: {ended}")
        self.assertEqual(process.wait(), 1)
        self.assertEqual(set(contents(self.there_folder("docs"))), {"docs.txt"})
        self.assertEqual(set(contents(self.there_folder("music"))), {"music.txt", "new"})

    def test_json(self) -> None:
        """With --json each result and each summary has its pair, and each plan its folder."""
        self.save("docs")
        self.save("music")
        self.lay("music/new")
        lines = [json.loads(line) for line in self.sync("-y", "--json").splitlines()]
        self.assertEqual([each["local"] for each in lines if "plan" in each], [self.folder("music")])
        self.assertEqual([each["pair"] for each in lines if "outcome" in each], [self.folder("music")])
        summaries = [each["pair"] for each in lines if "summary" in each]
        self.assertEqual(summaries, [self.folder("docs"), self.folder("music")])

    def test_one_fails(self) -> None:
        """A pair whose server is not known is a message; the others are synced, and the exit code tells."""
        self.save("docs")
        self.save("music")
        file = os.path.join(self.home, "sync.toml")
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
        with open(file, "w", encoding="utf-8") as opened:
            opened.write(text.replace("nas:", "gone:", 1))
        self.lay("docs/new")
        self.lay("music/new")
        said = self.sync("-y", code=2)
        self.assertIn(f"{self.folder('docs')}: this machine knows no server named gone", said)
        self.assertEqual(set(contents(self.there_folder("music"))), {"music.txt", "new"})
        self.assertEqual(set(contents(self.there_folder("docs"))), {"docs.txt"})

    def test_refused(self) -> None:
        """What is not for all pairs, what is in nobody's file, and a file with a mistake are explained."""
        self.assertIn("all saved pairs", self.sync("-y", code=2))
        self.save("docs")
        self.assertIn("are for one pair", self.sync("-y", "--push", code=2))
        self.assertIn("has no pair with the folder", self.sync("--forget", self.here, code=2))
        with open(os.path.join(self.home, "sync.toml"), "a", encoding="utf-8") as opened:
            opened.write('\n[[pair]]\nfolder = "/x"\nremote = "nas:x"\ndirecton = "push"\n')
        self.assertIn(
            "sync.toml, line 8: 'directon' is not a key of a pair: did you mean direction?", self.sync(code=2)
        )


class WatchedPairTests(PairCase):
    """Two pairs that one process keeps in step."""

    def is_away(self) -> bool:
        """Whether the status shows that the server of the music is away."""
        found = self.status()["music"]
        return "trying again" in found["doing"] or "nothing listens" in found["problem"]

    def test_both(self) -> None:
        """Changes cross in both pairs, in both directions; a second process says who does it already."""
        self.save("docs")
        self.save("music")
        process = self.watch()
        for name in ("docs", "music"):
            self.lay(f"{name}/here", b"from here")
            there = self.there_folder(name)
            wait_until(lambda there=there: "here" in contents(there))  # type: ignore[misc]
            pushed = self.homeftp("push", self.lay("there", b"from there"), f"nas:{self.there}/{name}/there")
            self.assertEqual(pushed.returncode, 0, pushed.stderr)
            wait_until(lambda name=name: "there" in contents(self.folder(name)))  # type: ignore[misc]
        for found in self.status().values():
            self.assertEqual((found["pid"], found["saved"]), (process.process.pid, True))
        wait_until(lambda: all(each["in_step_us"] for each in self.status().values()))
        self.assertIn(f"by process {process.process.pid}", self.sync("--watch", code=2))
        said = self.sync("--watch", "-y", self.folder("docs"), f"nas:{self.there}/docs", code=2)
        self.assertIn(f"is kept in step by process {process.process.pid} already", said)
        process.type("\x03")
        self.assertEqual(process.process.wait(WITHIN), 130)

    def test_disk_away(self) -> None:
        """A disk that was unmounted, and comes back, is noticed within seconds, and meanwhile the status says why.

        The ten minutes after which everything is compared are longer than this test waits.
        """
        disk = os.path.join(self.here, "disk")
        os.makedirs(disk)
        folder = self.folder("docs")
        with mounted(folder, "--bind", disk):
            self.lay("docs/a", b"a")
            self.save("docs")
            self.watch()
            wait_until(lambda: self.status()["docs"]["in_step_us"])
        wait_until(lambda: "is its disk mounted?" in self.status()["docs"]["problem"])
        with mounted(folder, "--bind", disk):
            wait_until(lambda: not self.status()["docs"]["problem"])
            self.lay("docs/new", b"new")
            wait_until(lambda: "new" in contents(self.there_folder("docs")))

    def test_saved_meanwhile(self) -> None:
        """A pair that is saved while a watch runs is kept in step, too, and one that is forgotten no more."""
        self.save("docs")
        process = self.watch()
        self.save("music")
        wait_until(lambda: self.status()["music"]["pid"] == process.process.pid, self.status)
        self.lay("music/later")
        wait_until(lambda: "later" in contents(self.there_folder("music")))
        self.sync("--forget", self.folder("docs"))
        wait_until(lambda: set(self.status()) == {"music"})

    def test_decided_beside(self) -> None:
        """What stops a watch is decided by a sync beside it, after which the watch has nothing to complain of."""
        for name in "abcd":
            self.lay(f"docs/{name}")
        self.save("docs")
        watch = self.watch().process
        wait_until(lambda: self.status()["docs"]["pid"])
        watch.send_signal(signal.SIGSTOP)  # to the watch they are gone at once
        for name in "abc":
            os.unlink(f"{self.folder('docs')}/{name}")
        watch.send_signal(signal.SIGCONT)
        wait_until(lambda: self.status()["docs"]["needs_person"], self.status)
        self.assertIn("--max-delete 3", self.status()["docs"]["problem"])
        self.assertEqual(set(contents(self.there_folder("docs"))), {"docs.txt", *"abcd"})
        self.sync("-y", "--max-delete", "3", self.folder("docs"))
        wait_until(lambda: not self.status()["docs"]["problem"], self.status)
        self.assertEqual(set(contents(self.there_folder("docs"))), {"docs.txt", "d"})
        self.lay("docs/d", b"")
        wait_until(lambda: self.status()["docs"]["waiting"], self.status)
        self.assertEqual(self.status()["docs"]["waiting"][0]["outcome"], "suspicious")
        self.sync("-y", "--prefer", "here", self.folder("docs"))
        wait_until(lambda: not self.status()["docs"]["waiting"], self.status)
        self.assertEqual(contents(self.there_folder("docs"))["d"], b"")

    def test_desktop(self) -> None:
        """A conflict is shown on the desktop once, by the program notify-send."""
        program, output = self.lay("bin/notify-send"), self.folder("output")
        with open(program, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nprintf "%s|" "$@" >> {output}\necho >> {output}\n')
        os.chmod(program, 0o755)
        self.save("docs")
        self.lay("docs/docs.txt", b"here")
        with open(f"{self.there_folder('docs')}/docs.txt", "wb") as theirs:
            theirs.write(b"there")
        self.watch(PATH=f"{os.path.dirname(program)}:{os.environ['PATH']}")
        wait_until(lambda: self.status()["docs"]["conflicts"])
        self.lay("docs/later")
        wait_until(lambda: "later" in contents(self.there_folder("docs")))

        def shown() -> str:
            if not os.path.exists(output):
                return ""
            with open(output, encoding="utf-8") as file:
                return file.read()

        wait_until(lambda: shown().endswith("\n"), shown)
        self.assertEqual(shown(), "--app-name=homeftp|--|docs: 1 conflict: both sides had changed|docs.txt|\n")

    def test_killed(self) -> None:
        """A process that was killed is not shown as running, and what it knew last is."""
        self.save("docs")
        process = self.watch()
        wait_until(lambda: self.status()["docs"]["in_step_us"])
        self.assertEqual(self.status()["docs"]["pid"], process.process.pid)
        process.process.kill()
        process.process.wait()
        found = self.status()["docs"]
        self.assertEqual((found["pid"], found["in_step_us"] is None), (None, False))
        self.assertIn(
            "no watch is running, last compared 2", run_homeftp("status", "nas", HOMEFTP_HOME=self.home).stdout
        )

    def test_server_away(self) -> None:
        """A pair whose server is away does not stop the other, and is in step when the server is back."""
        other = ServerProcess(folder=tempfile.mkdtemp(dir=self.here), listen=reserved_listen())
        self.addCleanup(other.end)
        pair(other, self.home, "other")
        self.servers.append("other")
        self.save("docs")
        self.save("music", server="other")
        process = self.watch()
        other.end(signal.SIGKILL)
        wait_until(self.is_away, self.status)
        self.lay("music/late", b"late")
        self.lay("docs/here", b"here")
        wait_until(lambda: "here" in contents(self.there_folder("docs")))
        wait_until(self.is_away, self.status)
        again = ServerProcess(folder=other.folder, listen=other.listen)
        self.addCleanup(again.end)
        wait_until(lambda: "late" in contents(again.path(f"{self.there}/music")), lambda: process.displayed)
        wait_until(lambda: self.status()["music"]["in_step_us"], self.status)
        self.assertEqual(self.status()["music"]["problem"], "")
