"""The state of a cluster, as its database tells."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.cluster.servers import GONE_SECONDS, SERVERS, ClusterServer, report_server
from homeftp.cluster.state import read_cluster
from tests.support import engines


class StateTests(SynchronousTestCase):
    """A database with the servers of a cluster."""

    def setUp(self) -> None:
        self.database = Database(engines.empty_schema(), connections=1)
        self.addCleanup(self.database.close)
        migrate(self.database, [SERVERS])

    def test_servers(self) -> None:
        """A server that has said lately that it is there runs; one that has not is silent."""
        for id in ("1", "2", "3"):
            report_server(self.database, ClusterServer(id=id, host="nas", address="", version="1"))
        self.database.rows(
            "UPDATE servers SET seen = seen - make_interval(secs => %s) WHERE id = '3' RETURNING id", (GONE_SECONDS,)
        )
        state = read_cluster(self.database, ())
        self.assertEqual((state.running, state.silent), (2, 1))
        self.assertEqual((state.replicas, state.lag_bytes, state.lag_seconds), (0, None, None))

    def test_rows(self) -> None:
        """The sizes of tables are those of their last analysis; one that is not known, or not there, is missing."""
        self.assertEqual(read_cluster(self.database, ("servers", "nothing")).rows, {}, "the control")
        report_server(self.database, ClusterServer(id="1", host="nas", address="", version="1"))
        self.database.rows("SELECT 1")
        with self.database.connection() as connection:
            connection.execute("ANALYZE servers")
        self.assertEqual(read_cluster(self.database, ("servers", "nothing")).rows, {"servers": 1})
