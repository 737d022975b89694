"""Client and server work with 256 descriptors, as some systems allow no more: wide trees, deep ones, many at once."""

from __future__ import annotations

import os
import resource
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support.forkserver import ForkedProcess, ForkServer
from tests.support.processes import WITHIN, ServerProcess, environment, pair
from tests.support.transfers import tree

LIMIT = 256

_LIMITED = (
    "import os, resource, sys; "
    f"resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT})); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""A program that runs another one with so few."""

_WIDE, _DEEP = 300, 100
"""Folders beside each other, more than descriptors; and folders in each other."""


class FewDescriptorsTests(SynchronousTestCase):
    """A server and its clients, none of which may raise the limit."""

    def setUp(self) -> None:
        self.here = os.path.abspath(self.mktemp())
        self.home = os.path.join(self.here, "home")
        os.makedirs(self.home)
        self.forks = ForkServer(environment(), (sys.executable, "-c", _LIMITED))
        self.addCleanup(self.forks.close)
        self.server = ServerProcess(folder=os.path.join(self.here, "server"), forks=self.forks)
        self.addCleanup(self.server.end)
        pair(self.server, self.home)

    def start(self, *arguments: str) -> tuple[ForkedProcess, str]:
        """Start a command; the second is the path of what it prints."""
        printed = self.mktemp()
        with open(printed, "wb") as output, open(os.devnull, "rb") as nothing:
            standard = (nothing.fileno(), output.fileno(), output.fileno())
            env = environment(HOMEFTP_HOME=self.home)
            return self.forks.start(["homeftp", *arguments], standard=standard, env=env, cwd=os.getcwd()), printed

    def homeftp(self, *commands: tuple[str, ...]) -> None:
        """Run commands at the same time; each must succeed."""
        for process, printed in [self.start(*command) for command in commands]:
            returncode = process.wait(4 * WITHIN)
            with open(printed, encoding="utf-8") as output:
                self.assertEqual(returncode, 0, output.read())

    def test_folders(self) -> None:
        """Many folders with one file each, and a deep one, are pushed, compared and fetched; several at a time too."""
        with open(f"/proc/{self.server.process.pid}/limits", encoding="ascii") as limits:
            self.assertRegex(limits.read(), rf"Max open files +{LIMIT} +{LIMIT} ")
        self.assertGreater(resource.getrlimit(resource.RLIMIT_NOFILE)[0], LIMIT, "the test itself is not limited")
        source = os.path.join(self.here, "source")
        for name in (*(f"{number}" for number in range(_WIDE)), "/".join(["deep"] * _DEEP)):
            os.makedirs(os.path.join(source, name))
            with open(os.path.join(source, name, "file"), "w", encoding="ascii") as file:
                file.write(name)
        self.homeftp(("push", "-r", source, "nas:a"))
        self.assertEqual(tree(self.server.path("a")), tree(source))
        self.homeftp(*(("push", "-r", source, f"nas:{name}") for name in "bcd"))
        self.homeftp(("cmp", source, "nas:a"))
        self.homeftp(*(("get", "-r", f"nas:{name}", os.path.join(self.here, f"got {name}")) for name in "abc"))
        for name in "abc":
            self.assertEqual(tree(os.path.join(self.here, f"got {name}")), tree(source))
            self.assertEqual(os.stat(os.path.join(self.here, f"got {name}", "0")).st_mode & 0o777, 0o755)
        self.homeftp(("push", "-r", "-f", source, "nas:a"))
