"""The tables of a cluster's database: those of every part of homeftp that keeps something there."""

from __future__ import annotations

from typing import Sequence

from homeftp.accounts.state.guesses import GUESSES
from homeftp.accounts.state.postgresql import ACCOUNTS
from homeftp.audit.table import AUDIT
from homeftp.cluster.identity import IDENTITY
from homeftp.cluster.migrations import SchemaPart
from homeftp.cluster.servers import SERVERS
from homeftp.server.http.dav.locks.clusterlocks import LOCKS
from homeftp.server.http.dav.properties.clusterproperties import PROPERTIES
from homeftp.store.cluster.base.schema import STORE

SCHEMA: Sequence[SchemaPart] = (STORE, ACCOUNTS, AUDIT, IDENTITY, GUESSES, SERVERS, LOCKS, PROPERTIES)
