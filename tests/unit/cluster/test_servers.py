"""Which servers a cluster has."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.cluster.servers import SERVERS, ClusterServer, list_servers, remove_server, report_server
from tests.support.engines import empty_schema

ONE = ClusterServer(id="1", host="attic", address="192.0.2.1", version="1.2")
TWO = ClusterServer(id="2", host="cellar", address="192.0.2.2:9000", version="1.2")
NOT_TWO = (
    attrs.evolve(TWO, id="other 0", host="shed"),
    attrs.evolve(TWO, id="other 1", address="192.0.2.2:9001"),
    attrs.evolve(TWO, id="other 2", address=""),
)
"""Servers with another host or address than the second one."""


class ServersTests(SynchronousTestCase):
    """Two servers."""

    def setUp(self) -> None:
        self.database = Database(empty_schema(), connections=2)
        self.addCleanup(self.database.close)
        migrate(self.database, [SERVERS])
        for server in (TWO, ONE, ONE):
            report_server(self.database, server)

    def pass_time(self, id: str, seconds: float) -> None:
        """Let a server have been silent for longer."""
        later = "UPDATE servers SET seen = seen - make_interval(secs => %s) WHERE id = %s"
        self.database.transact(lambda transaction: transaction.execute(later, (seconds, id)))

    def addresses(self) -> dict[str, bool]:
        """Where the servers are, and whether they run."""
        return {each.address: each.runs for each in list_servers(self.database)}

    def ids(self) -> set[str]:
        """Which are listed."""
        return {each.id for each in list_servers(self.database)}

    def test_listed(self) -> None:
        """Each is listed once, with its address, and runs."""
        self.assertEqual(self.addresses(), {ONE.address: True, TWO.address: True})
        self.assertEqual([each.host for each in list_servers(self.database)], ["attic", "cellar"])

    def test_silent(self) -> None:
        """One that is silent for a minute does not run, runs again as soon as it is heard, and is forgotten at last."""
        self.pass_time("2", 61)
        self.assertEqual(self.addresses(), {ONE.address: True, TWO.address: False})
        report_server(self.database, TWO)
        self.assertEqual(self.addresses(), {ONE.address: True, TWO.address: True})
        self.pass_time("2", 8 * 24 * 3600)
        report_server(self.database, ONE)
        self.assertEqual(self.addresses(), {ONE.address: True})

    def test_killed(self) -> None:
        """One that was killed and runs again is listed once, by host and address, when the first one is silent."""
        for server in (*NOT_TWO, attrs.evolve(TWO, id="3")):
            report_server(self.database, server)
        self.assertEqual(self.ids(), {"1", "2", "3", "other 0", "other 1", "other 2"})  # the control: it may run
        for id in ("2", "other 0", "other 1", "other 2"):
            self.pass_time(id, 61)
        report_server(self.database, attrs.evolve(TWO, id="3"))
        self.assertEqual(self.ids(), {"1", "3", "other 0", "other 1", "other 2"})
        report_server(self.database, attrs.evolve(TWO, id="3", address=""))  # who else has no address is not known
        self.assertIn("other 2", self.ids())

    def test_stopped(self) -> None:
        """One that stops is not listed."""
        remove_server(self.database, "2")
        self.assertEqual(self.addresses(), {ONE.address: True})
