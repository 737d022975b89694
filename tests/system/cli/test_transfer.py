"""`homeftp push`, `get`, `cmp` and `ls`: what they do, say and end with."""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from homeftp.client.files.names import is_partial_name
from homeftp.config import MIB, RESUMABLE
from tests.support.cutproxy import Slow
from tests.support.mounts import memory
from tests.support.processes import ServerProcess, add_remote, environment, run_homeftp
from tests.support.serving import ServedCase
from tests.support.terminals import TerminalProcess
from tests.support.waiting import wait_until

OLD, NEW = 1_600_000_000, 1_700_000_000


class TransferTests(ServedCase):
    """Without a terminal."""

    def test_round_trip(self) -> None:
        """A tree goes up, is the same, comes down, is the same; a change on either side is found."""
        self.lay("lib/a")
        self.lay("lib/x/b", b"")
        place = f"nas:{self.there}/lib"
        for arguments in (("push", "-r", f"{self.here}/lib", place), ("cmp", f"{self.here}/lib", place)):
            said = self.homeftp(*arguments)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertEqual(said.stdout, "")
        self.assertEqual(self.homeftp("get", "-r", place, f"{self.here}/out").returncode, 0)
        self.assertEqual(subprocess.run(["diff", "-r", f"{self.here}/lib", f"{self.here}/out"]).returncode, 0)
        self.lay("lib/a", b"changed")
        for places in ((f"{self.here}/lib", place), (place, f"{self.here}/lib")):
            said = self.homeftp("cmp", *places)
            found = "suspicious: a (content, though size and time are the same)\n"
            self.assertEqual((said.returncode, said.stdout), (1, found))
        said = self.homeftp("cmp", f"{self.here}/missing", place)
        self.assertEqual(said.returncode, 2)

    def test_statuses(self) -> None:
        """Each way to end has its status and its one line."""
        path = self.lay("a", b"old", mtime=OLD)
        place = self.lay_there("a", b"newer", mtime=NEW)
        fifo = self.mktemp()
        os.mkfifo(fifo)
        for status, words, arguments in [
            (1, "has not seen", ("push", path, place)),
            (1, "", ("cmp", path, place)),
            (1, "newer", ("push", path, place)),
            (0, "", ("push", "--ignore-existing", self.lay("new"), f"nas:{self.there}/")),
            (1, "1 file exists", ("push", "--ignore-existing", path, place)),
            (0, "1 file replaced", ("push", "--force", path, place)),
            (2, "does not exist", ("push", f"{self.here}/missing", place)),
            (2, "nothing on this machine matches", ("push", f"{self.here}/*.jpg", place)),
            (2, "-r", ("push", self.here, place)),
            (2, "NAME:PATH", ("push", path, path)),
            (2, "no server named other", ("push", path, "other:x")),
            (2, "leaves the share", ("push", path, "nas:../x")),
            (2, "one server", ("get", "nas:a", "other:a", self.here)),
            (2, "NAME:PATH", ("get", path, self.here)),
            (2, "on a server", ("cmp", path, path)),
            (3, "does not exist", ("get", f"nas:{self.there}/missing", self.here)),
            (3, "is a file", ("get", f"{place}/", self.here)),
            (2, "-r", ("get", f"nas:{self.there}", self.here)),
            (2, "is a folder", ("get", "nas:", self.here)),
            (2, "standard output takes a file", ("get", "-r", f"nas:{self.there}", "-")),
            (3, "is a directory, not a file", ("get", f"nas:{self.there}", "-")),
            (2, f"homeftp push - NAME:PATH < {fifo}", ("push", fifo, place)),
            (2, "is a device, a pipe or a socket", ("cmp", fifo, place)),
            (3, "does not exist", ("ls", f"nas:{self.there}/missing")),
            (3, "is a file", ("push", "-r", self.here, place)),
        ]:
            said = self.homeftp(*arguments)
            self.assertEqual(said.returncode, status, (arguments, said.stderr))
            self.assertIn(words, said.stderr)
            self.assertNotIn("Traceback", said.stderr)

    def test_refused_file(self) -> None:
        """A file that the server refuses does not stop the others; the exit code is 3."""
        self.lay("lib/a", b"a file")
        self.lay("lib/b")
        self.lay_there("lib/a/inner")
        said = self.homeftp("push", "-r", f"{self.here}/lib", f"nas:{self.there}/lib")
        self.assertEqual(said.returncode, 3)
        self.assertIn("refused: a:", said.stderr)
        self.assertEqual(self.read_there("lib/b"), b"content")

    def test_cmp_file(self) -> None:
        """A single file that differs is called as it was named."""
        path, place = self.lay("a", b"one"), self.lay_there("a", b"two")
        for first, second in ((path, place), (place, path)):
            said = self.homeftp("cmp", first, second).stdout
            self.assertEqual(said, f"suspicious: {first} (content, though size and time are the same)\n")

    def test_cmp_folder(self) -> None:
        """A folder at one place only is one line, whichever place comes first; -v and --json tell all of it."""
        self.lay("lib/only/x/a")
        self.lay("lib/only/b")
        os.makedirs(self.server.path(f"{self.there}/lib/extra"))
        place = f"nas:{self.there}/lib"
        lines = [
            "only here: only (folder with 2 files and 1 folder)",
            "only on the server: extra (empty folder)",
        ]
        for places in ((f"{self.here}/lib", place), (place, f"{self.here}/lib")):
            said = self.homeftp("cmp", *places)
            self.assertEqual((said.returncode, said.stdout.splitlines()), (1, lines))
        self.assertEqual(len(self.homeftp("cmp", "-v", *places).stdout.splitlines()), 5)
        found = {item["name"]: item for item in self.items("cmp", *places)[:-1]}
        self.assertEqual(
            found["only"],
            {"outcome": "missing", "name": "only", "kind": "directory", "size": 0, "files": 2, "folders": 1},
        )
        self.assertEqual(
            found["only/x/a"],
            {"outcome": "missing", "name": "only/x/a", "kind": "file", "size": 7, "within": "only"},
        )

    def test_left_out(self) -> None:
        """Files that cannot be transferred are named, as text and as JSON, and give 1; a link alone gives 0."""
        self.lay("lib/a")
        os.symlink("a", f"{self.here}/lib/link")
        place = f"nas:{self.there}/lib"
        commands = (
            ("push", "-r", f"{self.here}/lib", place),
            ("cmp", f"{self.here}/lib", place),
            ("get", "-r", place, f"{self.here}/out"),
        )
        for status in (0, 1):
            for command in commands:
                said = self.homeftp(*command, "--strict-names")
                self.assertEqual(said.returncode, status, (command, said.stderr))
                self.assertEqual("failed: what?: its name holds ?" in said.stderr, status == 1)
                found = {item.get("name"): item.get("outcome") for item in self.items(*command, "--strict-names")}
                self.assertEqual(found.get("what?"), "failed" if status else None)
            self.lay("lib/what?")
            self.lay_there("lib/what?")

    def test_json(self) -> None:
        """With --json every file is an object on a line, and the sum is the last."""
        self.lay("lib/a")
        os.symlink("a", f"{self.here}/lib/link")
        items = self.items("push", "-r", f"{self.here}/lib", f"nas:{self.there}/lib")
        self.assertEqual(
            {item.get("name"): item.get("outcome") for item in items[:-1]}, {"link": "skipped", "a": "new", "": "new"}
        )
        self.assertEqual((items[-1]["summary"], items[-1]["folders"]), ({"skipped": 1, "new": 2}, {"new": 1}))
        self.assertEqual(items[-1]["bytes"], 7)
        listed = self.items("ls", "-r", f"nas:{self.there}")
        self.assertEqual([entry["name"] for entry in listed], ["lib", "lib/a"])
        self.assertEqual(listed[1]["size"], 7)

    def test_standard_streams(self) -> None:
        """- is standard input and output; any bytes pass."""
        content = bytes(range(256)) * 20_000
        command = [sys.executable, "-m", "homeftp"]
        env = environment(HOMEFTP_HOME=self.home)
        place = f"nas:{self.there}/stream"
        subprocess.run([*command, "push", "-q", "-", place], input=content, env=env, check=True)
        said = subprocess.run([*command, "get", place, "-"], env=env, check=True, capture_output=True)
        self.assertEqual(hashlib.sha256(said.stdout).digest(), hashlib.sha256(content).digest())
        self.assertEqual(self.homeftp("push", "-", f"nas:{self.there}/", input="x").returncode, 2)
        self.assertEqual(self.homeftp("get", f"nas:{self.there}/missing", "-").returncode, 3)

    def test_no_space_for_standard_input(self) -> None:
        """Standard input that cannot be stored: one line says so, nothing of it stays, and nothing is sent."""
        folder = self.mktemp()
        os.mkdir(folder)
        script = 'ulimit -f 100; trap "" XFSZ; exec "$0" -m homeftp push - "$1"'
        env = environment(HOMEFTP_HOME=self.home, TMPDIR=os.path.abspath(folder))
        place = f"nas:{self.there}/stream"
        for size, status in ((1000, 0), (1_000_000, 2)):
            command = ["sh", "-c", script, sys.executable, place]
            said = subprocess.run(command, input=bytes(size), env=env, capture_output=True, check=False)
            self.assertEqual(said.returncode, status, said.stderr)
            self.assertEqual(len(said.stderr.splitlines()), 1)
            self.assertEqual(os.listdir(folder), [])
        self.assertIn(b"TMPDIR", said.stderr)
        self.assertEqual(self.read_there("stream"), bytes(1000))

    def test_quiet(self) -> None:
        """Piped there is no bar; with --quiet there is nothing at all."""
        said = self.homeftp("push", self.lay("big", bytes(30 * MIB)), f"nas:{self.there}/big")
        self.assertEqual(said.stdout, "")
        self.assertEqual(len(said.stderr.splitlines()), 1)
        said = self.homeftp("get", "--quiet", f"nas:{self.there}/big", f"{self.here}/out")
        self.assertEqual(said.stdout + said.stderr, "")

    def test_names_on_the_terminal(self) -> None:
        """Control characters in a name are printed escaped."""
        self.lay_there("x/\u202egpj.exe")
        said = self.homeftp("ls", f"nas:{self.there}/x")
        self.assertEqual(said.stdout, "\\u202egpj.exe\n")

    def test_long_list(self) -> None:
        """-l shows mode, size and time."""
        self.lay_there("dir/a", b"12345")
        said = self.homeftp("ls", "-l", f"nas:{self.there}/dir")
        self.assertRegex(said.stdout, r"\A-rw-r--r-- +5 B 20\d\d-\d\d-\d\d \d\d:\d\d a\n\Z")

    def test_full_disk(self) -> None:
        """A get onto a disk that is full says so in one line, and leaves nothing; with space it works."""
        place = self.lay_there("big", os.urandom(8 * MIB))
        for size, status, left in ((4, 2, []), (16, 0, ["big"])):
            with memory(os.path.join(self.here, str(size)), f"size={size}m") as disk:
                said = self.homeftp("get", place, f"{disk}/")
                self.assertEqual((said.returncode, os.listdir(disk)), (status, left), said.stderr)
                if status:
                    self.assertEqual(said.stderr, "homeftp: big cannot be written: No space left on device\n")

    def test_same_push_twice(self) -> None:
        """Two processes that push the same file at once both succeed."""
        path = self.lay("big", os.urandom(8 * MIB))
        with ThreadPoolExecutor(2) as pool:
            pushes = list(pool.map(lambda _: self.homeftp("push", path, f"nas:{self.there}/"), range(2)))
        self.assertEqual([said.returncode for said in pushes], [0, 0], [said.stderr for said in pushes])
        self.assertTrue(filecmp.cmp(path, self.server.path(f"{self.there}/big"), shallow=False))


class TerminalTests(ServedCase):
    """With a person at a terminal."""

    def test_asked(self) -> None:
        """The command asks about a file that it has not seen at the target; a answers for all, q ends."""
        for answers, expected, status in [
            (["y\n", "n\n"], [b"old", b"newer"], 1),
            (["x\n", "a\n"], [b"old", b"old"], 0),
            (["q\n"], [b"newer", b"newer"], 1),
        ]:
            for name in ("a", "b"):
                self.lay(f"lib/{name}", b"old", mtime=OLD)
                self.lay_there(f"lib/{name}", b"newer", mtime=NEW)
            says = [("for help: ", answer) for answer in answers]
            arguments = ("push", "-r", f"{self.here}/lib", f"nas:{self.there}/lib")
            ended, shown = self.at_terminal(*arguments, says=says)
            self.assertEqual(ended, status, shown)
            self.assertEqual([self.read_there("lib/a"), self.read_there("lib/b")], expected, shown)


class SlowCase(ServedCase):
    """Over a network that a test makes slow."""

    def slowly(self) -> None:
        """Make the network so slow that no command ends before it is interrupted."""
        slow = Slow(self.server.ports[0], [])
        self.addCleanup(slow.close)
        home = os.path.abspath(self.mktemp())
        shutil.copytree(self.home, home)
        self.home, path = home, os.path.join(home, "remotes", "nas.json")
        with open(path) as file:
            kept = json.load(file)
        with open(path, "w") as file:
            json.dump({**kept, "addresses": [f"127.0.0.1:{slow.port}"]}, file)


class QuestionTests(SlowCase):
    """A question while other files are being transferred."""

    def test_nothing_over_it(self) -> None:
        """While a question is open nothing else is written; what was held back and the progress bar come after it."""
        self.lay("lib/a", b"old", mtime=OLD)
        self.lay_there("lib/a", b"newer", mtime=NEW)
        self.lay("lib/big", os.urandom(64 * MIB))
        # The server learns the hash, so that it need not be asked for that behind the large file.
        self.assertEqual(self.homeftp("verify", f"nas:{self.there}").returncode, 0)
        self.slowly()
        process = TerminalProcess(
            [sys.executable, "-m", "homeftp", "push", "-v", "-r", f"{self.here}/lib", f"nas:{self.there}/lib"],
            HOMEFTP_HOME=self.home,
            TERM="xterm",
        )
        self.addCleanup(process.end)
        process.wait_for("or \\? for help: ")
        incoming = self.server.path(".homeftp/partial")

        def arrived() -> int:
            return sum(os.stat(os.path.join(incoming, name)).st_size for name in os.listdir(incoming))

        wait_until(lambda: arrived() > 2 * RESUMABLE)
        process.type("?\n")
        process.wait_for("(?s)  y  .*or \\? for help: ")
        more = arrived() + RESUMABLE
        wait_until(lambda: arrived() > more)
        process.type("n\n")
        process.wait_for(r"conflict: a.*\n(?s:.*)MB/s")
        first, second, rest = process.displayed.split("or ? for help: ")
        self.assertRegex(
            first, r"a: this machine has not seen the copy on the server\. .*\n  on this machine +3 bytes  2020"
        )
        self.assertRegex(second, r"\A\?\n  y  Replace")
        self.assertTrue(rest.startswith("n\n"), rest)


class InterruptedTests(SlowCase):
    """Transfers that a signal, or the end of the server, interrupts."""

    def test_interrupted_get(self) -> None:
        """Ctrl-C, SIGTERM and a closed terminal leave what was there, and end with 130; the next get goes on."""
        place, home = self.lay_there("big", os.urandom(64 * MIB), mtime=NEW), self.home
        target = self.lay("big", b"what was here", mtime=OLD)
        self.slowly()
        kept = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            kept = self.interrupt_get(number, place, target, kept)
        said = run_homeftp("get", place, target, HOMEFTP_HOME=home)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("homeftp: Resuming big", said.stderr)
        self.assertEqual(os.listdir(self.here), ["big"])
        self.assertTrue(filecmp.cmp(target, self.server.path(f"{self.there}/big"), shallow=False))

    def interrupt_get(self, number: int, place: str, target: str, kept: int) -> int:
        """Send a signal to a get in its middle, after `kept` bytes have arrived; returns how many have then."""
        process = subprocess.Popen(
            [sys.executable, "-m", "homeftp", "get", place, target],
            env=environment(HOMEFTP_HOME=self.home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def arrived() -> int:
            names = [name for name in os.listdir(self.here) if is_partial_name(name)]
            return sum(os.stat(os.path.join(self.here, name)).st_size for name in names)

        wait_until(lambda: arrived() > kept + RESUMABLE or process.poll() is not None)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, said)
        self.assertRegex(said, r"Kept the [0-9.]+ MB of big that have arrived\. .*\nhomeftp: interrupted\n\Z")
        self.assertEqual(len(os.listdir(self.here)), 2)
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"what was here")
        return arrived()

    def test_killed_push(self) -> None:
        """A client that is killed in the middle of a push leaves the old file at the server."""
        self.lay_there("big", b"what was there", mtime=OLD)
        path = self.lay("big", bytes(64 * MIB))
        self.slowly()
        process = subprocess.Popen(
            [sys.executable, "-m", "homeftp", "push", path, f"nas:{self.there}/"],
            env=environment(HOMEFTP_HOME=self.home),
        )
        incoming = self.server.path(".homeftp/partial")
        wait_until(lambda: os.listdir(incoming) or process.poll() is not None)
        process.kill()
        process.wait()
        self.assertEqual(self.read_there("big"), b"what was there")
        self.assertEqual(self.homeftp("ls", f"nas:{self.there}").stdout, "big\n")

    def test_server_goes_away(self) -> None:
        """A server that has gone away is reported in one line, with exit code 4."""
        server = ServerProcess()
        self.home = self.mktemp()
        add_remote(server, self.home)
        server.end()
        said = self.homeftp("get", f"nas:{self.there}/x", f"{self.here}/x")
        self.assertEqual(said.returncode, 4)
        self.assertEqual(len(said.stderr.splitlines()), 1)
