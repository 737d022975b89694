"""The metrics in the text format of Prometheus, read from the parts of the server at the moment they are asked for.

Only this module uses prometheus_client, which is an extra. Nothing is counted here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Iterator, Mapping

import attrs
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from homeftp.histogram import Histogram
from homeftp.interfaces.usage import ConnectionsUsage, IActiveStore, StoreUsage
from homeftp.model import SECOND_US
from homeftp.server.monitoring.declared import COUNTER, HISTOGRAM, METRICS
from homeftp.server.monitoring.monitored import Monitored, StoreState

if TYPE_CHECKING:
    from homeftp.cluster.state import ClusterState

OWN_FRONT_END = "json"
"""The front end of logins that name none."""


@attrs.frozen(kw_only=True)
class Gathered:
    """The results of workers. None: there is none, because it took too long or failed."""

    healthy: bool
    store: StoreState | None = None
    cluster: ClusterState | None = None
    dumped: float | None = None


class Sheet:
    """The values of all declared metrics at one moment."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {name: _family(name) for name in METRICS}

    def add(self, name: str, value: float | None, *labels: str) -> None:
        """A value; None: it is not known, and the metric has none."""
        if value is not None:
            self._families[name].add_metric(labels, value)  # type: ignore[attr-defined]

    def add_histogram(self, name: str, histogram: Histogram, *labels: str) -> None:
        """The values of a histogram."""
        bounds = [*map(floatToGoString, histogram.bounds), "+Inf"]
        buckets = list(zip(bounds, histogram.cumulative(), strict=True))
        self._families[name].add_metric(labels, buckets, histogram.total)  # type: ignore[attr-defined]

    def families(self) -> Iterable[Metric]:
        """The metrics, for prometheus_client."""
        return self._families.values()


def _family(name: str) -> Metric:
    declared = METRICS[name]
    kinds: Mapping[str, type[Metric]] = {COUNTER: CounterMetricFamily, HISTOGRAM: HistogramMetricFamily}
    return kinds.get(declared.kind, GaugeMetricFamily)(name, declared.help, labels=declared.labels)  # type: ignore[call-arg]


def read(server: Monitored, found: Gathered) -> Sheet:
    """All metrics of a server. On the reactor's thread; nothing blocks."""
    sheet = Sheet()
    sheet.add("homeftp_build_info", 1, server.version)
    sheet.add("homeftp_healthy", found.healthy)
    _read_front_ends(sheet, server)
    _read_pools(sheet, server)
    _read_store(sheet, server)
    if found.store is not None:
        sheet.add("homeftp_problems", len(found.store.problems))
        _read_usage(sheet, found.store.usage)
    if server.member is not None:
        _read_connections(sheet, "accounts", server.member.accounts_usage())
    sheet.add("homeftp_cluster_dump_timestamp_seconds", found.dumped)
    if found.cluster is not None:
        _read_cluster(sheet, found.cluster)
    return sheet


def _read_front_ends(sheet: Sheet, server: Monitored) -> None:
    sheet.add("homeftp_connections_limit", server.most_connections)
    sheet.add("homeftp_connections_unauthenticated", server.connections.unauthenticated)
    for front_end, traffic in server.traffic.front_ends.items():
        received, sent = traffic.transferred()
        sheet.add("homeftp_connections", traffic.connections, front_end)
        sheet.add("homeftp_connections_accepted_total", traffic.accepted, front_end)
        sheet.add("homeftp_connections_rejected_total", traffic.rejected, front_end)
        sheet.add("homeftp_received_bytes_total", received, front_end)
        sheet.add("homeftp_sent_bytes_total", sent, front_end)
        for request_type, answers in traffic.answers.items():
            for status, count in answers.by_status.items():
                sheet.add("homeftp_requests_total", count, front_end, request_type, f"{status:d}")
            if answers.by_status:
                sheet.add_histogram("homeftp_request_duration_seconds", answers.seconds, front_end, request_type)
    for (name, status), count in server.logins.outcomes.items():
        sheet.add("homeftp_logins_total", count, name or OWN_FRONT_END, f"{status:d}")
    sheet.add("homeftp_sessions", len(server.logins.logins()))
    sheet.add("homeftp_transfers", server.budget.streams)


def _read_pools(sheet: Sheet, server: Monitored) -> None:
    for pool in server.pools:
        sheet.add("homeftp_threads", pool.size, pool.name)
        sheet.add("homeftp_jobs_running", pool.running, pool.name)
        for lane, count in pool.waiting().items():
            sheet.add("homeftp_jobs_waiting", count, pool.name, lane)
        sheet.add("homeftp_jobs_refused_total", pool.refused, pool.name)
        sheet.add_histogram("homeftp_job_wait_seconds", pool.waits, pool.name)
        sheet.add_histogram("homeftp_job_duration_seconds", pool.seconds, pool.name)


def _read_store(sheet: Sheet, server: Monitored) -> None:
    commits = server.logins.files.commits
    sheet.add_histogram("homeftp_group_commit_files", commits.sizes)
    sheet.add_histogram("homeftp_group_commit_duration_seconds", commits.seconds)
    scrub = server.scrub()
    sheet.add("homeftp_damaged_files", scrub.damaged_total)
    sheet.add("homeftp_scrub_end_timestamp_seconds", (scrub.ended_us or scrub.before_us) / SECOND_US)
    store = server.store()
    if IActiveStore.providedBy(store):
        activity = store.activity()
        for change, count in activity.changes.items():
            sheet.add("homeftp_changes_total", count, change)
        sheet.add("homeftp_evicted_bytes_total", activity.evicted_bytes)
        sheet.add("homeftp_audit_unrecorded_changes", activity.unrecorded)
        if activity.database is not None:
            _read_connections(sheet, "files", activity.database)


def _read_usage(sheet: Sheet, usage: StoreUsage) -> None:
    sheet.add("homeftp_disk_size_bytes", usage.size)
    sheet.add("homeftp_disk_free_bytes", usage.free)
    sheet.add("homeftp_versions_bytes", usage.versions)
    sheet.add("homeftp_versions_limit_bytes", usage.most_versions)
    sheet.add("homeftp_unfinished_upload_bytes", usage.unfinished)
    sheet.add("homeftp_quota_used_bytes", usage.used)
    sheet.add("homeftp_quota_bytes", usage.quota)


def _read_connections(sheet: Sheet, name: str, usage: ConnectionsUsage) -> None:
    sheet.add("homeftp_database_connections", usage.idle, name, "idle")
    sheet.add("homeftp_database_connections", usage.open - usage.idle, name, "busy")
    sheet.add("homeftp_database_connections_limit", usage.most, name)
    sheet.add("homeftp_database_waiting", usage.waiting, name)
    sheet.add("homeftp_database_waits_total", usage.waits, name)
    sheet.add("homeftp_database_wait_seconds_total", usage.wait_seconds, name)
    sheet.add("homeftp_database_failures_total", usage.failures, name)


def _read_cluster(sheet: Sheet, state: ClusterState) -> None:
    sheet.add("homeftp_cluster_servers", state.running, "running")
    sheet.add("homeftp_cluster_servers", state.silent, "silent")
    for table, count in state.rows.items():
        sheet.add("homeftp_cluster_table_rows", count, table)
    sheet.add("homeftp_cluster_replicas", state.replicas)
    sheet.add("homeftp_cluster_replica_lag_bytes", state.lag_bytes)
    sheet.add("homeftp_cluster_replica_lag_seconds", state.lag_seconds)


@attrs.frozen
class _SheetCollector(Collector):
    """Gives prometheus_client what was read."""

    _sheet: Sheet

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        yield from self._sheet.families()


def encode(sheet: Sheet, accept: str) -> tuple[bytes, str]:
    """The metrics, and those of the process, as a client accepts them; and their media type. May be slow."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SheetCollector(sheet))
    ProcessCollector(registry=registry)
    encoder, media_type = choose_encoder(accept)
    return encoder(registry), media_type
