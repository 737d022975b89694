"""Several real servers of one cluster, and real clients: one of everything, and one that dies is not missed."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from homeftp.cluster.objects import open_bucket
from tests.support import engines
from tests.support.objectserver import object_server
from tests.support.processes import (
    PASSWORD,
    SERVE,
    ServerProcess,
    environment,
    pair,
    run_homeftp,
)
from tests.support.rawclient import RawClient
from tests.support.waiting import WITHIN, wait_until

LARGE = 24 * 1024 * 1024
BANDWIDTH = "8M"


class ServersTests(SynchronousTestCase):
    """Two servers, and a client that knows both."""

    def setUp(self) -> None:
        self.url = engines.postgresql().create(f"servers_{id(self)}")
        objects = object_server()
        self.bucket = f"{objects.bucket('tests')}/{id(self)}"
        self.env = objects.environment()
        self.done("cluster", "init", self.url, "--objects", self.bucket)
        self.first, self.second = self.serve(), self.serve()
        self.home = os.path.abspath(self.mktemp())
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)

    def serve(self) -> ServerProcess:
        """One more server."""
        options = ("--objects", self.bucket, "--no-announce")
        server = ServerProcess(*options, root=self.url, env=self.env, program=SERVE, account=False)
        self.addCleanup(server.end)
        return server

    def done(self, *arguments: str, input: str = "") -> str:
        """Run a command that has to succeed; what it prints."""
        env = {**self.env, "HOMEFTP_HOME": getattr(self, "home", "")}
        ended = run_homeftp(*arguments, input=input, **env)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout

    def pair(self) -> None:
        """Pair with the first server, which says where the second one is."""
        pair(self.first, self.home)
        other = f"127.0.0.1:{self.second.ports[0]}"
        wait_until(lambda: self.done("ls", "nas:") or other in self.done("remote", "list"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a client's command."""
        process = subprocess.Popen(
            [sys.executable, "-m", "homeftp", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(HOMEFTP_HOME=self.home),
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    @functools.cache  # noqa: B019 (one for each test)
    def database(self) -> Database:
        """A connection of the test's own."""
        database = Database(self.url, connections=1)
        self.addCleanup(database.close)
        return database

    def test_one_of_everything(self) -> None:
        """Identity, accounts, devices and the audit log are the same at each server."""
        self.assertEqual(self.first.fingerprint, self.second.fingerprint)
        self.done("account", "add", "bob", "--password-stdin", "--state", self.first.state, input=PASSWORD + "\n")
        self.pair()
        accounts = [self.done("account", "list", "--state", each.state) for each in (self.first, self.second)]
        self.assertEqual(accounts[0], accounts[1])
        self.assertIn("bob", accounts[0])
        with open(os.path.join(self.folder, "a"), "w", encoding="ascii") as file:
            file.write("content")
        watching = RawClient(self.second.ports[0], self.second.ca_file).start_tls().login("bob", PASSWORD)
        self.addCleanup(watching.socket.close)
        watching.send("WATCH", {"rel_endpoint": ""})
        watching.response()
        begun, _ = watching.response()  # from here on what others change is known
        self.assertTrue(begun["body"]["anything"])
        self.done("push", os.path.join(self.folder, "a"), "nas:a")
        told: list[str] = []
        while "a" not in told:  # at the other server
            told += watching.response()[0]["body"]["changed"]
        logs = [self.done("log", "--json", "--state", each.state) for each in (self.first, self.second)]
        self.assertEqual(logs[0], logs[1])
        events = [json.loads(line) for line in logs[0].splitlines()]
        self.assertEqual([each["endpoint"] for each in events if each["event"] == "change"], ["a"])
        self.assertFalse(os.path.exists(os.path.join(self.first.state, "audit.jsonl")))

    def test_foreign_bucket(self) -> None:
        """A server does not start on the bucket of another cluster, says why, and changes nothing there."""
        other = engines.postgresql().create(f"servers_{id(self)}_other")
        self.done("cluster", "init", other, "--objects", f"{self.bucket}-other")
        bucket = open_bucket(self.bucket, self.env)
        before = [each for page in bucket.list() for each in page]
        options = ("--objects", self.bucket, "--no-announce", "--state", os.path.abspath(self.mktemp()))
        ended = run_homeftp("serve", other, *options, "--listen", "tcp:0:interface=127.0.0.1", **self.env)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("the bucket belongs to another database", ended.stderr)
        self.assertEqual([each for page in bucket.list() for each in page], before)
        self.done("cluster", "status", self.url, "--objects", self.bucket)  # the control

    def test_failover(self) -> None:
        """A server that is killed while a large file is sent: the command goes on through the other, and ends right."""
        self.pair()
        push = self.start_large()
        before = self.arrived()
        self.first.end(signal.SIGKILL)
        output, _ = push.communicate(timeout=120)
        self.assertEqual(push.returncode, 0, output)
        resumed = re.search(r"Resuming large: ([0-9.]+) MB", output)
        assert resumed is not None, output
        self.assertGreater(float(resumed[1]) * 1e6, before * 0.5)
        self.done("cmp", os.path.join(self.folder, "large"), "nas:large")  # its status: the copies are the same
        self.assertEqual(self.done("verify", "nas:").count("damaged"), 0)

    def test_revoked(self) -> None:
        """A device that is revoked at one server is disconnected by the other, and can do nothing more there."""
        pair(self.second, self.home)
        push = self.start_large()
        (device,) = [json.loads(line)["name"] for line in self.done(*self.devices).splitlines()]
        self.done("device", "revoke", device, "--state", self.first.state)
        output, _ = push.communicate(timeout=WITHIN)
        self.assertNotEqual(push.returncode, 0, output)
        self.assertNotIn("1 file new", output)
        self.assertEqual(self.database().row("SELECT count(*) FROM node WHERE name = 'large'"), (0,))

    @property
    def devices(self) -> tuple[str, ...]:
        return "device", "list", "--json", "--state", self.first.state

    def start_large(self) -> subprocess.Popen[str]:
        """Send a large file slowly; gives the command once a part of it has arrived."""
        path = os.path.join(self.folder, "large")
        with open(path, "wb") as file:
            file.write(os.urandom(LARGE))
        push = self.start("push", "--bwlimit", BANDWIDTH, path, "nas:large")
        wait_until(lambda: self.arrived() > LARGE // 4 or push.poll() is not None)
        self.assertIsNone(push.poll(), "the control: it is under way")
        return push

    def arrived(self) -> int:
        """Bytes of a large file that a server has stored so far."""
        return int(self.database().row("SELECT coalesce(max(arrived), 0) FROM upload")[0])
