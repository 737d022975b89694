"""Syncs with a real server whose owner takes rights away, or restores a backup: nothing is deleted here for that."""

from __future__ import annotations

import os
import shutil
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from tests.support.ports import reserved_listen
from tests.support.processes import ServerProcess, pair, run_homeftp
from tests.support.syncs import contents


class OwnerTests(SynchronousTestCase):
    """A laptop that has synced a folder."""

    def setUp(self) -> None:
        self.server = ServerProcess(folder=os.path.abspath(self.mktemp()), listen=reserved_listen())
        self.addCleanup(lambda: self.server.end())
        self.home = os.path.join(self.server.folder, "client")
        pair(self.server, self.home)
        self.folder = os.path.join(self.server.folder, "laptop")
        for name in ("a", "private/b", "c"):
            self.put(name, name)
        self.sync()
        self.before = contents(self.folder)
        self.assertEqual(contents(self.server.path("Docs")), self.before)

    def put(self, name: str, content: str) -> None:
        """Write a file here."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)

    def sync(self, *options: str, code: int = 0) -> str:
        """Sync; gives what was printed on standard error."""
        said = run_homeftp("sync", "-y", *options, self.folder, "nas:Docs", HOMEFTP_HOME=self.home)
        self.assertEqual(said.returncode, code, said.stderr)
        return said.stderr

    def owner(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the owner."""
        done = run_homeftp(*words, "--state", self.server.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_grant(self) -> None:
        """A folder that the account may not read any more stays here, and that is said; --max-delete confirms."""
        self.owner("grant", "ann", "Docs/private", "none")
        for _ in range(2):
            self.assertIn("failed: private: the server no longer lists it", self.sync(code=1))
            self.assertEqual(contents(self.folder), self.before)
        self.sync("--max-delete", "1")
        self.assertEqual(set(contents(self.folder)), {"a", "c"})
        self.assertEqual(contents(self.server.path("Docs")), self.before)
        self.assertIn("Nothing to do", self.sync())

    def test_restored(self) -> None:
        """On a server that was restored, with its state, from older backups, the laptop brings back what they lack."""
        backup = os.path.join(self.server.folder, "state.tar")
        self.owner("state", "backup", backup)
        shutil.copytree(self.server.path("Docs"), os.path.join(self.server.folder, "files"))
        self.put("new", "new")
        self.sync()
        self.server.end()
        for lost in (self.server.root, self.server.state):
            shutil.rmtree(lost)
        shutil.copytree(os.path.join(self.server.folder, "files"), self.server.path("Docs"))
        self.owner("state", "restore", backup)
        self.server = ServerProcess(folder=self.server.folder, listen=self.server.listen)
        self.assertIn("the server was restored", self.sync())
        self.assertEqual(contents(self.server.path("Docs")), {**self.before, "new": b"new"})
        self.assertIn("Nothing to do", self.sync())
