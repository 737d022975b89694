"""The modules that commands import: they are most of what a short command costs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import AbstractSet, Sequence

from tests.support.processes import environment
from tests.support.serving import ServedCase

_FIRST_REQUEST = """
import socket, sys
from homeftp.client import Client

send, compare = socket.socket.send, Client.cmp
sent, asked, loaded = [], [], []

def count(self, data):
    sent.append(len(data))
    return send(self, data)

def ask(self, *arguments, **options):
    asked.append(len(sent))
    return compare(self, *arguments, **options)

class Finder:
    def find_spec(name, path=None, target=None):
        if name in ("homeftp.client.sync.run", "homeftp.client.transfer.model"):
            loaded.append((len(asked), len(sent) - sum(asked)))

socket.socket.send, Client.cmp = count, ask
sys.meta_path.insert(0, Finder)
from homeftp.cli.main import main
print(main(sys.argv[1:]), loaded)
"""
"""Prints how many comparisons a sync had asked for, and how often it had sent since, when it loads what syncs."""


class ImportTests(ServedCase):
    """Commands that ask a server."""

    def imported(self, *arguments: str) -> set[str]:
        """The modules that a command imports in a process of its own."""
        program = "import sys; from homeftp.cli.main import main; print(main(sys.argv[1:]), *sys.modules)"
        command = [sys.executable, "-c", program, *arguments]
        said = subprocess.run(command, env=environment(HOMEFTP_HOME=self.home), capture_output=True, text=True)
        status, *modules = said.stdout.splitlines()[-1].split()
        self.assertEqual(status, "0", said.stderr)
        return set(modules)

    def test_imports(self) -> None:
        """No command imports what finds servers or pairs, or what only other commands or servers use, or too much."""
        here, there = self.lay("lib/a"), self.lay_there("lib/a")
        never = {"zeroconf", "spake2", "nacl", "rich", "http.server"}
        never |= {"twisted.application.service", "twisted.cred.credentials"}
        comparing = {"homeftp.client.plan.cmp", "homeftp.client.transfer.cmp", "sqlite3"}
        sending = {"homeftp.client.plan.push", "homeftp.client.transfer.push"}
        fetching = {"homeftp.client.plan.get", "homeftp.client.transfer.get"}
        for words, needed, others, most in (
            (("ls", there), set[str](), comparing | sending | fetching, 110),
            (("cmp", here, there), comparing, sending | fetching, 170),
            (("push", "-f", here, there), sending, fetching, 180),
            (("get", "-f", there, here), fetching, sending, 190),
        ):
            self.check_imported(words, needed, never | others, most)

    def check_imported(
        self, words: Sequence[str], needed: AbstractSet[str], never: AbstractSet[str], most: int
    ) -> None:
        """A command imports these modules, and `most` of homeftp's."""
        found = self.imported(*words)
        self.assertEqual(({"homeftp.client.api", *needed} - found, never & found), (set(), set()), words)
        self.assertLessEqual(len([name for name in found if name.startswith("homeftp")]), most, words)

    def test_imports_of_a_sync(self) -> None:
        """A sync that has nothing to do imports nothing that changes a side, or writes down how it went."""
        path, there = self.lay("lib/a"), f"nas:{self.there}/synced"
        words = ("sync", "-y", os.path.dirname(path), there)
        changing = {"homeftp.client.sync.carryout", "homeftp.client.transfer.push"}
        recording = {"homeftp.cli.pairs.recorder", "homeftp.cli.pairs.pairfile"}
        self.check_imported(words, changing, recording, 215)
        self.check_imported(words, set(), changing | recording, 190)
        self.check_imported([*words, "--save"], recording, changing, 200)

    def test_first_request_of_a_sync(self) -> None:
        """A sync loads what syncs when its first request has been sent: the server works long for the answer.

        Control: the first sync of a folder has asked for nothing by then.
        """
        path, there = self.lay("lib/a"), f"nas:{self.there}/synced"
        command = [sys.executable, "-c", _FIRST_REQUEST, "sync", "-y", os.path.dirname(path), there]
        for loads in (r"\(0, \d+\)", r"\(1, [1-9]\d*\)"):
            said = subprocess.run(command, env=environment(HOMEFTP_HOME=self.home), capture_output=True, text=True)
            found = re.findall(loads, said.stdout.splitlines()[-1])
            self.assertEqual((said.returncode, len(found)), (0, 2), said)
