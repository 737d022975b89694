"""The access of each account: its home, its rights, and the folders with narrower rights."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Iterable, Iterator, Sequence

import attrs
import msgspec

from homeftp.accounts.database import WHOLE_SHARE, AccountDatabase, add_account
from homeftp.accounts.state.interface import Statements
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, OperatorError
from homeftp.store.policy.rights import ALL, READ, Rights, parse_rights, rights_shown

NO_QUOTA = 0
"""In an `AccessChange`: no limit from now on."""

MOST_QUOTA = 2**63 - 1
"""Bytes: the largest number that the database holds."""


UNLISTED = ""
"""The stamp of an account that is not in our database, but known to another checker."""


_DIGEST_BYTES = 16
"""The bytes of the digest of an account's rights: enough that no two are the same by chance."""


@attrs.frozen
class Access:
    """The access of one account."""

    home: Endpoint
    """The folder of the store that is the root for it."""
    rights: Rights
    quota: int | None = None
    """Bytes that may be beneath its home, at most: files, versions and uploads under way. None: no limit."""
    links: bool = False
    """Whether it may make share links."""
    stamp: str = attrs.field(default=UNLISTED, eq=False)
    """Changes with every change of the account, and never repeats: a login is valid while it stays the same."""
    id: str | None = attrs.field(default=None, eq=False)
    """Never changes, and never repeats: another account that gets the name after this one was removed has another id.

    The name is for people, requests and the audit log; the id says whose a partial upload is (`Actor.owner`). None
    where the account is not in our database.
    """

    @property
    def view(self) -> str | None:
        """A digest that changes where the account may read other folders than before; None without an `id`.

        The account learns it, and the `id` is secret, so that it does not tell what is hidden.
        """
        if self.id is None:
            return None
        rights = self.rights
        readable = READ in rights.everywhere
        hidden = sorted(folder for folder, most in rights.grants if READ not in most)
        folders = sorted((folder, READ in given) for folder, given in rights.folders)
        described = json.dumps([self.home.whole, readable, hidden, folders]).encode()
        return hashlib.blake2b(described, digest_size=_DIGEST_BYTES, key=self.id.encode()).hexdigest()


WHOLE_STORE = Access(ROOT, Rights(ALL))
"""Everything: what the owner gives where he restricts nothing."""


class AccessChange(msgspec.Struct, frozen=True):
    """A change of an account: each field that is not None is set."""

    home: Endpoint | None = None
    rights: frozenset[str] | None = None
    quota: int | None = None
    """Bytes; `NO_QUOTA` removes the limit."""
    folders: tuple[tuple[tuple[str, ...], frozenset[str]], ...] | None = None
    """The folders and their rights, in place of a home and of rights everywhere; () gives it those again."""
    links: bool | None = None
    """Whether it may make share links; False ends those that it has."""

    def applied(self, name: str, before: Access) -> Access:
        """The access of the account `name` after the change. Raises `OperatorError` for a quota without a home."""
        home = before.home if self.home is None else self.home
        kept = before.rights if self.home is None else _restricted(before, self.home)
        everywhere = kept.everywhere if self.rights is None else self.rights
        quota = before.quota if self.quota is None else self.quota or None
        if quota is not None and not home.parts:
            raise OperatorError(
                f"a quota counts what is in an account's home, and {name} has none: give it a home with --home FOLDER, "
                "or no quota with --quota none"
            )
        folders = before.rights.folders if self.folders is None else self.folders
        if folders and (self.home is not None or self.rights is not None or home.parts or quota is not None):
            raise OperatorError(
                f"{name} has either folders, each with its rights, or a home with rights and perhaps a quota: give "
                "--folder alone, or --folder none with what is to be in its place"
            )
        if folders:
            everywhere = frozenset()
        elif before.rights.folders and self.rights is None:
            raise OperatorError(f"say with --rights what {name} may do in place of its folders")
        links = before.links if self.links is None else self.links
        rights = Rights(everywhere, kept.grants, folders)
        return attrs.evolve(before, home=home, rights=rights, quota=quota, links=links)


def _restricted(before: Access, home: Endpoint) -> Rights:
    """The rights of an account that gets another home: each restriction stays where it is, and holds in the home too.

    The owner may think of either: an account is never given what it could not do before.
    """
    rights = before.rights
    there = tuple(((*before.home.parts, *folder), most) for folder, most in rights.grants)
    moved = Rights(rights.everywhere, there).narrowed(home.parts, rights.everywhere)
    grants = dict(rights.grants)
    for folder, most in moved.grants:
        grants[folder] = most & grants.get(folder, most)
    return Rights(moved.everywhere, tuple(grants.items()))


class AccessTable(msgspec.Struct, frozen=True):
    """The access of all accounts. Its methods block, and raise `OperatorError` for an account that does not exist."""

    state: AccountDatabase

    def find(self, name: str) -> Access | None:
        """The access of an account; None where it does not exist."""
        with self.state.snapshot() as connection:
            return _read(connection, name)

    def all(self) -> Iterator[tuple[str, Access]]:
        """Every account's name and access, sorted by name; an account that is removed meanwhile is left out."""
        for name in self.state.account_names():
            access = self.find(name)
            if access is not None:
                yield name, access

    def unlisted(self, name: str) -> bool:
        """Whether there is no account of that name, and none was removed since."""
        with self.state.connection() as connection:
            known = "SELECT name FROM accounts UNION SELECT name FROM removed_accounts"
            return connection.execute(f"SELECT 1 FROM ({known}) AS known WHERE name = ?", (name,)).fetchone() is None

    def add(self, name: str, password: str | None, change: AccessChange) -> Access:
        """Add an account with this stored password, or with none, and with this access, in one transaction.

        What `change` leaves out is as in `WHOLE_STORE`. Raises `OperatorError` where the name is taken.
        """
        with self.state.transaction() as connection:
            access = change.applied(name, WHOLE_STORE)
            home, rights = stored_folder(access.home), rights_shown(access.rights.everywhere)
            add_account(connection, name, password, home=home, rights=rights, quota=access.quota, links=access.links)
            _write_folders(connection, name, access)
            return _existing(connection, name)

    def change(self, name: str, change: AccessChange) -> Access:
        """Change an account, in one transaction; gives its new access. With another home it keeps its restrictions."""
        with self.state.transaction() as connection:
            return _change(connection, name, change)

    def set_home(self, name: str, home: Endpoint) -> None:
        """Make that folder the root of an account."""
        self.change(name, AccessChange(home=home))

    def set_rights(self, name: str, rights: frozenset[str]) -> None:
        """Set what an account may do outside the folders with narrower rights."""
        self.change(name, AccessChange(rights=rights))

    def grant(self, name: str, path: Endpoint, rights: frozenset[str] | None) -> Access:
        """Set what an account may do at most in a folder, relative to its home; None: as much as elsewhere.

        Gives the account's new access.
        """
        if not path.parts:
            raise OperatorError("name a folder; `homeftp account change --rights` sets the rights everywhere else")
        with self.state.transaction() as connection:
            _existing(connection, name)
            connection.execute("DELETE FROM grants WHERE account = ? AND path = ?", (name, path.whole))
            if rights is not None:
                connection.execute("INSERT INTO grants VALUES (?, ?, ?)", (name, path.whole, rights_shown(rights)))
            return _existing(connection, name)


def _read(connection: Statements, name: str) -> Access | None:
    """Within a transaction: the access of an account; None where it does not exist.

    Raises `OperatorError` for anything that this module does not write: what cannot be understood gives nothing.
    """
    row = connection.execute(
        "SELECT home, rights, quota, stamp, account_id, links FROM accounts WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        return None
    home, rights, quota, stamp, id, links = row
    grants = connection.execute("SELECT path, rights FROM grants WHERE account = ? ORDER BY path", (name,)).fetchall()
    own = connection.execute("SELECT path, rights FROM folders WHERE account = ? ORDER BY path", (name,)).fetchall()
    orphans = "SELECT 1 FROM grants WHERE account NOT IN (SELECT name FROM accounts)"
    if connection.execute(orphans).fetchone() is not None:
        raise OperatorError("the accounts are damaged: a restriction belongs to no account")
    try:
        narrower = tuple((read_folder(path).parts, read_rights(most)) for path, most in grants)
        folders = tuple((read_folder(path).parts, read_rights(given)) for path, given in own)
        everywhere = read_rights(rights)
        if folders and (home != WHOLE_SHARE or everywhere):
            raise ValueError
        access = Access(ROOT if home == WHOLE_SHARE else read_folder(home), Rights(everywhere, narrower, folders))
        if not (quota is None or (type(quota) is int and quota > 0)):
            raise ValueError
        if not all(type(each) is str and each for each in (stamp, id)) or links not in (0, 1):
            raise ValueError
    except (ValueError, OperatorError) as error:
        raise OperatorError(
            f"the record of the account {name} is damaged: create it again with `homeftp account remove {name}` and "
            f"`homeftp account add {name}`, or restore a backup"
        ) from error
    return attrs.evolve(access, quota=quota, stamp=stamp, id=id, links=links == 1)


def stored_folder(folder: Endpoint) -> str:
    """A folder in its stored form."""
    return folder.whole or WHOLE_SHARE


def read_folder(stored: object) -> Endpoint:
    """A folder in the store, exactly as it is written here; raises ValueError or `OperatorError`."""
    if not isinstance(stored, str) or not (found := parse_folder(stored)).parts or found.whole != stored:
        raise ValueError
    return found


def read_rights(stored: object) -> frozenset[str]:
    """Rights exactly as they are stored; raises ValueError or `OperatorError`."""
    if not isinstance(stored, str) or rights_shown(found := parse_rights(stored)) != stored:
        raise ValueError
    return found


def _existing(connection: Statements, name: str) -> Access:
    found = _read(connection, name)
    if found is None:
        raise OperatorError(f"there is no account named {name}: `homeftp account list` shows all")
    return found


def _change(connection: Statements, name: str, change: AccessChange) -> Access:
    """Within a transaction: change an account."""
    after = change.applied(name, _existing(connection, name))
    connection.execute(
        "UPDATE accounts SET home = ?, rights = ?, quota = ? WHERE name = ?",
        (stored_folder(after.home), rights_shown(after.rights.everywhere), after.quota, name),
    )
    connection.execute("UPDATE accounts SET links = ? WHERE name = ?", (int(after.links), name))
    connection.execute("DELETE FROM grants WHERE account = ?", (name,))
    connection.executemany(
        "INSERT INTO grants VALUES (?, ?, ?)",
        [(name, "/".join(folder), rights_shown(most)) for folder, most in after.rights.grants],
    )
    _write_folders(connection, name, after)
    return _existing(connection, name)


def _write_folders(connection: Statements, name: str, access: Access) -> None:
    connection.execute("DELETE FROM folders WHERE account = ?", (name,))
    connection.executemany(
        "INSERT INTO folders VALUES (?, ?, ?)",
        [(name, "/".join(parts), rights_shown(rights)) for parts, rights in access.rights.folders],
    )


def access_fields(access: Access) -> dict[str, Any]:
    """An account's home, rights, folders, quota (bytes), and whether it may make share links, for scripts."""
    return {
        "home": access.home.whole,
        "rights": rights_shown(access.rights.everywhere),
        "folders": folder_fields(access.rights.folders),
        "quota": access.quota,
        "links": access.links,
    }


def folder_fields(folders: Iterable[tuple[tuple[str, ...], frozenset[str]]]) -> dict[str, str]:
    """The rights in each folder, by its path, for scripts."""
    return {"/".join(parts): rights_shown(rights) for parts, rights in folders}


def parse_folders(texts: Sequence[str]) -> tuple[tuple[tuple[str, ...], frozenset[str]], ...]:
    """Folders with rights, as a person types them: `photos:read`, `ann:all`; `none` alone is none of them.

    Raises `OperatorError`.
    """
    if [text.strip().lower() for text in texts] == ["none"]:
        return ()
    found: dict[tuple[str, ...], frozenset[str]] = {}
    for text in texts:
        path, colon, given = text.rpartition(":")
        parts = parse_folder(path).parts
        if not colon or not parts or parts in found:
            raise OperatorError(f"--folder {text}: give a folder and its rights, such as photos:read or ann:all, once")
        found[parts] = parse_rights(given)
    return tuple(sorted(found.items()))


def parse_folder(text: str) -> Endpoint:
    """A folder of the store, as a person types it. Raises `OperatorError`."""
    try:
        return parse(text.strip("/"))
    except BadEndpoint as refused:
        raise OperatorError(f"{text!a} cannot be a folder in the shared folder: {refused.message}") from None
