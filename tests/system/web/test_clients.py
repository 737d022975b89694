"""WebDAV with the programs that people use: each does what it can, and the disk has what it was to have."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import select
import shutil
import subprocess
import tempfile
import time
from typing import Any, Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support import needs, replay
from tests.support.mounts import mounted
from tests.support.plainproxy import PlainProxy
from tests.support.processes import PASSWORD
from tests.support.waiting import wait_until
from tests.support.webserver import AUTHORIZATION, CREDENTIALS, WebServer

WITHIN = 120.0
CONTENT = bytes(range(256)) * 20_000


def run(*command: str, input: str = "", cwd: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [needs.program(command[0]), *command[1:]],
        input=input,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
        cwd=cwd,
        env={**os.environ, "HOME": os.getcwd(), **environment},
    )


class ClientCase(SynchronousTestCase):
    """A server, and a folder of a client's."""

    def setUp(self) -> None:
        self.server = WebServer()
        self.addCleanup(self.server.end)
        self.here = os.path.abspath(self.mktemp())
        os.makedirs(self.here)

    def lay(self, name: str, content: bytes = CONTENT) -> str:
        """A file of the client's."""
        path = os.path.join(self.here, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def stored(self, name: str) -> bytes | None:
        """What the shared folder has; None where nothing is there."""
        with contextlib.suppress(FileNotFoundError), open(self.server.path(name), "rb") as file:
            return file.read()
        return None


class LitmusTests(ClientCase):
    """The test suite of WebDAV servers, whole."""

    def test_litmus(self) -> None:
        """Every test passes, without a warning.

        The one of 100-continue needs plain HTTP, and sends no password: it is run through a proxy that adds it.
        """
        added = b"X-Litmus: http\r\n", AUTHORIZATION
        for suites, url in (("basic copymove props locks", self.server.url()), ("http", None)):
            with contextlib.ExitStack() as stack:
                if url is None:
                    proxy = stack.enter_context(PlainProxy(self.server.port, self.server.ca_file, *added))
                    url = f"http://127.0.0.1:{proxy.port}/dav/"
                ended = run("litmus", "-k", url, "ann", PASSWORD, cwd=self.here, TESTS=suites)
            self.assertEqual(ended.returncode, 0, ended.stdout)
            summaries = [line for line in ended.stdout.splitlines() if line.startswith("<- summary")]
            self.assertEqual(len(summaries), len(suites.split()))
            self.assertEqual([line for line in summaries if "100.0%" not in line], [], ended.stdout)
            for word in ("FAIL", "WARNING", "SKIPPED"):
                self.assertNotIn(word, ended.stdout)


class RcloneTests(ClientCase):
    """rclone."""

    def rclone(self, *arguments: str) -> str:
        """Run it with a remote named d."""
        secret = run("rclone", "obscure", PASSWORD).stdout.strip()
        remote = {"TYPE": "webdav", "URL": self.server.url(), "VENDOR": "owncloud", "USER": "ann", "PASS": secret}
        given = {f"RCLONE_CONFIG_D_{name}": value for name, value in remote.items()}
        options = ("--ca-cert", self.server.ca_file, "--config", os.path.join(self.here, "none"))
        ended = run("rclone", *options, *arguments, **given)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout

    def test_rclone(self) -> None:
        """A tree is copied there and back, compared, moved and removed."""
        for name in ("tree/large", "tree/ä ö%.txt", "tree/deep/er/a+b", "tree/empty"):
            self.lay(name, b"" if name.endswith("empty") else CONTENT[: len(name) * 50_000])
        for number in range(40):
            self.lay(f"tree/many/{number}", b"%d" % number)
        source = os.path.join(self.here, "tree")
        os.utime(os.path.join(source, "large"), (1_700_000_000, 1_700_000_000))
        self.rclone("copy", "--transfers", "16", source, "d:copy")
        self.rclone("check", "--download", source, "d:copy")
        self.assertEqual(os.stat(self.server.path("copy/large")).st_mtime, 1_700_000_000)
        self.rclone("moveto", "d:copy/deep", "d:copy/moved")
        self.rclone("copyto", "d:copy/large", "d:copy/again")
        self.assertEqual(self.stored("copy/again"), self.stored("copy/large"))
        self.assertIn("Total objects: 45 ", self.rclone("size", "d:copy"))
        self.assertIn("Free:", self.rclone("about", "d:"))
        self.rclone("copy", "d:copy", os.path.join(self.here, "back"))
        with open(os.path.join(self.here, "back", "moved", "er", "a+b"), "rb") as file:
            self.assertEqual(file.read(), self.stored("copy/moved/er/a+b"))
        self.rclone("purge", "d:copy")
        self.assertFalse(os.path.exists(self.server.path("copy")))
        front_ends = {line.get("front_end") for line in replay.lines(self.server.state) if line["event"] == "change"}
        self.assertEqual(front_ends, {"https"})


class CadaverTests(ClientCase):
    """cadaver, which asks at a terminal."""

    COMMANDS = (
        "mkcol folder",
        "cd folder",
        "put {local} file",
        "lock file",
        "discover file",
        "put {local} file",
        "unlock file",
        "copy file copied",
        "move copied moved",
        "propset file colour blue",
        "propget file colour",
        "get file {got}",
        "delete moved",
        "ls",
        "quit",
    )

    def test_cadaver(self) -> None:
        """Every command succeeds, also with a lock that it holds."""
        local, got = self.lay("local"), os.path.join(self.here, "got")
        shown = self.at_terminal(
            ["cadaver", self.server.url()],
            [("accept the certificate", "y\n"), ("Username:", "ann\n"), ("Password:", f"{PASSWORD}\n")]
            + [("dav:", each.format(local=local, got=got) + "\n") for each in self.COMMANDS],
        )
        self.assertNotIn("failed", shown)
        self.assertIn("Value of colour is: blue", shown)
        self.assertIn("Scope: exclusive", shown)
        with open(got, "rb") as file:
            self.assertEqual(file.read(), CONTENT)
        self.assertEqual((self.stored("folder/file"), self.stored("folder/moved")), (CONTENT, None))

    def at_terminal(self, command: list[str], says: list[tuple[str, str]]) -> str:
        """Run a program at a terminal: each second text is typed when the first one appears behind the last."""
        person, terminal = pty.openpty()
        environment = {**os.environ, "HOME": self.here, "TERM": "dumb"}
        program = [needs.program(command[0]), *command[1:]]
        shown, seen, deadline = "", 0, time.monotonic() + WITHIN
        with subprocess.Popen(program, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
            try:
                os.close(terminal)
                poll = select.poll()
                poll.register(person, select.POLLIN)
                while time.monotonic() < deadline:
                    if not poll.poll(1000):
                        continue
                    try:
                        data = os.read(person, 4096)
                    except OSError:
                        break  # it has ended
                    shown += data.decode(errors="replace")
                    if says and (at := shown.find(says[0][0], seen)) >= 0:
                        seen = at + len(says[0][0])
                        os.write(person, says.pop(0)[1].encode())
            finally:
                os.close(person)
                process.kill()
        self.assertEqual(says, [], shown)
        return shown


class DavfsTests(ClientCase):
    """davfs2, which makes a file system of it. It locks what it writes."""

    @contextlib.contextmanager
    def mounted(self) -> Iterator[str]:
        """The server, mounted."""
        needs.root()
        needs.device("/dev/fuse")
        needs.program("mount.davfs")
        secrets = self.lay("secrets", f'{self.server.url()} ann "{PASSWORD}"\n'.encode())
        # It gives up its rights before it reads the certificate.
        public = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, public)
        os.chmod(public, 0o755)
        trusted = shutil.copy(self.server.ca_file, public)
        os.chmod(trusted, 0o644)
        options = f"trust_ca_cert {trusted}\nsecrets {secrets}\ndelay_upload 0\n"
        config = self.lay("davfs2.conf", options.encode())
        for path in (secrets, config):
            os.chmod(path, 0o600)
        with mounted(os.path.join(self.here, "mnt"), "-t", "davfs", "-o", f"conf={config}", self.server.url()) as path:
            yield path

    def test_davfs(self) -> None:
        """Files are written, appended to, renamed and removed; nothing is lost when it is unmounted."""
        with self.mounted() as path:
            for name, content in (("large", CONTENT), ("small", b"hello\n")):
                with open(os.path.join(path, name), "wb") as file:
                    file.write(content)
            with open(os.path.join(path, "small"), "ab") as file:
                file.write(b"more\n")
            os.mkdir(os.path.join(path, "folder"))
            os.rename(os.path.join(path, "small"), os.path.join(path, "folder", "renamed"))
            with open(os.path.join(path, "gone"), "wb") as file:
                file.write(b"x")
            os.unlink(os.path.join(path, "gone"))
            with open(os.path.join(path, "folder", "renamed"), "rb") as file:
                self.assertEqual(file.read(), b"hello\nmore\n")
        stored = {"large": CONTENT, "folder/renamed": b"hello\nmore\n", "gone": None}
        wait_until(lambda: {name: self.stored(name) for name in stored} == stored)


class CurlTests(ClientCase):
    """curl, by which the details of HTTP show."""

    def command(self) -> tuple[str, ...]:
        """The program with the options that it always needs."""
        return needs.program("curl"), "--silent", "--cacert", self.server.ca_file, "--user", CREDENTIALS

    def curl(self, path: str, *arguments: str, input: str = "") -> Any:
        """Run it; gives the status and the output."""
        ended = run(*self.command(), *arguments, "--write-out", "\n%{http_code}", self.server.url(path), input=input)
        output, _, status = ended.stdout.rpartition("\n")
        return int(status), output

    def test_put(self) -> None:
        """A file is sent with its length, after 100-continue, and in chunks."""
        local = self.lay("local")
        self.assertEqual(self.curl("sized", "--upload-file", local)[0], 201)
        self.assertEqual(self.curl("sized", "--upload-file", local, "--header", "Expect: 100-continue")[0], 204)
        command = (*self.command(), "--upload-file", "-", self.server.url("chunked"))
        with open(local, "rb") as file:
            ended = subprocess.run(command, stdin=file, timeout=WITHIN, check=False)
        self.assertEqual(ended.returncode, 0)
        for name in ("sized", "chunked"):
            self.assertEqual(hashlib.sha256(self.stored(name) or b"").digest(), hashlib.sha256(CONTENT).digest())

    def test_ranges(self) -> None:
        """A download that broke off is resumed, and a player gets the part that it asks for."""
        self.curl("file", "--upload-file", self.lay("local"))
        part = os.path.join(self.here, "part")
        with open(part, "wb") as file:
            file.write(CONTENT[:1_000_000])
        self.assertEqual(self.curl("file", "--continue-at", "-", "--output", part)[0], 206)
        with open(part, "rb") as file:
            self.assertEqual(file.read(), CONTENT)
        status, output = self.curl("file", "--range", "288-319")
        self.assertEqual((status, output), (206, "".join(map(chr, range(32, 64)))))

    def test_conditions(self) -> None:
        """What curl keeps of a tag saves the next download, and protects the next upload."""
        local, tag = self.lay("local", b"one"), os.path.join(self.here, "tag")
        self.curl("file", "--upload-file", local)
        self.assertEqual(self.curl("file", "--etag-save", tag)[0], 200)
        self.assertEqual(self.curl("file", "--etag-compare", tag)[0], 304)
        with open(tag) as file:
            match = f"If-Match: {file.read().strip()}"
        self.assertEqual(self.curl("file", "--upload-file", local, "--header", match)[0], 204)
        self.assertEqual(self.curl("file", "--upload-file", local, "--header", match)[0], 412)

    def test_wrong_password(self) -> None:
        """A wrong password is told apart from a right one, and from none."""
        self.assertEqual(self.curl("", "--user", "ann:wrong")[0], 401)
        self.assertEqual(self.curl("")[0], 200)
