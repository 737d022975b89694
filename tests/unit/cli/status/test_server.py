"""How this machine's server is shown; tests/system/cli/test_status.py asks a real one."""

from __future__ import annotations

import argparse
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.database import AccountDatabase
from homeftp.cli.status.server import ask_server, server_lines
from homeftp.control import ask
from homeftp.control.statelock import StateLock
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

BUDGETS = {
    "requests": {"used": 256, "most": 256, "waiting": 3},
    "jobs": {"used": 7, "most": 1024},
    "listings": {"used": 1, "most": 4},
    "hashings": {"used": 0, "most": 16},
    "reserved": {"used": 5_000_000, "most": 64_000_000},
}


def running(**more: Any) -> dict[str, Any]:
    """What a running server says."""
    return {
        "running": True,
        "answering": True,
        "server": {
            "pid": 7,
            "version": "1.2",
            "uptime_seconds": 3700,
            "root": "/srv/x",
            "state": "/var/x",
            "fingerprint": "SHA256:ab",
            "read_only": None,
            "audit_reads": False,
        },
        "addresses": [{"reachable": "192.0.2.1", "endpoint": "tcp:8421", "port": 8421, "tls": False}],
        "front_ends": ["json"],
        "connections": {"open": 2, "most": 200, "unauthenticated": 1, "most_unauthenticated": 30},
        "payloads": 1,
        "problems": ["the disk is gone"],
        "space": {"size": 10**9, "free": 10**8, "used": 5 * 10**8, "quota": 10**9, "versions": 0, "most_versions": 0},
        "accounts": [],
        "devices": [],
        "clients": [],
        **more,
    }


def device(**more: Any) -> dict[str, Any]:
    return {
        "name": "ann-laptop",
        "account": "ann",
        "paired_us": 0,
        "seen_us": None,
        "address": None,
        "client": None,
        "kind": "certificate",
        "front_end": None,
        **more,
    }


class LinesTests(SynchronousTestCase):
    """server_lines."""

    def lines(self, **more: Any) -> str:
        return "\n".join(server_lines(running(**more)))

    def test_running(self) -> None:
        """Uptime, addresses, space, quota and connections."""
        text = self.lines()
        for words in (
            "The server (pid 7, homeftp 1.2) has run for 1 h 1 min.",
            "sharing      /srv/x",
            "problem      the disk is gone",
            "listening    192.0.2.1 (tcp:8421)",
            "disk         100.0 MB of 1.0 GB free",
            "quota        500.0 MB of 1.0 GB used (50 %)",
            "connections  2 of 200; not logged in 1 of 30; large transfers 1",
        ):
            self.assertIn(words, text)
        self.assertNotIn("scrub", text)
        self.assertIn("scrub        at 12 %", self.lines(scrub={"summary": "at 12 %"}))

    def test_front_ends(self) -> None:
        """How browsers and other programs reach the server, and how many of their connections there are."""
        reach = [
            "web        https://192.0.2.1:8443/",
            "sftp       sftp -P 8022 x",
            "           its key: ED25519 SHA256:c",
        ]
        client: dict[str, Any] = {"account": "ann", "device": None, "address": "192.0.2.7", "doing": []}
        client["connections"] = 2
        through = [{**client, "front_end": name} for name in ("sftp", "https", "https", None)]
        text = self.lines(reach=reach, clients=through)
        for words in (
            "  web          https://192.0.2.1:8443/\n",
            "  sftp         sftp -P 8022 x\n               its key: ED25519 SHA256:c\n",
            "connections  2 of 200; https 4; sftp 2; not logged in",
            "connected from 192.0.2.7 through https, idle",
            "connected from 192.0.2.7, idle",
        ):
            self.assertIn(words, text)

    def test_account(self) -> None:
        """How much of a quota and of each limit is used; what uploads need beyond the limit is not reserved."""
        account = {
            "name": "ann",
            "home": "ann",
            "rights": "read,add",
            "folders": {},
            "quota": 10**9,
            "used": None,
            "unfinished": 10**6,
        }
        text = self.lines(accounts=[{**account, "budgets": BUDGETS}])
        for words in (
            "home ann, rights read,add, quota 1.0 GB (use not counted yet), 1.0 MB of interrupted uploads",
            "requests 256 of 256 and 3 waiting, waiting jobs 7 of 1024, listings 1 of 4, files being hashed 0 of 16",
            "reserved for uploads 5.0 MB of 64.0 MB",
        ):
            self.assertIn(words, text)
        more = {**BUDGETS, "reserved": {"used": 10**9, "most": 64_000_000}}
        self.assertIn("uploads 64.0 MB of 64.0 MB", self.lines(accounts=[{**account, "budgets": more}]))
        self.assertIn("quota 250.0 MB of 1.0 GB used (25 %)", self.lines(accounts=[{**account, "used": 25 * 10**7}]))
        text = self.lines(accounts=[{**account, "folders": {"photos": "read", "kid": "read,add"}, "quota": None}])
        self.assertIn("folders photos (read), kid (read,add)", text)

    def test_account_of_stopped_server(self) -> None:
        """The quota alone is shown: nobody counts what is used."""
        account = {"name": "ann", "home": "ann", "rights": "read", "folders": {}, "quota": 10**9}
        self.assertIn("home ann, rights read, quota 1.0 GB\n", f"{self.lines(running=False, accounts=[account])}\n")

    def test_devices(self) -> None:
        """What each device does; when it was seen; and who uses a password."""
        self.assertIn("not seen since", self.lines(devices=[device()]))
        text = self.lines(devices=[device(seen_us=0, address="192.0.2.7", client="homeftp 1")])
        self.assertRegex(text, r"seen [-0-9]+ [0-9:]+ at 192\.0\.2\.7 with homeftp 1")
        text = self.lines(devices=[device(seen_us=0, address="192.0.2.7", front_end="https")])
        self.assertRegex(text, r"seen [-0-9]+ [0-9:]+ at 192\.0\.2\.7 through https$")
        self.assertIn("added 19", self.lines(devices=[device(kind="app password")]))
        client = {"account": "ann", "device": "ann-laptop", "address": "192.0.2.7", "doing": []}
        self.assertIn("connected from 192.0.2.7, idle", self.lines(devices=[device()], clients=[client]))
        doing = [{"request": "PUSH", "path": "a/b", "seconds": 75.0}, {"request": "GET", "path": "", "seconds": 1.0}]
        text = self.lines(devices=[device()], clients=[{**client, "doing": doing}])
        self.assertIn("connected from 192.0.2.7: PUSH a/b (1 min 15 s) and 1 more", text)
        text = self.lines(clients=[{**client, "device": None, "doing": doing[1:]}])
        self.assertRegex(text, r"Logged in with a password\n  ann +connected from 192\.0\.2\.7: GET / \(1 s\)")


class AskTests(QuickCase):
    """ask_server, where nothing runs."""

    def setUp(self) -> None:
        self.patch(os, "environ", {"HOME": os.path.abspath(self.mktemp())})
        self.patch(ask, "running_servers", lambda environ, tell=None: [])

    def options(self, state: str | None = None) -> argparse.Namespace:
        return argparse.Namespace(state=state, json=False)

    def test_stopped(self) -> None:
        """A server that does not run is shown by what its database says."""
        folder = os.path.abspath(self.mktemp())
        AccountDatabase(folder).add_account("ann", None)
        found = ask_server(self.options(folder))
        assert found is not None
        self.assertEqual((found["running"], [each["name"] for each in found["accounts"]]), (False, ["ann"]))
        text = "\n".join(server_lines(found))
        self.assertIn(f"The server does not run. Its state is in {folder}.", text)
        self.assertIn("ann ", text)

    def test_silent(self) -> None:
        """A server that runs and does not answer, such as one that was stopped with SIGSTOP, is not said to be down."""
        folder = os.path.abspath(self.mktemp())
        AccountDatabase(folder).add_account("ann", None)
        lock = StateLock(folder)
        self.addCleanup(lock.close)
        lock.open()
        found = ask_server(self.options(folder))
        assert found is not None
        self.assertEqual((found["running"], found["answering"]), (True, False))
        text = "\n".join(server_lines(found))
        self.assertIn(f"The server (pid {os.getpid()}) runs, and does not answer.", text)
        self.assertIn(f"kill -CONT {os.getpid()}", text)
        self.assertIn("ann ", text)

    def test_none(self) -> None:
        """A machine without a server has none; a folder that was named must hold one."""
        self.assertIsNone(ask_server(self.options()))
        self.assertRaises(OperatorError, ask_server, self.options("/nowhere"))
