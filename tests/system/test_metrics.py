"""A monitoring system that scrapes real servers: it finds what was done, and sees an engine fail and come back."""

from __future__ import annotations

import os
from typing import Mapping

from twisted.trial.unittest import SynchronousTestCase

from tests.support import engines
from tests.support.objectserver import object_server
from tests.support.processes import SERVE, ServerProcess, add_remote, pair, run_homeftp
from tests.support.scraping import Scraper
from tests.support.socketpaths import socket_path
from tests.support.waiting import wait_until

FILES = {"secret-report": b"x" * 5000, "holiday-plan": b"y" * 7000, "tax": b""}
"""The names must not be among the metrics, nor the account's, ann."""


class MetricsCase(SynchronousTestCase):
    """A client and its folder."""

    def setUp(self) -> None:
        self.path = socket_path(self)
        self.scraper = Scraper(self.path)
        self.home = os.path.abspath(self.mktemp())
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        for name, content in FILES.items():
            with open(os.path.join(self.folder, name), "wb") as file:
                file.write(content)

    def homeftp(self, *arguments: str) -> None:
        """Run a command that has to succeed."""
        done = run_homeftp(*arguments, HOMEFTP_HOME=self.home)
        self.assertEqual(done.returncode, 0, done.stderr)

    def transfer(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Push the folder, and get it; the metrics before and after."""
        before = self.scraper.values()
        self.homeftp("push", "-r", self.folder, "nas:there")
        self.homeftp("get", "-r", "nas:there", os.path.join(self.folder, "..", f"{os.path.basename(self.folder)}-copy"))
        wait_until(lambda: not self.scraper.values()["connections json"])
        return before, self.scraper.values()

    def assert_transferred(self, before: Mapping[str, float], after: Mapping[str, float]) -> None:
        """The metrics show what two commands have done, which transferred the folder there and back."""

        def more(key: str) -> float:
            return after.get(key, 0.0) - before.get(key, 0.0)

        total = sum(map(len, FILES.values()))
        self.assertEqual(more("changes_total add"), len(FILES) + 1, "the folder too")
        self.assertEqual(more("group_commit_files_sum"), len(FILES) + 1)
        self.assertEqual(more("connections_accepted_total json"), 2)
        self.assertEqual(more("logins_total json 0"), 2)
        self.assertEqual(more("requests_total json 0 HELLO"), more("request_duration_seconds_count json HELLO"))
        self.assertGreaterEqual(more("requests_total json 0 GET"), 1)
        self.assertGreaterEqual(more("requests_total json 0 PUSH"), 1)
        for direction in ("received", "sent"):
            moved = more(f"{direction}_bytes_total json")
            self.assertTrue(total < moved < total + 16_000, (direction, moved))
        self.assertGreater(more("job_wait_seconds_count work"), 0)
        self.assertEqual(after["audit_unrecorded_changes"], 0)
        self.assertEqual((after["healthy"], after["sessions"], after["transfers"]), (1, 0, 0))
        self.assertGreater(after["process_open_fds"], 3)


class FolderTests(MetricsCase):
    """A server that shares a folder."""

    def setUp(self) -> None:
        super().setUp()
        self.server = ServerProcess("--metrics", f"unix:{self.path}", "--no-announce")
        self.addCleanup(self.server.end)

    def test_transferred(self) -> None:
        """What two commands have done is counted, and no name is told, which the owner's status does tell."""
        add_remote(self.server, self.home)
        self.assert_transferred(*self.transfer())
        values = self.scraper.values()
        self.assertGreater(values["disk_size_bytes"], values["disk_free_bytes"])
        self.assertEqual((values["versions_bytes"], values["problems"]), (0, 0))
        shown = self.scraper.ask("/metrics")[1]
        told = run_homeftp("status", "--json", "--state", self.server.state).stdout
        for name in (*FILES, "ann", os.path.basename(self.server.root), "127.0.0.1"):
            self.assertNotIn(f'"{name}', shown)
        for name in ("ann", os.path.basename(self.server.root)):
            self.assertIn(name, told, "the control")

    def test_refused(self) -> None:
        """A wrong password is a refused login."""
        options = ("--user", "ann", "--fingerprint", self.server.fingerprint, "--password-stdin")
        address = f"127.0.0.1:{self.server.ports[0]}"
        refused = run_homeftp("remote", "add", "nas", address, *options, input="wrong\n", HOMEFTP_HOME=self.home)
        self.assertNotEqual(refused.returncode, 0)
        values = self.scraper.values()
        self.assertEqual((values["logins_total json 32"], values.get("logins_total json 0")), (1, None))

    def test_folder_away(self) -> None:
        """A server whose folder has vanished is unhealthy, in words without its path, until the folder is back."""
        self.assertEqual(self.scraper.ask("/health"), (200, "ok\n"))
        os.rename(self.server.root, f"{self.server.root}-away")
        wait_until(lambda: not self.scraper.healthy())
        self.assertEqual(self.scraper.ask("/health"), (503, "the store does not answer\n"))
        values = self.scraper.values()
        self.assertEqual((values["healthy"], values["problems"]), (0, 1))
        self.assertNotIn("disk_free_bytes", values)
        os.rename(f"{self.server.root}-away", self.server.root)
        wait_until(self.scraper.healthy)

    def test_only(self) -> None:
        """Nothing else is answered there, and nothing can be sent there."""
        self.assertEqual(self.scraper.ask("/")[0], 404)
        self.assertEqual(self.scraper.ask("/metrics", "POST")[0], 405)
        self.assertEqual(self.scraper.ask("/health", "HEAD"), (200, ""))


class ClusterTests(MetricsCase):
    """A server of a cluster, whose database is the test's own."""

    def setUp(self) -> None:
        super().setUp()
        self.database = engines.PostgreSQL()
        self.addCleanup(self.database.stop)
        url = self.database.create("files")
        objects = object_server()
        bucket = f"{objects.bucket('tests')}/{id(self)}"
        done = run_homeftp("cluster", "init", url, "--objects", bucket, **objects.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        options = ("--objects", bucket, "--no-announce", "--metrics", f"unix:{self.path}")
        self.server = ServerProcess(*options, root=url, env=objects.environment(), program=SERVE, account=False)
        self.addCleanup(self.server.end)

    def test_cluster(self) -> None:
        """The same is counted, and the state of the database; while that is stopped the server is unhealthy."""
        pair(self.server, self.home)
        before, after = self.transfer()
        self.assert_transferred(before, after)
        self.assertEqual((after["cluster_servers running"], after["cluster_servers silent"]), (1, 0))
        self.assertEqual(after["cluster_replicas"], 0)
        self.assertGreaterEqual(after["cluster_dump_timestamp_seconds"], 0)
        for name in ("files", "accounts"):
            self.assertEqual(after[f"database_connections_limit {name}"], 8)
            idle = f"database_connections {name} idle"  # a look at what is new may have it just now
            wait_until(lambda key=idle: self.scraper.values()[key] >= 1)  # type: ignore[misc]
        self.assertNotIn("disk_size_bytes", after)
        self.database.stop()
        wait_until(lambda: not self.scraper.healthy())
        self.assertEqual(self.scraper.values()["healthy"], 0)
        self.database.start()
        wait_until(self.scraper.healthy)
