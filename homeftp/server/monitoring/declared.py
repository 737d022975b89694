"""The metrics that a server has: their names, kinds, labels and help. docs/owner/metrics.rst has the same table.

Names follow Prometheus: base units, `_total` for what only grows. A metric is never given another meaning.
"""

from __future__ import annotations

import attrs

COUNTER = "counter"
GAUGE = "gauge"
HISTOGRAM = "histogram"


@attrs.frozen
class Declared:
    """One metric."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS: dict[str, Declared] = {
    "homeftp_build_info": Declared(GAUGE, "Always 1; the version of homeftp is a label.", ("version",)),
    "homeftp_healthy": Declared(GAUGE, "1 if /health answers 200, else 0."),
    "homeftp_connections": Declared(GAUGE, "Open connections.", ("front_end",)),
    "homeftp_connections_limit": Declared(GAUGE, "Most simultaneous connections of all front ends."),
    "homeftp_connections_unauthenticated": Declared(GAUGE, "Open connections that have not logged in."),
    "homeftp_connections_accepted_total": Declared(COUNTER, "Connections that were accepted.", ("front_end",)),
    "homeftp_connections_rejected_total": Declared(
        COUNTER, "Connections that were rejected because a limit was reached.", ("front_end",)
    ),
    "homeftp_received_bytes_total": Declared(COUNTER, "Bytes received from clients.", ("front_end",)),
    "homeftp_sent_bytes_total": Declared(COUNTER, "Bytes sent to clients.", ("front_end",)),
    "homeftp_requests_total": Declared(
        COUNTER, "Answered requests, by the status of the front end's protocol.", ("front_end", "type", "status")
    ),
    "homeftp_request_duration_seconds": Declared(
        HISTOGRAM, "Time from the beginning of a request to its answer.", ("front_end", "type")
    ),
    "homeftp_logins_total": Declared(
        COUNTER, "Login attempts: status 0 was let in, 32 refused, 51 throttled.", ("front_end", "status")
    ),
    "homeftp_sessions": Declared(GAUGE, "Logins that are in use."),
    "homeftp_transfers": Declared(GAUGE, "Large payloads under way."),
    "homeftp_threads": Declared(GAUGE, "Threads of a pool.", ("pool",)),
    "homeftp_jobs_running": Declared(GAUGE, "Jobs that have a thread.", ("pool",)),
    "homeftp_jobs_waiting": Declared(GAUGE, "Jobs that wait for a thread, by what they do.", ("pool", "lane")),
    "homeftp_jobs_refused_total": Declared(COUNTER, "Jobs refused because an account's queue was full.", ("pool",)),
    "homeftp_job_wait_seconds": Declared(HISTOGRAM, "Time that jobs waited for a thread.", ("pool",)),
    "homeftp_job_duration_seconds": Declared(HISTOGRAM, "Time that jobs had a thread.", ("pool",)),
    "homeftp_group_commit_files": Declared(HISTOGRAM, "Small files and directories that were written together."),
    "homeftp_group_commit_duration_seconds": Declared(HISTOGRAM, "Time to write these and make them durable."),
    "homeftp_changes_total": Declared(COUNTER, "Changes of the store that are in the audit log.", ("change",)),
    "homeftp_evicted_bytes_total": Declared(COUNTER, "Bytes of versions and uploads that were removed to make space."),
    "homeftp_audit_unrecorded_changes": Declared(GAUGE, "Changes that were made and that the audit log still lacks."),
    "homeftp_damaged_files": Declared(GAUGE, "Files and versions that the disk has not kept."),
    "homeftp_scrub_end_timestamp_seconds": Declared(GAUGE, "When the last complete scrub ended; 0: there was none."),
    "homeftp_problems": Declared(GAUGE, "Problems of the store that homeftp status shows."),
    "homeftp_disk_size_bytes": Declared(GAUGE, "Size of the shared folder's disk."),
    "homeftp_disk_free_bytes": Declared(GAUGE, "Free bytes on the shared folder's disk."),
    "homeftp_versions_bytes": Declared(GAUGE, "Bytes of all kept versions."),
    "homeftp_versions_limit_bytes": Declared(GAUGE, "Bytes that kept versions may take up."),
    "homeftp_unfinished_upload_bytes": Declared(GAUGE, "Bytes of interrupted uploads."),
    "homeftp_quota_used_bytes": Declared(GAUGE, "Bytes that count for --quota."),
    "homeftp_quota_bytes": Declared(GAUGE, "The limit of --quota."),
    "homeftp_database_connections": Declared(
        GAUGE, "Open connections to the cluster's database.", ("database", "state")
    ),
    "homeftp_database_connections_limit": Declared(GAUGE, "Most connections to the cluster's database.", ("database",)),
    "homeftp_database_waiting": Declared(GAUGE, "Threads that wait for a connection.", ("database",)),
    "homeftp_database_waits_total": Declared(COUNTER, "How often a thread waited for a connection.", ("database",)),
    "homeftp_database_wait_seconds_total": Declared(
        COUNTER, "Time that threads have waited for a connection.", ("database",)
    ),
    "homeftp_database_failures_total": Declared(COUNTER, "How often there was no connection in time.", ("database",)),
    "homeftp_cluster_servers": Declared(GAUGE, "Servers of the cluster: running, or silent for a minute.", ("state",)),
    "homeftp_cluster_table_rows": Declared(
        GAUGE, "Rows of the cluster's tables, as PostgreSQL estimates them.", ("table",)
    ),
    "homeftp_cluster_replicas": Declared(GAUGE, "Replicas that follow the cluster's database."),
    "homeftp_cluster_replica_lag_bytes": Declared(GAUGE, "Bytes of the log that the slowest replica lacks."),
    "homeftp_cluster_dump_timestamp_seconds": Declared(
        GAUGE, "When the newest dump in the bucket was begun; 0: there is none."
    ),
    "homeftp_cluster_replica_lag_seconds": Declared(GAUGE, "Time by which the slowest replica is behind."),
}
