"""The same changes through each front end leave the same: files, versions, lines of the audit log, and used space."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any, Sequence

from twisted.trial.unittest import SynchronousTestCase

from tests.support import replay
from tests.support.needs import program
from tests.support.processes import add_remote, run_homeftp
from tests.support.sftpserver import SftpServer
from tests.support.webserver import CREDENTIALS

FIRST, SECOND, KEPT = b"first" * 500, b"second" * 4000, b"kept" * 40_000
"""Contents: two small ones, and one that is too large to be held in memory by SFTP."""

TIME = 1_600_000_000
"""The time of all files, which each way keeps."""

TOLD = ("change", "kind", "size", "old_size", "status")
"""The fields of a line of the audit log that do not depend on the client. Nor does the hash of a file that was stored;
of one that is moved or replaced the log has the hash that the client demanded, if any."""


class MixedRunTests(SynchronousTestCase):
    """One server with all front ends, and one account that uses each of them."""

    def setUp(self) -> None:
        self.server = SftpServer("--https", "tcp:0:interface=127.0.0.1", "--no-announce")
        self.addCleanup(self.server.process.end)
        self.home = os.path.abspath(self.mktemp())
        os.makedirs(self.home)
        add_remote(self.server.process, self.home)
        state = self.server.process.state
        self.homeftp("account", "change", "ann", "--home", "ann", "--quota", "1G", "--state", state)
        for name, content in (("first", FIRST), ("second", SECOND), ("kept", KEPT)):
            with open(os.path.join(self.home, name), "wb") as file:
                file.write(content)
            os.utime(os.path.join(self.home, name), (TIME, TIME))

    def homeftp(self, *arguments: str) -> str:
        """What a command prints, which must succeed."""
        done = run_homeftp(*arguments, HOMEFTP_HOME=self.home)
        self.assertEqual(done.returncode, 0, done.stderr)
        return str(done.stdout)

    def dav(self, method: str, path: str, *more: str) -> str:
        """What curl prints of a request that must succeed."""
        found = re.search(r"web        (https://127\.0\.0\.1:\d+/)", self.server.process.output())
        assert found is not None
        command = [program("curl"), "-ksSf", "-u", CREDENTIALS, "-X", method, *more, f"{found[1]}dav/{path}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=self.home).stdout

    def used(self) -> int:
        """The space in use by all files and versions."""
        found = re.search(r"quota-used-bytes>(\d+)<", self.dav("PROPFIND", "", "-H", "Depth: 0", "-d", _QUOTA))
        assert found is not None
        return int(found[1])

    def by_push(self, there: str) -> None:
        """The changes by the JSON protocol."""
        self.homeftp("mkdir", f"nas:{there}/d")
        for name in ("first", "second"):
            self.homeftp("push", os.path.join(self.home, name), f"nas:{there}/d/a")
        self.homeftp("push", os.path.join(self.home, "kept"), f"nas:{there}/kept")
        self.homeftp("mv", f"nas:{there}/d/a", f"nas:{there}/d/b")
        self.homeftp("rm", f"nas:{there}/d/b")

    def by_dav(self, there: str) -> None:
        """The same by WebDAV."""
        self.dav("MKCOL", f"{there}/d")
        for name in ("first", "second"):
            self.dav("PUT", f"{there}/d/a", "-T", name, "-H", f"X-OC-Mtime: {TIME}")
        self.dav("PUT", f"{there}/kept", "-T", "kept", "-H", f"X-OC-Mtime: {TIME}")
        self.dav("MOVE", f"{there}/d/a", "-H", f"Destination: /dav/{there}/d/b")
        self.dav("DELETE", f"{there}/d/b")

    def by_sftp(self, there: str) -> None:
        """The same by SFTP."""
        puts = [f"put -p {name} {there}/{to}" for name, to in (("first", "d/a"), ("second", "d/a"), ("kept", "kept"))]
        self.server.sftp(
            f"lcd {self.home}", f"mkdir {there}/d", *puts, f"rename {there}/d/a {there}/d/b", f"rm {there}/d/b"
        )

    def changes(self, there: str) -> Sequence[tuple[str, str | None, dict[str, Any]]]:
        """The lines of the audit log about what is beneath a folder, in order."""

        def inside(endpoint: str | None) -> str | None:
            return None if endpoint is None else endpoint.removeprefix(f"ann/{there}/")

        found = []
        for line in replay.lines(self.server.process.state):
            if line["event"] == "change" and line["endpoint"].startswith(f"ann/{there}/"):
                fields = {field: line.get(field) for field in TOLD}
                if line["change"] != "move":
                    fields["hash"] = line.get("hash")
                found.append((str(inside(line["endpoint"])), inside(line.get("to")), fields))
        return found

    def versions(self, there: str) -> list[tuple[str, int]]:
        """The versions beneath a folder: name and size, the oldest first."""
        found = [json.loads(line) for line in self.homeftp("versions", "--json", f"nas:{there}").splitlines()]
        found.sort(key=lambda each: int(each["at"]))
        return [(each["name"].removeprefix(f"{there}/"), each["size"]) for each in found]

    def test_equal(self) -> None:
        """All that is left is equal, and none of it is empty."""
        left = []
        for there, make in (("push", self.by_push), ("dav", self.by_dav), ("sftp", self.by_sftp)):
            os.makedirs(os.path.join(self.server.root, "ann", there))
            before = self.used()
            make(there)
            top = os.path.join(self.server.root, "ann", there)
            tree = replay.tree_of(top)
            self.assertEqual(os.stat(os.path.join(top, "kept")).st_mtime, TIME)
            left.append((tree, self.versions(there), self.changes(there), self.used() - before))
        for each in left[1:]:
            self.assertEqual(each, left[0])
        tree, versions, changes, used = left[0]
        self.assertEqual((sorted(tree), [name for name, _ in versions]), (["d", "kept"], ["d/a", "d/b"]))
        told = [(fields["change"], name) for name, _, fields in changes]
        made = [("add", "d"), ("add", "d/a"), ("replace", "d/a"), ("add", "kept"), ("move", "d/a"), ("delete", "d/b")]
        self.assertEqual(told, made)
        self.assertGreaterEqual(used, len(FIRST) + len(SECOND) + len(KEPT))


_QUOTA = '<propfind xmlns="DAV:"><prop><quota-used-bytes/></prop></propfind>'
