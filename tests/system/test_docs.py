"""What README and documentation say, held against the code."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Iterator

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.pairs.pair import KEYS
from homeftp.cli.pairs.pairfile import PairFile
from homeftp.cli.parser import build_parser
from homeftp.cli.table import COMMANDS
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import Outcome
from homeftp.cluster.credentials import CREDENTIAL
from homeftp.config import Limits
from homeftp.dispatchers.builtin import BUILT_IN
from homeftp.tap import Options
from tests.support.processes import PASSWORD, WITHIN, ServerProcess, environment, pair

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"


def pages() -> list[Path]:
    """All prose for people: README and its kin, and the documentation."""
    return [*CHECKOUT.glob("*.md"), *(path for path in DOCS.rglob("*.rst") if "_build" not in path.parts)]


def says_something(page: Path) -> bool:
    """Whether a page has any text."""
    return bool(page.read_text(encoding="utf-8").strip())


def table(page: str) -> list[list[str]]:
    """The rows of a page's first list-table, but for its head."""
    text = re.sub(r"\n\s*\n", "\n", (DOCS / page).read_text(encoding="utf-8").split(".. list-table::")[1])
    rows = [re.split(r"\n {5}-(?: |(?=\n|$))", row) for row in re.split(r"\n {3}\* - ?", text)[2:]]
    return [[" ".join(cell.split("\n\n")[0].split()) for cell in row] for row in rows]


def documented_types(page: str) -> set[str]:
    """The request types that have a section of the protocol's page: the words in capitals of its titles."""
    titles = re.findall(r"^(.+)\n(?:-{3,}|={3,})$", page, re.MULTILINE)
    return {word for title in titles for word in re.findall(r"\b[A-Z]{2,}\b", title)}


def shell_lines(text: str) -> Iterator[str]:
    """The lines of the shell listings of a page, in Markdown or reStructuredText."""
    for listing in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from listing.splitlines()
    for listing in re.findall(r"^\.\. code-block:: sh\n\n((?:   .*\n|\n)+)", text, re.MULTILINE):
        yield from listing.splitlines()


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each `homeftp` in the shell listings of a page."""
    for line in shell_lines(text):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        breaks = [place for place, word in enumerate(words) if set(word) <= set("();<>|&")]
        for start, end in zip([-1, *breaks], [*breaks, len(words)], strict=True):
            part = words[start + 1 : end]
            part = part[3:] if part[:2] == ["sudo", "-u"] else part
            if len(part) > 1 and Path(part[0]).name == "homeftp":
                yield part[1:]


class ListingTests(SynchronousTestCase):
    """What is there to be typed can be typed."""

    def test_commands(self) -> None:
        """Every `homeftp` command line in README and documentation is one that our parser takes."""
        found = []
        for page in pages():
            for arguments in commands(page.read_text(encoding="utf-8")):
                found.append(arguments[0])
                if arguments[0] == "serve":
                    Options().parseOptions(arguments[1:])
                elif arguments[0] in COMMANDS:
                    build_parser([arguments[0]]).parse_args(arguments)
        self.assertTrue({"serve", "account", "remote", "push", "get", "cmp", "ls"} <= set(found), found)

    def test_commands_are_found(self) -> None:
        """The control: a command is found in both kinds of listing, behind a path, and among others."""
        text = "```sh\na && .venv/bin/homeftp serve x  # x\n```\n\n.. code-block:: sh\n\n   homeftp ls 'a|b:' | wc\n\n"
        self.assertEqual(list(commands(text)), [["serve", "x"], ["ls", "a|b:"]])

    def test_setup(self) -> None:
        """README has two commands to set up, each a single line with an environment of its own."""
        lines = list(shell_lines((CHECKOUT / "README.md").read_text(encoding="utf-8")))
        setups = [line for line in lines if "-m venv" in line]
        self.assertEqual(len(setups), 2)
        serves, tests = setups
        self.assertRegex(serves, r"homeftp serve ~/Shared$")
        self.assertRegex(tests, r"/python -m twisted\.trial -j\d tests$")
        self.assertEqual(len({re.findall(r"-m venv (\S+)", line)[0] for line in setups}), 2)

    def test_configuration_file(self) -> None:
        """The example of a configuration file is one that the server takes."""
        options = Options()
        options.parseOptions(["--config", str(DOCS / "owner" / "homeftp.ini")])
        self.assertEqual(options.settings.listen, ("tcp:8421", "unix:/run/homeftp.sock"))
        self.assertEqual(options.settings.limits.file_size, 20 * 1024**3)

    def test_units(self) -> None:
        """The systemd units start the server with options that it takes, give it time to end, and let TLS work."""
        for folder in ("cluster", "owner"):
            unit = configparser.ConfigParser(interpolation=None, strict=False)
            unit.optionxform = str  # type: ignore[assignment,method-assign]
            unit.read(DOCS / folder / "homeftp.service")
            service = dict(unit["Service"])
            arguments = shlex.split(service["ExecStart"])
            self.assertEqual(arguments[1], "serve")
            Options().parseOptions(arguments[2:])
            self.assertGreater(float(service["TimeoutStopSec"]), Limits().shutdown_seconds)
            self.assertNotIn("MemoryDenyWriteExecute", service)
            if folder == "cluster":
                self.assertEqual(service["LoadCredential"].partition(":")[0], CREDENTIAL)
        unit.read(DOCS / "owner" / "homeftp.socket")
        self.assertEqual(unit["Socket"]["ListenStream"], "8421")


class ExampleTests(SynchronousTestCase):
    """Programs in the documentation do what is said of them."""

    def setUp(self) -> None:
        self.server = ServerProcess()
        self.addCleanup(self.server.end)

    def run_example(self, name: str, argument: str) -> str:
        """Run an example of the client library; gives what it prints."""
        address = f"tcp:127.0.0.1:{self.server.ports[0]}"
        done = subprocess.run(
            [sys.executable, str(DOCS / "client" / name), address, self.server.ca_file, "ann", argument],
            input=PASSWORD + "\n",
            capture_output=True,
            text=True,
            timeout=WITHIN,
            env=environment(),
        )
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_add_line(self) -> None:
        """add_line.py adds a line to a file that does not exist, and to one that does."""
        for line, size in (("milk", 5), ("bread", 11)):
            self.assertEqual(self.run_example("add_line.py", line), f"shopping.txt has {size} bytes now\n")
        self.assertEqual(Path(self.server.path("shopping.txt")).read_text(), "milk\nbread\n")

    def run_known(self, name: str, *arguments: str, home: str) -> subprocess.CompletedProcess[str]:
        """Run an example that opens a server by its name."""
        return subprocess.run(
            [sys.executable, str(DOCS / "client" / name), "nas", *arguments],
            capture_output=True,
            text=True,
            timeout=WITHIN,
            env=environment(HOMEFTP_HOME=home),
        )

    def test_backup(self) -> None:
        """Both backups send a folder, the second time nothing; fetch.py fetches it. Errors are one line."""
        home, folder = (Path(self.mktemp()).absolute() for _ in range(2))
        pair(self.server, str(home))
        folder.mkdir()
        (folder / "a.jpg").write_bytes(b"content")
        for name, size in (("backup.py", 7), ("backup_twisted.py", 0), ("backup.py", 0)):
            done = self.run_known(name, str(folder), "photos", home=str(home))
            printed = f"{size} bytes sent. Both copies are the same: True\n"
            self.assertEqual((done.stdout, done.stderr, done.returncode), (printed, "", 0))
        done = self.run_known("fetch.py", "photos", str(folder / "copy"), "60", home=str(home))
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("7 bytes more\n", "", 0))
        self.assertEqual((folder / "copy" / "a.jpg").read_bytes(), b"content")
        self.server.end()
        done = self.run_known("backup.py", str(folder), "photos", home=str(home))
        self.assertRegex(done.stderr, r"\ANot sent: nothing listens at .*\n\Z")
        self.assertEqual((done.stdout, done.returncode), ("", 1))

    def test_readme(self) -> None:
        """The README's program runs as it is, in a folder with Photos."""
        home, here = (Path(self.mktemp()).absolute() for _ in range(2))
        pair(self.server, str(home))
        (here / "Photos").mkdir(parents=True)
        (here / "Photos" / "a.jpg").write_bytes(b"content")
        programs = re.findall(r"^```python\n(.*?)^```", (CHECKOUT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
        self.assertEqual(len(programs), 1)
        done = subprocess.run(
            [sys.executable, "-c", programs[0]],
            capture_output=True,
            text=True,
            timeout=WITHIN,
            env=environment(HOMEFTP_HOME=str(home)),
            cwd=here,
        )
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("True\n", "", 0))
        self.assertEqual(Path(self.server.path("Photos/a.jpg")).read_bytes(), b"content")


class TableTests(SynchronousTestCase):
    """Tables in the documentation are the code's."""

    def test_options(self) -> None:
        """The page of the options has each option of the server, and no other, with its default."""
        options = Options()
        documented: dict[str, str] = {}
        for names, _, default in table("owner/options.rst"):
            documented.update(dict.fromkeys(re.findall(r"--([a-z0-9-]+)", names), default))
        self.assertEqual(set(documented), {name.rstrip("=") for name in options.longOpt})
        stated = re.findall(r"--([a-z-]+)=[^-]*?\[default:\s+([0-9.]+)\]", str(options))
        self.assertTrue(stated)
        self.assertEqual({name: documented[name] for name, _ in stated}, dict(stated))

    def test_request_types(self) -> None:
        """Each built-in request type has a section on the page of the protocol, and a request among its examples."""
        page = (DOCS / "protocol" / "index.rst").read_text(encoding="utf-8")
        self.assertEqual(set(BUILT_IN) - documented_types(page), set())
        examples = (DOCS / "protocol" / "vectors.txt").read_text(encoding="utf-8")
        self.assertEqual(
            set(BUILT_IN) - set(re.findall(r'^-> \{"request_type": "(\w+)"', examples, re.MULTILINE)), set()
        )

    def test_request_types_are_found(self) -> None:
        """The control: a type counts where a title names it, and not where only the text does."""
        page = "LINK and LINKS\n--------------\n\nBoth are like PRUNE.\n\nA list\n------\n"
        self.assertEqual(documented_types(page), {"LINK", "LINKS"})

    def test_audit_events(self) -> None:
        """The page of the audit log has each event that the code writes down, and no other."""
        page = (DOCS / "owner" / "audit.rst").read_text(encoding="utf-8")
        documented = set(
            re.findall(r"``([a-z]+)``", " ".join(re.findall(r"^   \* - (``.*)$", page.split("- Meaning")[1], re.M)))
        )
        written: set[str] = set()
        for path in (CHECKOUT / "homeftp").rglob("*.py"):
            writing = (".note", "_line") if path.parent.name == "audit" else ".note"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(writing):
                    words = [each.value for each in node.args[:3] if isinstance(each, ast.Constant)]
                    written.update(word for word in words[:1] if isinstance(word, str))
        self.assertEqual(documented, written)

    def test_hangup(self) -> None:
        """Help and documentation describe SIGHUP with the same words."""
        (sentence,) = re.findall(r"SIGHUP [^.]*", Options.longdesc)
        for page in ("index.rst", "systemd.rst"):
            text = " ".join((DOCS / "owner" / page).read_text(encoding="utf-8").split())
            self.assertIn(sentence, text, page)

    def test_exit_codes(self) -> None:
        """The page of the exit codes has each code, and no other."""
        self.assertEqual([int(code) for code, _ in table("client/exit-codes.rst")], sorted(Exit))

    def test_outcomes(self) -> None:
        """The page of what is printed has each outcome, and no other."""
        documented = [name.strip("`") for name, _ in table("client/output.rst")]
        self.assertEqual(documented, [outcome.value for outcome in Outcome])

    def test_pair_file(self) -> None:
        """The page has each key of sync.toml, and its example is read."""
        self.assertEqual([name.strip("`") for name, _ in table("client/sync.rst")], list(KEYS))
        page = (DOCS / "client" / "sync.rst").read_text(encoding="utf-8")
        (example,) = re.findall(r"\n((?:    .*\n|\n)*    \[\[pair\]\]\n(?:    .*\n|\n)*)", page)
        folder = Path(tempfile.mkdtemp(dir=Path.cwd()))
        (folder / "sync.toml").write_text(textwrap.dedent(example), encoding="utf-8")
        self.assertEqual([pair.folder for pair in PairFile(str(folder)).load()], ["~/Documents", "~/Photos"])


OLD_WORDS = re.compile(
    r"\b(jail\w*|shel(f|ves|ved)|entrance|(?<!news )fragments?|whoever|burnt|lets? go|landings?|dress|judges?"
    r"|overdue|trail|strangers?|keeper|sparing|(come|came|comes|coming) in(?! (the|later|no)\b)|rooms?|house|doors?"
    r"|settle[sd]?)\b",
    re.IGNORECASE,
)
"""Words of a private vocabulary that the pages once had."""


class ReliabilityTests(SynchronousTestCase):
    """The page of promises names tests that exist."""

    def test_tests(self) -> None:
        """Each test module that it names is there."""
        named = set(re.findall(r"``(tests\.[a-z_.]+)``", (DOCS / "reliability" / "index.rst").read_text()))
        self.assertGreater(len(named), 20, "the control")
        missing = [name for name in named if not CHECKOUT.joinpath(*name.split(".")).with_suffix(".py").exists()]
        self.assertEqual(missing, [])


class StyleTests(SynchronousTestCase):
    """How the pages are written."""

    def test_words(self) -> None:
        """Pages and the protocol's examples use the field's terms."""
        found = [
            f"{page.relative_to(CHECKOUT)}:{number}: {match[0]}"
            for page in [*pages(), *DOCS.glob("**/*.txt"), *(CHECKOUT / "changelog.d").glob("*.md")]
            for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
            for match in OLD_WORDS.finditer(line)
        ]
        self.assertEqual(found, [])

    def test_words_are_found(self) -> None:
        """The control."""
        found = [match[0] for match in OLD_WORDS.finditer("The jailer settled; whoever came in, let go. News fragment")]
        self.assertEqual(found, ["jailer", "settled", "whoever", "came in", "let go"])

    def test_not_empty(self) -> None:
        """Every page and every news fragment says something."""
        empty = [page for page in [*pages(), *(CHECKOUT / "changelog.d").glob("*.md")] if not says_something(page)]
        self.assertEqual(empty, [])

    def test_empty_is_found(self) -> None:
        """The control: a file with an empty line says nothing."""
        blank = Path(self.mktemp())
        blank.write_text("\n")
        self.assertFalse(says_something(blank))

    def test_width(self) -> None:
        """No line of a page is longer than 120 characters."""
        long = [
            f"{page.relative_to(CHECKOUT)}:{number}"
            for page in [*pages(), *(CHECKOUT / "changelog.d").glob("*.md")]
            for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
            if len(line) > 120
        ]
        self.assertEqual(long, [])


class ReferenceTests(SynchronousTestCase):
    """What the pages name is there."""

    def test_files(self) -> None:
        """Every file that a page names exists, in the checkout or among the examples of the page."""
        pattern = r"(?<![\w./-])(?:homeftp|docs|tests|benchmarks|twisted|changelog\.d)/[\w./-]*\w"
        missing = [
            f"{page.relative_to(CHECKOUT)}: {name}"
            for page in pages()
            for name in re.findall(pattern, page.read_text(encoding="utf-8"))
            if name not in ("docs/_build", "homeftp/1")  # the latter is the protocol's name
            and not (CHECKOUT / name).exists()
            and not list(page.parent.glob(f"**/{name}"))
        ]
        self.assertEqual(missing, [])
