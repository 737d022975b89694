"""The dead properties of a cluster: in its database, so that each server shows those that were set at another one.

What any server moves and removes they follow in the transaction that does it (`follow`).
"""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from zope.interface import implementer

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import SchemaPart
from homeftp.config import Limits
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import NoSpace
from homeftp.model import Change
from homeftp.server.http.dav.properties.bounds import MAX_BYTES, KeptSizes, require_small, size_of
from homeftp.server.http.dav.properties.interface import IProperties, Properties
from homeftp.server.http.dav.xmlbody import Name

_STEP = """
CREATE TABLE webdav_property (
    parent text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    local text COLLATE "C" NOT NULL,
    value text NOT NULL,
    owner text NOT NULL,
    size integer NOT NULL
);
CREATE UNIQUE INDEX webdav_property_key ON webdav_property (md5(parent), name, md5(namespace || ' ' || local));
CREATE INDEX webdav_property_parent ON webdav_property (left(parent, 500));
"""
# A row of an index has less than 2,704 bytes: what may be longer is in it as a hash, or as its first 500 characters.

PROPERTIES = SchemaPart("webdav properties", (_STEP,), left=("webdav_property",))
"""One row for each property of what has the name `name` in the directory `parent`; the root has the name ""."""

_CHANGING = 0x64617670  # "davp"
"""The advisory lock of those who add properties: what they count does not grow before they have added theirs."""

_AT = "md5(parent) = md5(%s) AND name = %s AND parent = %s"

_BENEATH = (
    "(md5(parent) = md5(%s) AND parent = %s AND name <> '' OR"
    " left(parent, 500) BETWEEN left(%s, 500) AND left(%s, 500) AND parent > %s AND parent < %s)"
)
"""In the directory itself, or in one beneath it: between its path with `/` and with `0`, the character behind it."""

_KEPT = """
SELECT count(*) FILTER (WHERE owner = %s), coalesce(sum(size) FILTER (WHERE owner = %s), 0)::bigint,
    count(*), coalesce(sum(size + octet_length(parent) + octet_length(name)), 0)::bigint
FROM webdav_property
"""

_COPY = """
INSERT INTO webdav_property
SELECT copied.to_parent, copied.to_name, namespace, local, value, %s, size
FROM webdav_property AS property
JOIN unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS copied(parent, name, to_parent, to_name)
ON md5(property.parent) = md5(copied.parent) AND property.name = copied.name AND property.parent = copied.parent
"""


def _columns(endpoints: Sequence[Endpoint]) -> tuple[list[str], list[str]]:
    """The directories of some endpoints, and their names."""
    return [each.parent.whole for each in endpoints], [each.name for each in endpoints]


def _at(endpoint: Endpoint) -> tuple[str, ...]:
    """The parameters of `_AT`."""
    parent = endpoint.parent.whole
    return parent, endpoint.name, parent


def _beneath(endpoint: Endpoint) -> tuple[str, ...]:
    """The parameters of `_BENEATH`."""
    whole = endpoint.whole
    first, behind = f"{whole}/", f"{whole}0"
    return whole, whole, first, behind, first, behind


def follow(transaction: Transaction, changes: Sequence[Change]) -> None:
    """Follow what was moved and removed in the store, in the transaction that did it."""
    found = [change for change in changes if change.what in ("move", "delete")]
    if not found or transaction.row("SELECT 1 FROM webdav_property LIMIT 1") is None:
        return
    for change in found:
        if change.to is None:
            _remove(transaction, change.endpoint)
        else:
            _remove(transaction, change.to)
            _move(transaction, change.endpoint, change.to)


def _remove(transaction: Transaction, endpoint: Endpoint) -> None:
    transaction.execute(f"DELETE FROM webdav_property WHERE {_AT} OR {_BENEATH}", (*_at(endpoint), *_beneath(endpoint)))


def _move(transaction: Transaction, source: Endpoint, target: Endpoint) -> None:
    transaction.execute(
        f"UPDATE webdav_property SET parent = %s, name = %s WHERE {_AT}",
        (target.parent.whole, target.name, *_at(source)),
    )
    transaction.execute(
        f"UPDATE webdav_property SET parent = %s || substr(parent, %s) WHERE {_BENEATH}",
        (target.whole, len(source.whole) + 1, *_beneath(source)),
    )


@implementer(IProperties)
class ClusterProperties:
    """The properties of all resources of a cluster; the database is connected when it is first used."""

    def __init__(self, database: Callable[[], Database], limits: Limits, most_bytes: int = MAX_BYTES) -> None:
        self._database = database
        self._limits = limits
        self._most_bytes = most_bytes

    def of(self, endpoint: Endpoint) -> Properties:
        """The properties of what is at an endpoint. Raises `Busy` (51)."""
        query = f"SELECT namespace, local, value FROM webdav_property WHERE {_AT}"
        return {(namespace, local): value for namespace, local, value in self._database().rows(query, _at(endpoint))}

    def inside(self, directory: Endpoint) -> Mapping[str, Properties]:
        """The properties of everything directly in a directory, by name. Raises `Busy` (51)."""
        found: dict[str, Properties] = {}
        query = "SELECT name, namespace, local, value FROM webdav_property WHERE md5(parent) = md5(%s) AND parent = %s"
        whole = directory.whole
        for name, namespace, local, value in self._database().rows(f"{query} AND name <> ''", (whole, whole)):
            found.setdefault(name, {})[namespace, local] = value
        return found

    def change(self, endpoint: Endpoint, values: Mapping[Name, str | None], owner: str) -> None:
        """Set properties, or with None remove them: all or none. Raises `NoSpace` (52) and `Busy` (51)."""
        removing = f"DELETE FROM webdav_property WHERE {_AT} AND namespace = %s AND local = %s"
        adding = "INSERT INTO webdav_property VALUES (%s, %s, %s, %s, %s, %s, %s)"

        def work(transaction: Transaction) -> None:
            self._begin(transaction)
            before = f"SELECT namespace, local, value FROM webdav_property WHERE {_AT}"
            require_small({row[:2]: row[2] for row in transaction.rows(before, _at(endpoint))}, values)
            for name, value in values.items():
                transaction.execute(removing, (*_at(endpoint), *name))
                if value is not None:
                    size = size_of(name, value)
                    transaction.execute(adding, (endpoint.parent.whole, endpoint.name, *name, value, owner, size))
            if any(value is not None for value in values.values()):
                self._check(transaction, owner)

        self._database().transact(work)

    def copied(
        self,
        source: Endpoint,
        target: Endpoint,
        owner: str,
        *,
        deep: bool,
        shown: Callable[[Endpoint], bool] = lambda each: True,
    ) -> None:
        """Copy the properties of an endpoint to another. Raises `Busy` (51)."""

        def work(transaction: Transaction) -> None:
            self._begin(transaction)
            _remove(transaction, target)
            beneath = _endpoints_beneath(transaction, source) if deep else ()
            copied = list(filter(shown, (source, *beneath)))
            copies = [target.at(each.whole[len(source.whole) + 1 :]) for each in copied]
            transaction.execute(_COPY, (owner, *_columns(copied), *_columns(copies)))
            self._check(transaction, owner)

        try:
            self._database().transact(work)
        except NoSpace:
            self._database().transact(lambda transaction: _remove(transaction, target))

    def _begin(self, transaction: Transaction) -> None:
        transaction.execute("SELECT pg_advisory_xact_lock(%s)", (_CHANGING,))

    def _check(self, transaction: Transaction, owner: str) -> None:
        KeptSizes(*transaction.row(_KEPT, (owner, owner))).require(self._limits, self._most_bytes)


def _endpoints_beneath(transaction: Transaction, directory: Endpoint) -> list[Endpoint]:
    """The endpoints beneath a directory that have properties."""
    rows = transaction.rows(f"SELECT DISTINCT parent, name FROM webdav_property WHERE {_BENEATH}", _beneath(directory))
    return [ROOT.at(parent).beneath(name) for parent, name in rows]
