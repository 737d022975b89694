"""Accounts in PostgreSQL: the tests of what SQLite stores, and what only a database of several servers has."""

from __future__ import annotations

import contextlib
import signal
from concurrent.futures import ThreadPoolExecutor

from twisted.internet.task import Clock

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Devices, add_device
from homeftp.accounts.state.postgresql import ACCOUNTS, FRESH_SECONDS, PostgresState
from homeftp.accounts.state.schema import COLUMN_TYPES
from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.errors import Busy, OperatorError
from tests.support.accountstate import StateCase
from tests.support.engines import PostgreSQL, empty_schema, postgresql
from tests.support.kepttables import kept_database, tables_of_test
from tests.support.waiting import wait_until
from tests.unit.accounts import test_access, test_devices, test_invitations, test_validator
from tests.unit.accounts.links import test_table as test_links
from tests.unit.accounts.sessions import test_table as test_sessions


class PostgresCase(StateCase):
    """A new database for each test, as far as the tables are concerned."""

    def make_state(self) -> AccountDatabase:
        """A database with the tables of accounts."""
        self.url = tables_of_test(self, ACCOUNTS)
        return AccountDatabase(self.mktemp(), PostgresState(self.connect()))

    def connect(self) -> Database:
        """Connections as a server has them."""
        database = kept_database(self.url, 4)
        self.addCleanup(database.close)
        return database

    def again(self, state: AccountDatabase | None = None) -> AccountDatabase:
        """The accounts, as another server of the cluster opens them."""
        return AccountDatabase(self.mktemp(), PostgresState(self.connect()))


class PostgresAccessTests(PostgresCase, test_access.AccessTests):
    """Access."""


class PostgresDeviceTests(PostgresCase, test_devices.TableTests):
    """Devices."""


class PostgresInvitationTests(PostgresCase, test_invitations.InvitationTests):
    """Invitations."""


class PostgresSessionTests(PostgresCase, test_sessions.SessionTableTests):
    """Web sessions."""


class PostgresLinkTests(PostgresCase, test_links.MakeTests):
    """New share links."""


class PostgresLinkEndTests(PostgresCase, test_links.EndTests):
    """The end of share links."""


class PostgresLinkUseTests(PostgresCase, test_links.UseTests):
    """Share links in use."""


class PostgresValidatorTests(PostgresCase, test_validator.ValidatorTests):
    """Logins that stay valid."""


class PostgresTests(PostgresCase):
    """What several servers of a cluster rely on."""

    def test_columns(self) -> None:
        """The tables have the columns that SQLite's have."""
        with self.make_state().connection() as connection:
            columns = (
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
            )
            found: dict[str, list[str]] = {}
            for table, column in connection.execute(columns):
                found.setdefault(table, []).append(column)
        del found["homeftp_schema"], found["homeftp_commits"], found["accounts_version"]
        wanted = {table: sorted(types) for table, types in COLUMN_TYPES.items()}
        self.assertEqual({table: sorted(names) for table, names in found.items()}, wanted)

    def test_not_made(self) -> None:
        """A database without the tables is refused, with the command that makes them."""
        self.url = empty_schema()
        state = self.again()
        self.assertFalse(state.exists())
        for ask in (state.open, state.account_names, state.version):
            with self.assertRaisesRegex(OperatorError, "homeftp cluster init"):
                ask()

    def test_version(self) -> None:
        """Another server's change is seen after a second at most; what no login depends on changes no version."""
        state, clock = self.make_state(), Clock()
        engine = PostgresState(self.connect(), clock=clock.seconds)
        state.add_account("ann", "x")
        with state.transaction() as connection:
            device = add_device(connection, "1", "ann", "laptop", 0.0)
        seen = [engine.version()]
        for change in (
            lambda: state.set_password("ann", "y"),
            lambda: AccessTable(state).change("ann", AccessChange(links=True)),
            lambda: Devices(state).revoke(device.name),
            lambda: state.remove_account("ann"),
        ):
            change()
            self.assertEqual(engine.version(), seen[-1], "the control: nothing is asked yet")
            clock.advance(FRESH_SECONDS)
            seen.append(engine.version())
        self.assertEqual(len(set(seen)), len(seen), seen)
        state.add_account("bob", "x")
        with state.transaction() as connection:
            device = add_device(connection, "2", "bob", "laptop", 0.0)
        clock.advance(FRESH_SECONDS)
        seen.append(engine.version())
        Devices(state).saw(device.id, 5.0, "192.0.2.1", "homeftp", None)
        clock.advance(FRESH_SECONDS)
        self.assertEqual(engine.version(), seen[-1])

    def test_version_in_transaction(self) -> None:
        """What is decided within a transaction is decided by the version of that moment, however young the last was."""
        state, clock = self.make_state(), Clock()
        engine = PostgresState(self.connect(), clock=clock.seconds)
        before = engine.version()
        state.add_account("ann", "x")
        self.assertEqual(engine.version(), before, "the control")
        with engine.transaction():
            self.assertNotEqual(engine.version(), before)

    def test_alone(self) -> None:
        """Of many servers that change the same at once each sees what the one before it did."""
        states = [self.make_state(), self.again(), self.again()]

        def count(number: int) -> None:
            with states[number % len(states)].transaction() as connection:
                (tries,) = connection.execute("SELECT count FROM tries").fetchone()
                connection.execute("UPDATE tries SET count = ?", (tries + 1,))

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(count, range(60)))
        with states[0].connection() as connection:
            self.assertEqual(connection.execute("SELECT count FROM tries").fetchone(), (60,))

    def test_order(self) -> None:
        """Names are in the order of their bytes, as SQLite has them, whatever order the database has for texts."""
        self.url = postgresql().create(f"accounts_order_{id(self)}", "und-u-ka-shifted")
        migrate(self.connect(), [ACCOUNTS])
        names = ["a-c", "a.b", "a_d", "aa", "ab"]
        for name in reversed(names):
            self.again().add_account(name, None)
        self.assertEqual(self.again().account_names(), names)
        (own,) = self.connect().row("SELECT array(SELECT unnest(%s::text[]) ORDER BY 1)", (names,))
        self.assertNotEqual(own, names, "the control")

    def test_rolled_back(self) -> None:
        """A transaction that raises leaves nothing, and the connection is of use again."""
        state = self.make_state()
        for _ in range(10):
            with self.assertRaises(ZeroDivisionError), state.transaction() as connection:
                connection.execute("INSERT INTO removed_accounts VALUES (?)", ("ann",))
                raise ZeroDivisionError
        self.assertTrue(AccessTable(state).unlisted("ann"))

    def test_secret(self) -> None:
        """What PostgreSQL refuses is told without the values, which may be hashes of secrets."""
        state = self.make_state()
        with state.transaction() as connection:
            insert = "INSERT INTO devices (id, name, account, paired, credential) VALUES (?, ?, 'ann', 0, 's3cret')"
            connection.execute(insert, ("1", "a"))
        with self.assertRaises(OperatorError) as caught, state.transaction() as connection:
            connection.execute(insert, ("2", "b"))
        self.assertIn("device_credentials", str(caught.exception))
        self.assertNotIn("s3cret", str(caught.exception))


class PostgresDownTests(PostgresCase):
    """A database that does not answer."""

    def test_down(self) -> None:
        """Nothing is valid, all are told to try again, and once the database is back all goes on."""
        server = PostgreSQL(durable=True)
        self.addCleanup(server.stop)
        self.url = server.create("accounts")
        short = DatabaseTimeouts(operation=3.0)
        database, clock = Database(self.url, connections=4, timeouts=short), Clock()
        self.addCleanup(database.close)
        migrate(database, [ACCOUNTS])
        engine = PostgresState(database, clock=clock.seconds)
        state = AccountDatabase(self.mktemp(), engine)
        state.add_account("ann", "x")
        version = state.version()
        server.stop(signal.SIGQUIT)
        clock.advance(FRESH_SECONDS)
        for ask in (state.version, state.version, state.account_names, lambda: state.add_account("bob", "x")):
            with self.assertRaises(Busy):
                ask()
        server.start()
        clock.advance(FRESH_SECONDS)
        wait_until(lambda: self.names(state), lambda: "the database answers")
        self.assertEqual((state.account_names(), state.version()), (["ann"], version))

    def names(self, state: AccountDatabase) -> list[str]:
        """The accounts; nothing where the database does not answer yet."""
        with contextlib.suppress(Busy):
            return state.account_names()
        return []
