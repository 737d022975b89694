"""A real server and a real client in one thread, with real TLS between them and real folders on both sides."""

from __future__ import annotations

import io
import os
from typing import Any, Awaitable, Callable, Coroutine, Sequence, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from homeftp.client import Client, FileResult, Outcome, TransferContext, TransferObserver, TransferOptions
from homeftp.client.plan.cmp import cmp
from homeftp.client.plan.get import get
from homeftp.client.plan.push import push
from homeftp.client.seen.store import SeenScope
from homeftp.config import STREAM_PIECE, Limits
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IDispatcher
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.fakeserver import Wire, identity
from tests.support.folders import QuickCase
from tests.support.inmemory import PASSWORD, Server

T = TypeVar("T")

BIG = bytes(range(256)) * (STREAM_PIECE // 100)
"""The content of a large file: more than is held in memory as a whole."""

OLD, NEW = 1_600_000_000, 1_700_000_000
"""Times in seconds since 1970."""


class TransferCase(QuickCase):
    """A client that is logged in to a server in memory, and an empty local folder `here`."""

    limits = Limits()
    filetypes: tuple[str, ...] = ()
    extra: Sequence[IDispatcher] = ()
    """Dispatchers besides CMP, GET and PUSH."""

    def setUp(self) -> None:
        self.server = Server.make(limits=self.limits, filetypes=self.filetypes, extra=self.extra)
        self.addCleanup(self.server.close)
        self.start_client()

    def start_client(self) -> None:
        """Begin anew on the client's side: an empty folder, a new connection, logged in."""
        self.here = self.mktemp()
        os.makedirs(self.here)
        self.wire = self.connect()
        self.client = Client(self.wire.client, fingerprint=identity("home").fingerprint)
        self.wire.pump()
        self.run_work(self.client.login("ann", PASSWORD))
        self.context = TransferContext(InlineWorkers(), System())
        self.results: list[FileResult] = []

    def new_cache(self) -> HashCache:
        """Let the client remember the hashes of local files in a new cache."""
        cache = HashCache(self.mktemp())
        self.addCleanup(cache.close)
        self.context = attrs.evolve(self.context, hash_cache=cache)
        return cache

    def connect(self, kind: type[Wire] = Wire) -> Wire:
        """A new connection, without TLS yet."""
        return kind(clock=self.server.clock, server=self.server.protocol(identity=identity("home")))

    def begin(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Start work, and deliver everything that both sides send."""
        begun = Deferred.fromCoroutine(work)
        self.wire.pump()
        return begun

    def run_work(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work; raises what it raised."""
        results: list[Any] = []
        self.begin(work).addBoth(results.append)
        self.assertEqual(len(results), 1, "the work waits for something that does not come")
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]  # type: ignore[no-any-return]

    def observer(self) -> TransferObserver:
        """A new observer; `results`, `started` and `compared` are what it is told."""
        self.results = []
        self.started: list[str] = []
        self.compared: list[tuple[int, int]] = []
        return TransferObserver(
            on_result=self.results.append,
            on_start=self.started.append,
            on_compared=lambda files, size: self.compared.append((files, size)),
        )

    def outcomes(self) -> dict[str, Outcome]:
        """What became of each name in the last transfer."""
        return {result.name: result.outcome for result in self.results}

    def one_sided(self) -> dict[str, tuple[Any, ...]]:
        """Of each name that exists on one side only: the outcome, the kind, and the folder that it is in or holds."""
        return {
            result.name: (result.outcome, result.kind, result.within, result.holds)
            for result in self.results
            if result.outcome in (Outcome.MISSING, Outcome.EXTRA)
        }

    def push(self, *paths: str, **options: Any) -> TransferObserver:
        observer = self.observer()
        self.run_work(push(self.client, self.context, paths[:-1], paths[-1], TransferOptions(**options), observer))
        return observer

    def get(self, *paths: str, **options: Any) -> TransferObserver:
        observer = self.observer()
        self.run_work(get(self.client, self.context, paths[:-1], paths[-1], TransferOptions(**options), observer))
        return observer

    def cmp(self, local: str, remote: str, **order: Any) -> TransferObserver:
        observer = self.observer()
        self.run_work(cmp(self.client, self.context, local, remote, observer, **order))
        return observer

    def make_file(self, name: str, content: bytes = b"content", *, mtime: int = NEW, mode: int = 0o644) -> str:
        """A local file; gives its path."""
        return write_file(self.here, name, content, mtime=mtime, mode=mode)

    def have_seen(self, endpoint: str, content: bytes) -> None:
        """Let the client have seen a content at an endpoint."""
        self.context.seen.record(SeenScope(self.client.fingerprint, "ann"), [(endpoint, hash_bytes(content))])

    def make_remote_file(self, endpoint: str, content: bytes = b"content", *, mtime: int = NEW) -> str:
        """A file in the server's folder, made without the server; gives its path."""
        path = self.server.put(endpoint, content)
        os.chmod(path, 0o644)
        os.utime(path, ns=(mtime * 10**9, mtime * 10**9))
        return path

    def remote_files(self) -> dict[str, bytes]:
        """The content of the server's files, by endpoint."""
        return tree(self.server.root)


def write_file(folder: str, name: str, content: bytes, *, mtime: int, mode: int) -> str:
    """Write a file in a local folder, at a path that may not be there yet; gives its whole path."""
    path = os.path.join(folder, *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)
    os.utime(path, ns=(mtime * 10**9, mtime * 10**9))
    return path


def reader_of(content: bytes) -> Callable[[int], Awaitable[bytes]]:
    """Gives `content` in pieces, as `push_stream` reads it."""
    source = io.BytesIO(content)

    async def read(size: int) -> bytes:
        return source.read(size)

    return read


def tree(top: str) -> dict[str, bytes]:
    """The files below a folder, but homeftp's own, with their contents."""
    found = {}
    for folder, folders, files in os.walk(top):
        if ".homeftp" in folders:
            folders.remove(".homeftp")
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, top).replace(os.sep, "/")] = file.read()
    return found


def folders(top: str) -> set[str]:
    """The folders below a folder."""
    found = set()
    for folder, names, _ in os.walk(top):
        if ".homeftp" in names:
            names.remove(".homeftp")
        found |= {os.path.relpath(os.path.join(folder, name), top).replace(os.sep, "/") for name in names}
    return found


def stamp(path: str) -> tuple[int, int]:
    """Time in microseconds, and mode."""
    found = os.stat(path)
    return found.st_mtime_ns // 1000, found.st_mode & 0o777
