"""The plugin tutorial, followed to the letter: its examples called, served and installed, and what stops a start."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from homeftp.config import MAX_RESPONSE_LINE, SMALL_FILE
from homeftp.dispatchers.builtin import BUILT_IN
from homeftp.dispatchers.enabled import enabled
from homeftp.dispatchers.table import Table
from homeftp.errors import OperatorError
from homeftp.interfaces import IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.testing import call
from tests.support.inmemory import Connection, Server
from tests.support.processes import PASSWORD, REPOSITORY, ServerProcess, add_remote, environment, run_homeftp
from tests.support.rawclient import RawClient

PLUGINS = Path(REPOSITORY, "docs", "plugins")
SINGLE = PLUGINS / "examples" / "single"
PACKAGE = PLUGINS / "examples" / "wordcount"
WORDCOUNT = PACKAGE / "src" / "homeftp" / "plugins" / "wordcount.py"
CALL = PLUGINS / "examples" / "call_wordcount.py"
PAGE = PLUGINS / "index.rst"
THERE = "/srv/dispatchers"
"""The --plugin-dir of the page."""


def load(path: Path) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class ExampleTests(SynchronousTestCase):
    """The examples, called as their authors would."""

    def example(self, path: Path) -> Any:
        """The dispatcher of an example."""
        return getattr(load(path), path.stem)

    def test_wordcount(self) -> None:
        """It counts words, and refuses what the tutorial says it refuses without a line of its own."""
        wordcount = self.example(WORDCOUNT)
        answer = call(wordcount, {"rel_endpoint": "a.txt"}, files={"a.txt": b"two  words\n"})
        self.assertEqual((answer.status, answer.message, answer.body), (0, "counted", {"words": 2}))
        files = {"large.txt": b"x" * 1_000_001}
        for body, status in (
            ({}, 20),
            ({"rel_endpoint": ".."}, 41),
            ({"rel_endpoint": "a"}, 40),
            ({"rel_endpoint": ""}, 43),
        ):
            self.assertEqual(call(wordcount, body).status, status, body)
        self.assertEqual(call(wordcount, {"rel_endpoint": "large.txt"}, files=files).status, 22)

    def test_wordcount_is_short(self) -> None:
        """Class and instance together have fewer than ten lines."""
        lines = WORDCOUNT.read_text(encoding="utf-8").split("\n\n\n", 1)[1].splitlines()
        self.assertLess(len([line for line in lines if line.strip()]), 10)

    def test_upper(self) -> None:
        """It sends the payload back in capitals, and says what is wrong when there is none."""
        upper = self.example(SINGLE / "upper.py")
        answer = call(upper, {}, b"two words\n")
        self.assertEqual((answer.status, answer.payload), (0, b"TWO WORDS\n"))
        self.assertEqual(call(upper, {}).status, 20)

    def test_digest(self) -> None:
        """It tells how far it is, and the digest; an algorithm that it does not know is named in the refusal."""
        digest = self.example(SINGLE / "digest.py")
        content = b"x" * (9 * 1024 * 1024)
        answer = call(digest, {"rel_endpoint": "a", "algorithm": "blake2b"}, files={"a": content})
        self.assertEqual(answer.body, {"blake2b": hashlib.blake2b(content).hexdigest()})
        self.assertEqual([body for body, _ in answer.interim], [{"done": number << 20} for number in range(1, 10)])
        refused = call(digest, {"rel_endpoint": "a", "algorithm": "md5"}, files={"a": content})
        self.assertEqual(refused.status, 20)
        self.assertIn("$.algorithm", refused.message)

    def test_bugs(self) -> None:
        """One that raises, or forgets to answer, is answered 50 without detail; its author learns what."""
        upper = self.example(SINGLE / "upper.py")
        upper.dispatch = lambda request, resolution: 1 / 0
        answer = call(upper, {})
        self.assertEqual((answer.status, "division" in answer.message), (50, False))
        self.assertIsInstance(answer.raised, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        upper.dispatch = lambda request, resolution: None
        answer = call(upper, {})
        self.assertEqual((answer.status, answer.raised), (50, None))


class PluginFolderTests(SynchronousTestCase):
    """The examples in a folder of single files, with a real server."""

    def test_folder(self) -> None:
        """Each is answered, to the client library and on the wire; what is large streams through; order is kept."""
        folder = Path(self.mktemp()).absolute()
        shutil.copytree(SINGLE, folder)
        shutil.copy(WORDCOUNT, folder)
        named = [word for name in ("WORDCOUNT", "UPPER", "DIGEST") for word in ("--dispatcher", name)]
        server = ServerProcess("--plugin-dir", str(folder), *named)
        self.addCleanup(server.end)
        Path(server.path("a.txt")).write_bytes(b"two words\n")
        self.assertEqual(counted(server), "2\n")
        self.assertIn(self.raw(server), PAGE.read_text(encoding="utf-8"))
        with RawClient(server.ports[0], server.ca_file).start_tls() as client:
            client.login("ann", PASSWORD)
            hello, _ = client.ask("HELLO")
            self.assertTrue({"WORDCOUNT", "UPPER", "DIGEST"} <= set(hello["body"]["request_types"]))
            self.assertEqual(client.ask("UPPER", payload=b"two words\n")[1], b"TWO WORDS\n")
            client.send("DIGEST", {"rel_endpoint": "a.txt"}, id=1)
            client.send("WORDCOUNT", {"rel_endpoint": "a.txt"}, id=2)
            responses = [client.response()[0] for _ in range(3)]
            self.assertEqual(
                [(response["id"], response.get("more", False)) for response in responses],
                [(1, True), (1, False), (2, False)],
            )
            large = b"two words\n" * (20 * SMALL_FILE // 10)
            self.assertEqual(client.ask("UPPER", payload=large)[1], large.upper())

    def raw(self, server: ServerProcess) -> str:
        """What the page's line with `homeftp raw` shows."""
        (line,) = re.findall(r"^   echo '(.*)' \| homeftp raw nas$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        home = self.mktemp()
        add_remote(server, home)
        done = run_homeftp("raw", "nas", input=line.replace("notes/a.txt", "a.txt") + "\n", HOMEFTP_HOME=home)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


def counted(server: ServerProcess) -> str:
    """What the example of the client library prints."""
    arguments = [f"127.0.0.1:{server.ports[0]}", server.ca_file, "ann", "a.txt"]
    done = subprocess.run(
        [sys.executable, CALL, *arguments], input=PASSWORD + "\n", capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class PackageTests(SynchronousTestCase):
    """The example package, really installed."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(
            PACKAGE, self.folder / "wordcount", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
        )
        self.run_in(self.folder, sys.executable, "-m", "venv", "--without-pip", "venv")
        self.python = str(self.folder / "venv" / "bin" / "python")
        self.packages = Path(
            self.run_in(
                self.folder, self.python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"
            ).strip()
        )
        (self.packages / "shared.pth").write_text(f"{REPOSITORY}\n{sysconfig.get_paths()['purelib']}\n")

    def run_in(self, folder: Path, *command: str) -> str:
        """Run a program to its end; its output."""
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def start_fails(self, *options: str) -> str:
        """The one line that a server with these options ends with."""
        root = self.folder / "root"
        root.mkdir(exist_ok=True)
        done = subprocess.run(
            [self.python, "-m", "homeftp", "serve", root, "--state", self.folder / "state", *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=30,
        )
        self.assertNotIn(done.returncode, (0, None))
        self.assertEqual(done.stdout, "")
        (line,) = done.stderr.splitlines()
        return line

    def test_installed(self) -> None:
        """The page's steps work in their order; broken, or there twice, it stops the start."""
        self.assertIn(
            "no wordcount.py", self.start_fails("--dispatcher", "WORDCOUNT"), "the control: not installed yet"
        )
        (self.folder / "wordcount").rename(self.folder / "homeftp-wordcount")
        offline = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
        steps = re.findall(r"^   (pip install|python -m unittest discover) (\S+)$", PAGE.read_text(), re.MULTILINE)
        self.assertEqual([step.split()[0] for step, _ in steps], ["pip", "pip", "python"])
        for step, path in steps:
            more = offline if step.startswith("pip") else ()
            self.run_in(self.folder, self.python, "-m", *step.removeprefix("python -m ").split(), *more, path)
        server = ServerProcess("--dispatcher", "WORDCOUNT", command=(self.python, "-m", "homeftp", "serve"))
        self.addCleanup(server.end)
        Path(server.path("a.txt")).write_bytes(b"two words\n")
        self.assertEqual(counted(server), "2\n")

        installed = self.packages / "homeftp" / "plugins" / "wordcount.py"
        twice = self.start_fails("--dispatcher", "WORDCOUNT", "--plugin-dir", str(WORDCOUNT.parent))
        self.assertIn(str(installed), twice)
        self.assertIn(str(WORDCOUNT), twice)
        with installed.open("a") as file:
            file.write("import nothing_of_this_name\n")
        broken = self.start_fails("--dispatcher", "WORDCOUNT")
        self.assertIn(str(installed), broken)
        self.assertIn("nothing_of_this_name", broken)


COMPLETE = WORDCOUNT.read_text(encoding="utf-8")

STOPS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "there is no such file": ({}, ("WORDCOUNT",)),
    "it cannot be imported": ({"wordcount.py": "import nothing_of_this_name"}, ("WORDCOUNT",)),
    "it makes no object that answers WORDCOUNT": ({"wordcount.py": "wordcount = None"}, ("WORDCOUNT",)),
    "it makes two of them": ({"wordcount.py": COMPLETE + "another = WordCount()\n"}, ("WORDCOUNT",)),
    "the object lacks something": ({"wordcount.py": COMPLETE.replace("body_type", "body")}, ("WORDCOUNT",)),
    "``body_type`` is not a class": ({"wordcount.py": COMPLETE.replace("= AtEndpoint", "= 5")}, ("WORDCOUNT",)),
    "the request type is built in": ({"get.py": COMPLETE.replace('"WORDCOUNT"', '"GET"')}, ("GET",)),
    "the request type belongs to the session": ({"hello.py": COMPLETE.replace('"WORDCOUNT"', '"HELLO"')}, ("HELLO",)),
    "it is installed, and in the folder too": (
        {"wordcount.py": COMPLETE, "wordcount/__init__.py": COMPLETE},
        ("WORDCOUNT",),
    ),
    "it is named twice": ({"wordcount.py": COMPLETE}, ("WORDCOUNT", "WORDCOUNT")),
    "the name is not a request type": ({"wordcount.py": COMPLETE}, ("wordcount",)),
    "the folder is not there": ({}, ("WORDCOUNT", "--plugin-dir", "none")),
}
"""What the page's table names: the files in the folder, and the dispatchers that the owner names."""


class StopTests(SynchronousTestCase):
    """What stops the start does so with the line that the page has."""

    maxDiff = None

    def test_messages(self) -> None:
        """Each is one line that says what is wrong and where; the page has it word for word."""
        unwrapped = re.sub(r"\n {7}(?=\S)", " ", PAGE.read_text(encoding="utf-8"))
        rows = re.findall(r"\* - (.+)\n     - ``(.+)``\n", unwrapped)
        stated = {wrong: message for wrong, message in rows if wrong in STOPS}
        self.assertEqual({wrong: self.message(*how) for wrong, how in STOPS.items()}, stated)

    def message(self, files: dict[str, str], names: tuple[str, ...]) -> str:
        """What `enabled` says, as if the folder were the page's; what differs from run to run left out."""
        folder = Path(self.mktemp()).absolute()
        for name, source in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(source)
        folder.mkdir(exist_ok=True)
        folders = [str(folder), *(str(folder / name) for name in names[2:])]
        with self.assertRaises(OperatorError) as caught:
            Table(enabled([name for name in names[:2] if name[0] != "-"], folders, BUILT_IN))
        text = str(caught.exception).replace(os.path.realpath(folder), THERE).replace(str(folder), THERE)
        return re.sub(r"is incomplete: .*(?=body_type)", "is incomplete: …", text)


class BuggyDispatcherTests(SynchronousTestCase):
    """A dispatcher's bug harms no other request: neither the connection nor the framing."""

    def connection(self, **changed: object) -> Connection:
        """A connection to a server with UPPER, changed for the worse."""
        upper = load(SINGLE / "upper.py").upper
        for name, value in changed.items():
            setattr(upper, name, value)
        if "path_lock" in changed:
            alsoProvides(upper, IPathLocking)
        server = Server.make(extra=[upper])
        self.addCleanup(server.close)
        return Connection(server)

    def test_path_lock(self) -> None:
        """One whose path_lock raises is answered 50, and the connection goes on."""

        def path_lock(body: object) -> PathLock:
            raise KeyError("a bug")

        connection = self.connection(path_lock=path_lock)
        self.assertEqual(connection.ask("UPPER", payload=b"a").status, 50)
        self.assertEqual(connection.ask("HELLO").status, 0)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_long_answer(self) -> None:
        """An answer whose line no client has to take is answered 50 in its place."""

        for status in (0, 44):

            def dispatch(request: IRequest, resolution: IResolution, status: int = status) -> None:
                resolution.resolve(status, "too much", {"x": "x" * MAX_RESPONSE_LINE})

            connection = self.connection(dispatch=dispatch)
            self.assertEqual(connection.ask("UPPER").status, 50)
            self.assertEqual(connection.ask("HELLO").status, 0)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_body_type(self) -> None:
        """One whose body_type cannot be decoded into stops the start: no request finds out."""
        folder = Path(self.mktemp())
        folder.mkdir()
        body = "import attrs\n\n\n@attrs.frozen\nclass Body:\n    x: 'Nothing'\n\n\n@implementer"
        source = COMPLETE.replace("@implementer", body).replace("= AtEndpoint", "= Body")
        (folder / "wordcount.py").write_text(source)
        with self.assertRaises(OperatorError) as caught:
            Table(enabled(["WORDCOUNT"], [str(folder)], BUILT_IN))
        self.assertIn("Nothing", str(caught.exception))
