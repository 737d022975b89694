"""A server that is started as root, and what it may do then."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import tempfile

from twisted.trial.unittest import TestCase

from tests.support import needs
from tests.support.processes import INTERPRETED, PASSWORD, ServerProcess
from tests.support.rawclient import RawClient
from tests.support.waiting import wait_until

WARNING = "The server runs as root"


class PrivilegesTests(TestCase):
    """Real processes."""

    def status(self, server: ServerProcess) -> dict[str, list[str]]:
        """What the kernel says of the process."""
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
            return {name: found.split() for name, _, found in (line.partition(":") for line in file)}

    def test_root(self) -> None:
        """As root it serves, and warns of it, with what to do."""
        needs.root()
        server = ServerProcess(command=INTERPRETED)
        self.addCleanup(server.end)
        wait_until(lambda: WARNING in server.output(), server.output)
        self.assertIn("twistd --uid NAME", server.output())
        self.assertNotEqual(self.status(server)["CapEff"], ["0" * 16], "the control")

    def test_dropped(self) -> None:
        """The user that twistd changes to has no capability and no group of root; its files are private."""
        needs.root()
        nobody = pwd.getpwnam("nobody")
        folder = tempfile.mkdtemp(dir="/tmp")  # the user nobody may not be able to open the checkout's parents
        self.addCleanup(shutil.rmtree, folder)
        for name in (".", "root", "state"):
            os.makedirs(os.path.join(folder, name), mode=0o700, exist_ok=True)
            os.chown(os.path.join(folder, name), nobody.pw_uid, nobody.pw_gid)
        twistd = os.path.join(os.path.dirname(sys.executable), "twistd")
        become = ("--uid", str(nobody.pw_uid), "--gid", str(nobody.pw_gid))
        command = (twistd, "-n", "--pidfile=", *become, "homeftp", "--auth", f"memory:ann:{PASSWORD}")
        server = ServerProcess(folder=folder, command=command, account=False)
        self.addCleanup(server.end)
        self.assertNotIn(WARNING, server.output())
        status = self.status(server)
        self.assertEqual((status["CapEff"], status["CapPrm"], status["Umask"]), (["0" * 16], ["0" * 16], ["0077"]))
        self.assertEqual((status["Uid"], status["Gid"]), ([str(nobody.pw_uid)] * 4, [str(nobody.pw_gid)] * 4))
        self.assertNotIn("0", status["Groups"])
        with RawClient(server.ports[0], server.ca_file) as client:
            client.start_tls().login("ann", PASSWORD)
            body = {"rel_endpoint": "a/b", "meta_data": [["mode", 0o755]]}
            self.assertEqual(client.ask("PUSH", body, b"content")[0]["status"], 0)
        stored = os.stat(server.path("a/b"))
        self.assertEqual((stored.st_uid, stored.st_mode & 0o7777), (nobody.pw_uid, 0o755))
        for name in os.listdir(server.state):
            self.assertEqual(os.stat(os.path.join(server.state, name)).st_mode & 0o077, 0, name)
