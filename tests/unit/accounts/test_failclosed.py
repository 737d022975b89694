"""Whatever is missing, damaged or unreadable of what an account's access depends on gives nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import Any, Awaitable, Callable, Iterator, Sequence, TypeVar

from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.python.failure import Failure

from homeftp.accounts.access import AccessChange, AccessTable, parse_folder
from homeftp.accounts.credentials.apppasswords import AppPasswordChecker, app_password_hash, new_app_password
from homeftp.accounts.credentials.sshkeys import SSHKey
from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.credentials.websessions import WebSession
from homeftp.accounts.devicelogin import DeviceCertificate
from homeftp.accounts.devices import DeviceKind, Devices, Narrowing, add_device
from homeftp.accounts.invitations import Invitations
from homeftp.accounts.passwords import Cost, PasswordChecker, hash_password
from homeftp.accounts.state import sqlite
from homeftp.accounts.state.sqlite import FILE
from homeftp.config import Limits
from homeftp.endpoint import parse
from homeftp.errors import Forbidden, Internal, Refusal
from homeftp.model import Entry, WriteRequest
from homeftp.store.policy.rights import parse_rights
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase
from tests.support.garbledaccounts import (
    COLUMNS,
    EXPECTED,
    FOLDERS,
    GARBAGE,
    ITSELF,
    OPEN_CODES,
    OPEN_SESSIONS,
    REFUSED,
    TEXTS,
    UNIMPORTANT,
)
from tests.support.inmemory import PASSWORD, Server
from tests.support.logins import started

CHEAP = Cost(n=2, r=1, p=1)
ID = "1" * 32
APP_PASSWORD = new_app_password()

T = TypeVar("T")

KINDS: dict[DeviceKind, tuple[ICredentials, str, float | None]] = {
    DeviceKind.APP_PASSWORD: (
        UsernamePassword(b"ann", APP_PASSWORD.encode()),
        str(app_password_hash(APP_PASSWORD)),
        None,
    ),
    DeviceKind.SSH_KEY: (SSHKey(b"ann", b"a key", verified=True), token_hash(b"a key"), None),
    DeviceKind.WEB_SESSION: (WebSession("a secret"), token_hash("a secret"), 1e10),
}
"""The kinds that have a credential: what is proven, the hash that is stored, and when it ends."""


class FailClosedCase(QuickCase):
    """The account ann: her home, the right to read it but for one folder, a quota and a password."""

    def setUp(self) -> None:
        self.server = Server.make(own_accounts=True, limits=Limits(guesses=10_000))
        self.addCleanup(self.server.close)
        self.state = self.server.state
        self.path = os.path.join(self.server.folder, FILE)
        access = AccessChange(parse_folder("home"), parse_rights("read"), 1000)
        AccessTable(self.state).add("ann", hash_password(PASSWORD, CHEAP), access)
        AccessTable(self.state).grant("ann", parse("tax"), frozenset())
        passwords = PasswordChecker(self.state, InlineWorkers(), CHEAP)
        self.server.portal.registerChecker(AppPasswordChecker(Devices(self.state), InlineWorkers(), passwords))
        for endpoint in ("secret", "home/letter", "home/tax/form"):
            self.server.put(endpoint, b"content")

    def outcome(self, work: Awaitable[T]) -> T | Exception:
        """The result, or what was raised."""
        results: list[Any] = []
        started(work).addBoth(results.append)
        [result] = results
        if isinstance(result, Failure):
            error = result.value
            assert isinstance(error, Exception)
            return error
        found: T = result
        return found

    def given(self, credentials: ICredentials) -> list[str] | None:
        """What a login gives: the files that it sees, and `change`; None where it is refused."""
        login = self.outcome(self.server.services.logins.login(credentials, "192.0.2.7", None))
        if isinstance(login, Exception):
            self.assertIsInstance(login, Refusal)
            self.flushLoggedErrors()
            return None
        files = login.files("GET")
        seen = [
            endpoint
            for endpoint in ("secret", "letter", "tax/form", "home/letter", "home/tax/form")
            if isinstance(self.outcome(files.stat(parse(endpoint))), Entry)
        ]
        written = self.outcome(files.write(WriteRequest(endpoint=parse("new"), size=1), b"x"))
        login.close()
        return seen + ["change"] * isinstance(written, Entry)

    @contextmanager
    def damaged(self, *statements: str, value: object = None) -> Iterator[None]:
        """The database after these statements, which may use `value`; then as it was."""
        with closing(sqlite3.connect(":memory:")) as before:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                connection.backup(before)
                connection.execute("PRAGMA ignore_check_constraints = ON")
                for statement in statements:
                    connection.execute(statement, (value,) if "?" in statement else ())
            try:
                yield
            finally:
                with closing(sqlite3.connect(self.path)) as connection:
                    before.backup(connection)

    def garble(self, table: str, column: str, garbage: object) -> bool:
        """Write `garbage` over a value; gives whether that is possible and changes something."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            (value,) = connection.execute(f"SELECT {column} FROM {table}").fetchone()
            if garbage is ITSELF:
                garbage = str(value).encode()
            try:
                connection.execute(f"UPDATE {table} SET {column} = ?", (garbage,))
            except sqlite3.IntegrityError:
                return False
            (after,) = connection.execute(f"SELECT {column} FROM {table}").fetchone()
            return bool((type(after), after) != (type(value), value))


class KindTests(FailClosedCase):
    """A device of each kind that proves something of which the hash is kept: narrowed to one folder of ann's home."""

    def add(self, kind: DeviceKind) -> ICredentials:
        """The only device, of that kind; gives what it proves."""
        proven, credential, expires = KINDS[kind]
        narrowing = Narrowing(parse_rights("read,add"), parse("shown"))
        with self.state.transaction() as connection:
            connection.execute("DELETE FROM devices")
            add_device(connection, ID, "ann", "x", 0.0, kind, credential, narrowing, expires)
        return proven

    def test_columns(self) -> None:
        """A value that is missing or that nobody wrote refuses the login, unless it means something."""
        self.server.put("home/shown/letter", b"content")
        shown: Sequence[str] = ("letter",)
        homes: dict[str, Sequence[str]] = {**dict.fromkeys(FOLDERS, ()), "the top": shown}
        tried = 0
        for kind in KINDS:
            proven = self.add(kind)
            for column in (*COLUMNS["devices"], "expires"):
                for name, garbage in GARBAGE.items():
                    with self.damaged():
                        if not self.garble("devices", column, garbage):
                            continue
                        tried += 1
                        found = self.given(proven)
                    fine = (
                        (column == "stamp" and name in TEXTS)
                        or (column == "name" and name in ("empty text", *TEXTS))
                        or (column == "id" and name in ("empty text", *TEXTS))
                        or column == "paired"
                        or (column == "expires" and (kind is not DeviceKind.WEB_SESSION or name in OPEN_SESSIONS))
                    )
                    expected = homes.get(name) if column == "home" else shown if fine else None
                    self.assertEqual(found, None if expected is None else list(expected), (kind, column, name))
            self.assertEqual(self.given(proven), ["letter"], "the control")
        self.assertGreater(tried, 200)

    def test_others(self) -> None:
        """What a device of one kind has stored is no credential of another kind, nor of another account."""
        AccessTable(self.state).add("bob", None, AccessChange())
        for kind, (proven, _, _) in KINDS.items():
            self.add(kind)
            for other, (proven_of_other, _, _) in KINDS.items():
                self.assertEqual(self.given(proven_of_other) is None, other is not kind, (kind, other))
            self.assertIsNone(self.given(DeviceCertificate(ID)), kind)
            with self.damaged("UPDATE devices SET account = 'bob'"):
                given = self.given(proven)
                self.assertIs(given is None, kind is not DeviceKind.WEB_SESSION, "a session names no account")

    def test_logins_that_are_in_use(self) -> None:
        """A login from before sees nothing either, whatever value is overwritten, by whatever program."""
        self.server.put("home/shown/letter", b"content")
        for kind in KINDS:
            for column in ("id", "account", "kind", "credential", "rights", "home", "stamp"):
                login = self.outcome(self.server.services.logins.login(self.add(kind), "192.0.2.7", None))
                assert not isinstance(login, Exception), login
                files = login.files("GET")
                self.assertIsInstance(self.outcome(files.stat(parse("letter"))), Entry)
                with self.damaged():
                    self.assertTrue(self.garble("devices", column, "text of nobody"))
                    refused = self.outcome(files.stat(parse("letter")))
                    self.assertIsInstance(refused, Forbidden | Internal, (kind, column))
                    self.flushLoggedErrors()
                login.close()


class FailClosedTests(FailClosedCase):
    """The same account with a laptop."""

    def setUp(self) -> None:
        self.patch(sqlite, "BUSY_SECONDS", 0.01)  # it is read where the server makes its database
        super().setUp()
        with self.state.transaction() as connection:
            add_device(connection, ID, "ann", "laptop", 0.0)

    def both(self) -> list[list[str] | None]:
        """What a login with the password gives, and one with the laptop."""
        return [self.given(UsernamePassword(b"ann", PASSWORD.encode())), self.given(DeviceCertificate(ID))]

    def test_intact(self) -> None:
        """The control of all others: the home but for one folder, and no change."""
        self.assertEqual(self.both(), [["letter"], ["letter"]])

    def test_columns(self) -> None:
        """A value that is missing or that nobody wrote refuses the login, unless it means something."""
        tried = 0
        for table, columns in COLUMNS.items():
            for column in columns:
                for name, garbage in GARBAGE.items():
                    with self.damaged():
                        if not self.garble(table, column, garbage):
                            continue  # the database itself refuses it
                        tried += 1
                        found = self.both()
                    expected = EXPECTED.get((table, column, name), REFUSED.get(table, REFUSED[""]))
                    self.assertEqual(found, expected, (table, column, name))
        self.assertGreater(tried, 100)
        self.test_intact()

    def test_tables(self) -> None:
        """A table or a row that is missing refuses the login that needs it."""
        for statement, expected in {
            "DROP TABLE accounts": [None, None],
            "DROP TABLE devices": [None, None],
            "DROP TABLE grants": [None, None],
            "DROP TABLE removed_accounts": [None, None],
            "DELETE FROM accounts": [None, None],
            "DELETE FROM devices": [["letter"], None],
        }.items():
            with self.damaged(statement):
                self.assertEqual(self.both(), expected, statement)
        self.test_intact()

    def test_logins_that_are_in_use(self) -> None:
        """A login from before sees nothing either, whatever value is overwritten, by whatever program."""
        for table, columns in COLUMNS.items():
            for column in columns:
                login = self.outcome(self.server.services.logins.login(DeviceCertificate(ID), "192.0.2.7", None))
                assert not isinstance(login, Exception)
                files = login.files("GET")
                self.assertIsInstance(self.outcome(files.stat(parse("letter"))), Entry)
                with self.damaged():
                    if (table, column) in UNIMPORTANT or not self.garble(table, column, "text of nobody"):
                        continue
                    refused = self.outcome(files.stat(parse("letter")))
                    self.assertIsInstance(refused, Forbidden | Internal, (table, column))
                    self.flushLoggedErrors()
                login.close()

    def test_files(self) -> None:
        """A database that is missing, empty, damaged, locked, or no file refuses every login, and is not made anew."""
        moved = self.path + ".away"

        def replace(content: bytes) -> None:
            with open(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
                file.write(content)

        with open(self.path, "rb") as file:
            whole = file.read()
        damages: dict[str, Callable[[], object]] = {
            "missing": lambda: None,
            "empty": lambda: replace(b""),
            "cut": lambda: replace(whole[: len(whole) // 2]),
            "garbage": lambda: replace(bytes(range(256)) * 64),
            "a directory": lambda: os.mkdir(self.path),
            "a dangling link": lambda: os.symlink("nowhere", self.path),
        }
        for name, damage in damages.items():
            self.state.close()
            os.rename(self.path, moved)
            damage()
            self.assertEqual(self.both(), [None, None], name)
            self.assertEqual(os.path.exists(self.path), name not in ("missing", "a dangling link"))
            if os.path.isdir(self.path):
                os.rmdir(self.path)
            elif os.path.lexists(self.path):
                os.unlink(self.path)
            os.rename(moved, self.path)
            self.assertEqual(self.both(), [["letter"], ["letter"]], "the control")

    def test_locked(self) -> None:
        """A database that another program keeps locked refuses every login."""
        self.state.close()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("UPDATE tries SET count = count")
            connection.execute("COMMIT")
            self.assertEqual(self.both(), [None, None])
        self.test_intact()

    def test_home(self) -> None:
        """A home that is no folder of the store gives nothing; one that is missing is made, and is empty."""
        home = os.path.join(self.server.root, "home")
        os.rename(home, home + ".away")
        self.assertEqual(self.both(), [[], []])
        os.rmdir(home)
        with open(home, "wb"):
            self.assertEqual(self.both(), [[], []])
        os.unlink(home)
        os.symlink(".", home)
        for given in self.both():
            self.assertIn(given, (None, []))
        os.unlink(home)
        os.rename(home + ".away", home)
        self.test_intact()

    def test_codes(self) -> None:
        """No code of which a value is missing or garbled pairs a device; the control: the others do."""
        paired = 0
        for column in ("words", "account", "ends", "misses", "device"):
            for name, garbage in GARBAGE.items():
                invitations = Invitations(self.state, clock=lambda: 0.0)
                made = invitations.make("ann", 600)
                with self.damaged():
                    if not self.garble("invitations", column, garbage):
                        continue
                    device = invitations.redeem(made.code, "2" * 32, "x")
                    if (column, name) not in OPEN_CODES:
                        self.assertIsNone(device, (column, name))
                device = invitations.redeem(made.code, f"{paired:032}", "x")
                self.assertEqual(device.account if device else None, "ann", "the control")
                paired += 1
        self.assertGreater(paired, 20)
