"""What only a process of its own proves about the command line: quick imports, a broken pipe, a strange locale."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

import homeftp
from homeftp.cli.terminal.exitcodes import Exit

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(homeftp.__file__)))


def process(
    *arguments: str, program: str = "from homeftp.cli.main import main; import sys; sys.exit(main())"
) -> list[str]:
    """A command line that runs homeftp, of the code under test, in a process of its own."""
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {CHECKOUT!r}); {program}", *arguments]


def printing(words: str) -> str:
    """A program in which homeftp's one subcommand prints these words."""
    return (
        "from homeftp.cli import main; from tests.support import probe; "
        f"probe.does.append(lambda options: print({words!a}) or 0); "
        "sys.exit(main.main(['probe'], {'probe': main.Command('tests.support.probe', '')}))"
    )


class ProcessTests(SynchronousTestCase):
    """What only a process of its own shows."""

    def test_light(self) -> None:
        """--help, --version and the start of every subcommand import nothing that takes time."""
        program = (
            "before = set(sys.modules); from homeftp.cli import main, parser; parser.build_parser([]).format_help(); "
            "print([m for m in ('twisted', 'attr', 'zope', 'OpenSSL', 'cryptography', 'msgspec', 'rich', 'sqlite3', "
            "'platformdirs', 'shtab', 'asyncio', 'json', 'ssl') if m in set(sys.modules) - before])"
        )
        done = subprocess.run(process(program=program), capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "[]\n")

    def test_light_server(self) -> None:
        """A server starts without what only a pairing, an announcement or a client needs."""
        program = (
            "from homeftp.tap import Options, makeService; options = Options(); options.parseOptions(sys.argv[1:]); "
            "makeService(options); print(*sys.modules)"
        )
        root, state = self.mktemp(), self.mktemp()
        os.mkdir(root)
        command = process("--no-announce", f"--state={state}", root, program=program)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = set(done.stdout.split())
        needed = {"homeftp.server.service", "homeftp.store.local.store", "homeftp.accounts.pairing"}
        never = {"spake2", "nacl", "zeroconf", "rich", "watchfiles", "homeftp.client.api", "homeftp.cli.main", "shtab"}
        self.assertEqual((needed - found, never & found), (set(), set()))

    def test_broken_pipe(self) -> None:
        """A closed output pipe prints no error."""
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "wb") as closed:
            command = process(program=printing("a line"))
            done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, check=False)
        self.assertEqual((done.returncode, done.stderr), (Exit.BROKEN_PIPE, b""))

    def test_strange_name(self) -> None:
        """A file's name that is no text is printed all the same, in whatever locale."""
        command = process(program=printing("Zo\u00eb \udcff"))
        environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(command, capture_output=True, env=environ, check=False)
        self.assertEqual((done.returncode, done.stdout.strip(), done.stderr), (0, b"Zo\\xeb \\udcff", b""))
