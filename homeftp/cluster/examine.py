"""Whether the database of a cluster can be trusted with files; `Bucket.check` looks at the bucket."""

from __future__ import annotations

from typing import Sequence

import attrs

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import SchemaPart, states

_OLDEST = 14
"""The oldest version of PostgreSQL."""

_MINOR = 10_000
"""By which PostgreSQL's number of its version is that of the major one."""

_DURABLE = {"fsync": "on", "full_page_writes": "on"}
"""Settings without which PostgreSQL loses what it has acknowledged when the power fails."""


@attrs.frozen
class Finding:
    """The result of one check."""

    what: str
    """The thing that was checked."""
    problem: str | None = None
    """The fault, and the remedy; None: there is none."""
    advice: str | None = None
    """A possible improvement."""


def examine_database(database: Database, parts: Sequence[SchemaPart]) -> list[Finding]:
    """Look at the database. Raises `Busy` (51) where it cannot be reached."""
    (number,) = database.row("SELECT current_setting('server_version_num')::integer")
    version = number // _MINOR
    found = [
        Finding(
            "version of PostgreSQL",
            None if version >= _OLDEST else f"It is {version}, and {_OLDEST} or later is needed.",
        )
    ]
    for name, wanted in _DURABLE.items():
        (value,) = database.row("SELECT current_setting(%s)", (name,))
        problem = f"{name} is {value}: a power cut loses files. Set it to {wanted}." if value != wanted else None
        found.append(Finding(name, problem))
    (commit,) = database.row("SELECT current_setting('synchronous_commit')")
    problem = "synchronous_commit is off: a crash loses files. Set it to on." if commit == "off" else None
    (replicas,) = database.row("SELECT current_setting('synchronous_standby_names')")
    advice = (
        "There is no synchronous replica: if another machine takes over, it may lack what was stored last."
        if not replicas
        else None
    )
    found.append(Finding("synchronous_commit", problem, advice))
    found.append(Finding("settings of connections", _lost_settings(database)))
    (encoding,) = database.row("SELECT current_setting('server_encoding')")
    found.append(Finding("encoding", None if encoding == "UTF8" else f"It is {encoding}: make the database with UTF8."))
    found += [Finding(f"tables of {state.name}", state.problem) for state in states(database, parts)]
    return found


def _lost_settings(database: Database) -> str | None:
    """The fault, where the settings that connections ask for do not arrive."""
    query = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
    there = dict(database.rows(query, (list(database.settings),)))
    lost = [(name, value) for name, value in database.settings.items() if there.get(name) != value]
    if not lost:
        return None
    statements = " ".join(f"ALTER ROLE CURRENT_USER SET {name} = {value};" for name, value in lost)
    return f"A proxy leaves out settings of homeftp's connections. By psql, logged in as homeftp's user: {statements}"
