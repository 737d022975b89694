"""The tables of the cluster store, as steps of the schema (docs/decisions/cluster has the reasons).

`node` is the tree: a directory that is moved changes one row. The root of a share, and what was removed and has no
versions yet, has its own id, negative, as its parent: no path leads there. `part` says where the bytes of a content
are; an object without a part is garbage. Paths of what has no row in the tree are its names joined by U+0001, which no
name can hold: so they sort as listings do. Times are microseconds since 1970 by the clock of the database.
"""

from homeftp.cluster.migrations import KeptTable, SchemaPart

PATH_BYTES = 2600
"""Bytes of the longest path: a row of an index has at most 2,704, and in that of `version` 32 are for the rest."""

_FIRST = """
CREATE FUNCTION now_us() RETURNS bigint LANGUAGE sql VOLATILE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

CREATE SEQUENCE number;

CREATE TABLE share (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    root bigint NOT NULL,
    longest integer NOT NULL DEFAULT 0,
    deepest integer NOT NULL DEFAULT 0
);

CREATE TABLE node (
    id bigint PRIMARY KEY,
    parent bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    folded text COLLATE "C" NOT NULL,
    alike integer NOT NULL DEFAULT 0,
    directory boolean NOT NULL,
    mtime_us bigint NOT NULL,
    mode integer NOT NULL,
    size bigint NOT NULL DEFAULT 0,
    hash bytea,
    content bigint,
    tag bigint NOT NULL,
    made_us bigint NOT NULL,
    found bytea,
    checked_us bigint NOT NULL DEFAULT 0,
    UNIQUE (parent, name),
    UNIQUE (parent, folded, alike)
);
CREATE INDEX node_found ON node (id) WHERE found IS NOT NULL;

CREATE TABLE part (
    content bigint NOT NULL,
    seq integer NOT NULL,
    object text COLLATE "C" NOT NULL,
    start bigint NOT NULL,
    size bigint NOT NULL,
    PRIMARY KEY (content, seq)
);
CREATE INDEX part_object ON part (object);

CREATE TABLE pack (
    object text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL
);

CREATE TABLE version (
    share bigint NOT NULL,
    path text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    mtime_us bigint NOT NULL,
    mode integer NOT NULL,
    size bigint NOT NULL,
    hash bytea NOT NULL,
    content bigint,
    made_us bigint NOT NULL,
    found bytea,
    checked_us bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (share, path, at_us)
);
CREATE INDEX version_age ON version (share, at_us);
CREATE INDEX version_found ON version (share, path) WHERE found IS NOT NULL;

CREATE TABLE upload (
    id bigint PRIMARY KEY,
    share bigint NOT NULL,
    path text COLLATE "C" NOT NULL,
    owner text,
    hash bytea,
    size bigint,
    mtime_us bigint,
    content bigint NOT NULL,
    arrived bigint NOT NULL,
    prefix_hash bytea NOT NULL,
    at_us bigint NOT NULL
);
CREATE INDEX upload_path ON upload (share, path);
CREATE INDEX upload_age ON upload (share, at_us);

CREATE TABLE removed (
    node bigint PRIMARY KEY,
    share bigint NOT NULL,
    path text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL
);

CREATE TABLE usage (
    share bigint NOT NULL,
    path text COLLATE "C" NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (share, path)
);

CREATE TABLE garbage (
    object text COLLATE "C" PRIMARY KEY,
    since_us bigint NOT NULL,
    doomed boolean NOT NULL DEFAULT false
);
CREATE INDEX garbage_age ON garbage (since_us);

CREATE TABLE upkeep (
    task text PRIMARY KEY,
    at_us bigint NOT NULL
);
"""

_SECOND = """
CREATE TABLE owner (
    id text PRIMARY KEY,
    own boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX owner_own ON owner (own) WHERE own;
"""

_THIRD = """
CREATE TABLE restored (
    share bigint NOT NULL,
    path text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    version_us bigint NOT NULL,
    PRIMARY KEY (share, path, at_us)
);
CREATE INDEX restored_age ON restored (share, at_us);
"""

_KEPT = ("share", "node", "part", "pack", "version", "upload", "removed", "usage")

STORE = SchemaPart(
    "store",
    (_FIRST, _SECOND, _THIRD),
    kept=(*map(KeptTable, _KEPT), KeptTable("restored", since=3), KeptTable("owner", without=("own",), since=2)),
    sequences=("number",),
    left=("garbage", "upkeep"),
)
"""The tables of the cluster store. A recovered database is another one, which has the ids of those before it, too; its
collector begins anew: all that no part names is new."""
