"""The metrics as text: every value that is known is in it, and what is not known is missing."""

from __future__ import annotations

from typing import Mapping
from unittest import mock

from msgspec import structs
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.cluster.state import ClusterState
from homeftp.config import Limits
from homeftp.control.scrubstate import ScrubState
from homeftp.files.budget import MemoryBudget
from homeftp.files.jobs.groupcommits import GroupCommits
from homeftp.interfaces.usage import ConnectionsUsage, IActiveStore, StoreActivity, StoreUsage
from homeftp.server.gate.connections import Connections
from homeftp.server.gate.traffic import Traffic
from homeftp.server.monitoring.declared import METRICS
from homeftp.server.monitoring.exposition import Gathered, Sheet, encode, read
from homeftp.server.monitoring.monitored import Monitored, StoreState
from homeftp.status import Status
from homeftp.store.memory import MemoryStore
from homeftp.workers import ThreadWorkers

DATABASE = ConnectionsUsage(most=8, open=3, idle=1, waiting=2, waits=5, wait_seconds=0.5, failures=4)
EVERYTHING = Gathered(
    healthy=True,
    store=StoreState(
        problems=["/srv is away"],
        usage=StoreUsage(size=9, free=8, versions=7, most_versions=6, used=5, quota=4, unfinished=3),
    ),
    dumped=1_790_000_000.0,
    cluster=ClusterState(running=2, silent=1, rows={"node": 5}, replicas=1, lag_bytes=0, lag_seconds=0.25),
)


@implementer(IActiveStore)
class ActiveStore(MemoryStore):
    """A store of a cluster, which owes the audit log a change."""

    def activity(self) -> StoreActivity:
        return StoreActivity(changes={"add": 3, "evict": 1}, evicted_bytes=77, unrecorded=1, database=DATABASE)


def parsed(sheet: Sheet) -> Mapping[str, float]:
    """The samples of homeftp in what is sent, by name and labels."""
    content, media_type = encode(sheet, "")
    assert media_type.startswith("text/plain"), media_type
    return {
        " ".join([sample.name.removeprefix("homeftp_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
        if family.name.startswith("homeftp_")
    }


class ExpositionTests(SynchronousTestCase):
    """A server that has done something."""

    def setUp(self) -> None:
        clock = mock.Mock(spec=Clock, seconds=lambda: 0.0)
        self.traffic = Traffic(lambda: 2.0)
        json = self.traffic.of("json", ["GET"])
        json.answered("GET", Status.OK, 1.5)
        json.answered("GET", Status.BUSY, 1.5)
        json.reject()
        logins = mock.Mock()
        logins.outcomes = {(None, Status.OK): 2, ("https", Status.LOGIN_FAILED): 1}
        logins.logins = lambda: ["ann"]
        logins.files.commits = GroupCommits()
        self.server = Monitored(
            version="1.2",
            traffic=self.traffic,
            connections=Connections(Limits(), Clock()),
            most_connections=200,
            logins=logins,
            budget=MemoryBudget(),
            pools=[ThreadWorkers(clock, size=4, queue=1, name="work")],
            store=ActiveStore,
            accounts=mock.Mock(),
            scrub=lambda: ScrubState(root="/srv", damaged_total=2, before_us=5_000_000),
            member=mock.Mock(accounts_usage=lambda: DATABASE),
        )

    def test_values(self) -> None:
        """Each value has its place."""
        values = parsed(read(self.server, EVERYTHING))
        expected = {
            "build_info 1.2": 1,
            "healthy": 1,
            "connections_rejected_total json": 1,
            "requests_total json 0 GET": 1,
            "requests_total json 51 GET": 1,
            "request_duration_seconds_count json GET": 2,
            "request_duration_seconds_sum json GET": 1.0,
            "request_duration_seconds_bucket json 0.25 GET": 0,
            "request_duration_seconds_bucket json 0.5 GET": 2,
            "request_duration_seconds_bucket json +Inf GET": 2,
            "logins_total json 0": 2,
            "logins_total https 32": 1,
            "sessions": 1,
            "threads work": 4,
            "jobs_waiting hash work": 0,
            "changes_total evict": 1,
            "evicted_bytes_total": 77,
            "audit_unrecorded_changes": 1,
            "damaged_files": 2,
            "scrub_end_timestamp_seconds": 5,
            "problems": 1,
            "disk_free_bytes": 8,
            "quota_used_bytes": 5,
            "unfinished_upload_bytes": 3,
            "database_connections files busy": 2,
            "database_connections accounts idle": 1,
            "database_wait_seconds_total files": 0.5,
            "cluster_servers silent": 1,
            "cluster_table_rows node": 5,
            "cluster_replica_lag_bytes": 0,
            "cluster_dump_timestamp_seconds": 1_790_000_000,
            "cluster_replica_lag_seconds": 0.25,
        }
        self.assertEqual({key: values.get(key) for key in expected}, expected)

    def test_declared(self) -> None:
        """Each metric that is declared has a value where everything is known, and there is no other."""
        content, _ = encode(read(self.server, EVERYTHING), "")
        families = [each for each in text_string_to_metric_families(content.decode()) if each.samples]
        served = {each.name + ("_total" if each.type == "counter" else "") for each in families}
        own = {name for name in served if name.startswith("homeftp_")}
        # nothing was transferred, and nobody connected: these are of connections
        self.assertEqual(own, set(METRICS))
        self.assertIn("process_cpu_seconds_total", served)
        self.assertIn("process_resident_memory_bytes", served)

    def test_unknown(self) -> None:
        """Values that could not be found out are missing, and zero is a value."""
        values = parsed(read(self.server, Gathered(healthy=False)))
        self.assertEqual(values["healthy"], 0)
        for missing in ("problems", "disk_free_bytes", "cluster_replicas"):
            self.assertNotIn(missing, values)
        values = parsed(read(self.server, Gathered(healthy=True, store=StoreState(usage=StoreUsage(free=0)))))
        self.assertEqual((values["disk_free_bytes"], "disk_size_bytes" in values), (0, False))

    def test_other_store(self) -> None:
        """A store that tells nothing of itself is no fault."""
        values = parsed(read(structs.replace(self.server, store=MemoryStore), Gathered(healthy=True)))
        self.assertNotIn("evicted_bytes_total", values)

    def test_openmetrics(self) -> None:
        """A system that asks for OpenMetrics gets it."""
        sheet = read(self.server, EVERYTHING)
        content, media_type = encode(sheet, "application/openmetrics-text; version=1.0.0")
        self.assertTrue(media_type.startswith("application/openmetrics-text"), media_type)
        names = {each.name for each in openmetrics.text_string_to_metric_families(content.decode())}
        self.assertIn("homeftp_requests", names)
        self.assertTrue(CONTENT_TYPE_LATEST.startswith("text/plain"))
