"""The tables of accounts, devices and invitations in SQLite, and how a database of each version becomes the next."""

from __future__ import annotations

_NEW_STAMP = "UPDATE accounts SET stamp = hex(randomblob(16)) WHERE name"
_STAMPING = (
    f"CREATE TRIGGER account_added AFTER INSERT ON accounts BEGIN {_NEW_STAMP} = NEW.name;"
    " DELETE FROM removed_accounts WHERE name = NEW.name; END",
    "CREATE TRIGGER account_changed AFTER UPDATE OF name, password, home, rights, quota ON accounts BEGIN"
    f" {_NEW_STAMP} = NEW.name; END",
    "CREATE TRIGGER account_removed AFTER DELETE ON accounts BEGIN"
    " INSERT OR IGNORE INTO removed_accounts VALUES (OLD.name); END",
    f"CREATE TRIGGER grant_added AFTER INSERT ON grants BEGIN {_NEW_STAMP} = NEW.account; END",
    f"CREATE TRIGGER grant_changed AFTER UPDATE ON grants BEGIN {_NEW_STAMP} IN (OLD.account, NEW.account); END",
    f"CREATE TRIGGER grant_removed AFTER DELETE ON grants BEGIN {_NEW_STAMP} = OLD.account; END",
)
"""Every change of an account gives it a new stamp, which never repeats, so no code can forget to.

Logins are valid while the stamp is what it was when they began. Removed names
are kept, so that no other checker's account of that name counts as one that never had a record.
"""

_NEW_DEVICE_STAMP = "UPDATE devices SET stamp = hex(randomblob(16)) WHERE id = NEW.id"
"""Likewise every change of what a device proves, or of what it may do, ends its logins."""

SCHEMA = (
    "CREATE TABLE accounts (name TEXT PRIMARY KEY, password TEXT NOT NULL)",
    # An account that is used from paired devices only has no password.
    "CREATE TABLE new_accounts (name TEXT PRIMARY KEY, password TEXT)",
    "INSERT INTO new_accounts SELECT name, password FROM accounts",
    "DROP TABLE accounts",
    "ALTER TABLE new_accounts RENAME TO accounts",
    "CREATE TABLE devices (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, account TEXT NOT NULL,"
    " paired REAL NOT NULL)",
    "CREATE TABLE invitations (number INTEGER PRIMARY KEY, words TEXT NOT NULL, account TEXT NOT NULL,"
    " ends REAL NOT NULL, misses INTEGER NOT NULL DEFAULT 0, device TEXT)",
    "CREATE TABLE tries (count INTEGER NOT NULL)",
    "INSERT INTO tries VALUES (0)",
    "ALTER TABLE accounts ADD COLUMN home TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE accounts ADD COLUMN rights TEXT NOT NULL DEFAULT 'read,add,replace,delete'",
    "CREATE TABLE grants (account TEXT NOT NULL, path TEXT NOT NULL, rights TEXT NOT NULL,"
    " PRIMARY KEY (account, path))",
    "ALTER TABLE accounts ADD COLUMN quota INTEGER",
    # No column has a default that gives access, and the whole store is said as `/`: nothing is not everything.
    "CREATE TABLE new_accounts (name TEXT PRIMARY KEY, password TEXT, home TEXT NOT NULL, rights TEXT NOT NULL,"
    " quota INTEGER, stamp TEXT NOT NULL DEFAULT '')",
    "INSERT INTO new_accounts SELECT name, password, iif(home = '', '/', home), rights, quota,"
    " hex(randomblob(16)) FROM accounts",
    "DROP TABLE accounts",
    "ALTER TABLE new_accounts RENAME TO accounts",
    "CREATE TABLE removed_accounts (name TEXT PRIMARY KEY)",
    *_STAMPING,
    # What the server has seen of a device since it was paired; NULL: nothing yet.
    "ALTER TABLE devices ADD COLUMN machine TEXT",
    "ALTER TABLE devices ADD COLUMN seen REAL",
    "ALTER TABLE devices ADD COLUMN address TEXT",
    "ALTER TABLE devices ADD COLUMN client TEXT",
    "ALTER TABLE devices ADD COLUMN expires REAL",
    # Accounts that have several folders, and nothing else: their own rights are `none`.
    "CREATE TABLE folders (account TEXT NOT NULL, path TEXT NOT NULL, rights TEXT NOT NULL,"
    " PRIMARY KEY (account, path))",
    f"CREATE TRIGGER folder_added AFTER INSERT ON folders BEGIN {_NEW_STAMP} = NEW.account; END",
    f"CREATE TRIGGER folder_changed AFTER UPDATE ON folders BEGIN {_NEW_STAMP} IN (OLD.account, NEW.account); END",
    f"CREATE TRIGGER folder_removed AFTER DELETE ON folders BEGIN {_NEW_STAMP} = OLD.account; END",
    # An id never becomes another account's. A name does: it may be given again after its account was removed.
    "ALTER TABLE accounts ADD COLUMN account_id TEXT NOT NULL DEFAULT ''",
    "DROP TRIGGER account_changed",
    "CREATE TRIGGER account_changed AFTER UPDATE OF name, password, home, rights, quota, account_id ON accounts BEGIN"
    f" {_NEW_STAMP} = NEW.name; END",
    "UPDATE accounts SET account_id = hex(randomblob(16))",
    "CREATE TRIGGER account_identified AFTER INSERT ON accounts BEGIN"
    " UPDATE accounts SET account_id = hex(randomblob(16)) WHERE name = NEW.name; END",
    # Devices of several kinds, each perhaps narrower than its account. What is missing gives nothing: no kind and no
    # home are no login, and no right is `none`.
    "ALTER TABLE devices ADD COLUMN kind TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE devices ADD COLUMN credential TEXT",
    "ALTER TABLE devices ADD COLUMN rights TEXT NOT NULL DEFAULT 'none'",
    "ALTER TABLE devices ADD COLUMN home TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE devices ADD COLUMN stamp TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE devices ADD COLUMN front_end TEXT",
    "UPDATE devices SET kind = 'certificate', rights = 'read,add,replace,delete', home = '/',"
    " stamp = hex(randomblob(16))",
    "CREATE UNIQUE INDEX device_credentials ON devices (credential, account)",
    f"CREATE TRIGGER device_added AFTER INSERT ON devices BEGIN {_NEW_DEVICE_STAMP}; END",
    "CREATE TRIGGER device_changed AFTER UPDATE OF id, account, kind, credential, rights, home ON devices BEGIN"
    f" {_NEW_DEVICE_STAMP}; END",
    # Share links are devices, and go with what allowed them; here is what only links have.
    "ALTER TABLE accounts ADD COLUMN links INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE links (device TEXT PRIMARY KEY, creator TEXT, uses_left INTEGER, password TEXT)",
    "CREATE TRIGGER links_forbidden AFTER UPDATE OF links, home ON accounts WHEN NEW.links IS NOT 1 OR"
    " OLD.home IS NOT NEW.home BEGIN DELETE FROM devices WHERE account = NEW.name AND kind = 'share link'; END",
    "CREATE TRIGGER creator_removed AFTER DELETE ON devices BEGIN DELETE FROM devices WHERE id IN"
    " (SELECT device FROM links WHERE creator = OLD.id); DELETE FROM links WHERE OLD.id IN (device, creator); END",
    "CREATE TRIGGER creator_changed AFTER UPDATE OF id, account, kind, credential, rights, home ON devices BEGIN"
    " DELETE FROM devices WHERE id IN (SELECT device FROM links WHERE creator IN (OLD.id, NEW.id)); END",
    # The hash of what is in the URL of an invitation for the web.
    "ALTER TABLE invitations ADD COLUMN secret TEXT",
)
"""Entry N upgrades a database of version N to version N + 1. Entries are only ever appended."""

_TEXT, _TEXT_OR_NULL, _NUMBER = "'text'", "'text', 'null'", "'integer', 'real'"
_NUMBER_OR_NULL = "'integer', 'real', 'null'"
_COUNT_OR_NULL = "'integer', 'null'"
COLUMN_TYPES = {
    "accounts": {
        "name": _TEXT,
        "password": _TEXT_OR_NULL,
        "home": _TEXT,
        "rights": _TEXT,
        "quota": _COUNT_OR_NULL,
        "stamp": _TEXT,
        "account_id": _TEXT,
        "links": _NUMBER,
    },
    "devices": {
        "id": _TEXT,
        "name": _TEXT,
        "account": _TEXT,
        "paired": _NUMBER,
        "machine": _TEXT_OR_NULL,
        "seen": _NUMBER_OR_NULL,
        "address": _TEXT_OR_NULL,
        "client": _TEXT_OR_NULL,
        "expires": _NUMBER_OR_NULL,
        "kind": _TEXT,
        "credential": _TEXT_OR_NULL,
        "rights": _TEXT,
        "home": _TEXT,
        "stamp": _TEXT,
        "front_end": _TEXT_OR_NULL,
    },
    "links": {"device": _TEXT, "creator": _TEXT_OR_NULL, "uses_left": _COUNT_OR_NULL, "password": _TEXT_OR_NULL},
    "invitations": {
        "number": _NUMBER,
        "words": _TEXT,
        "account": _TEXT,
        "ends": _NUMBER,
        "misses": _NUMBER,
        "device": _TEXT_OR_NULL,
        "secret": _TEXT_OR_NULL,
    },
    "grants": {"account": _TEXT, "path": _TEXT, "rights": _TEXT},
    "folders": {"account": _TEXT, "path": _TEXT, "rights": _TEXT},
    "tries": {"count": _NUMBER},
    "removed_accounts": {"name": _TEXT},
}
"""The types that each column may hold: SQLite itself enforces none."""
