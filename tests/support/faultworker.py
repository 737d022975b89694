"""A server's work without its connections: a process that changes a store as it is told, and is killed at any time.

`python -m tests.support.faultworker URL BUCKET SHARE [--name-first | --no-look]` forks a child that does what the lines
of its input say, one after the other, and prints an answer for each; another one follows a child that was killed. The
flags are defects, as controls.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import traceback
from typing import Any

from homeftp.audit.log import Audit
from homeftp.audit.table import AuditTable, insert_lines
from homeftp.cluster import commits
from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database
from homeftp.cluster.objects import Bucket, BucketTimeouts, open_bucket
from homeftp.endpoint import parse
from homeftp.errors import Refusal
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from homeftp.status import Status
from homeftp.store.cluster.base.context import ClusterContext, ClusterOptions
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables.shares import find_share
from homeftp.store.policy.changelog import ChangeLog
from homeftp.workers.deadline import OperationDeadline, under

SECONDS = 2.0
"""The time of an operation: less than a server has, so that a test takes less."""

PART_BYTES = 64 * 1024

FAULT = -1
"""The status of what is no refusal: a mistake of the program."""

_PR_SET_PDEATHSIG = 1


def content_of(tag: str, size: int) -> bytes:
    """The content that a tag stands for."""
    return (tag.encode() * (size // len(tag) + 1))[:size]


class LateBucket(Bucket):
    """A bucket that gets the bytes only when `flush` is called, after they were named: the defect."""

    def __init__(self, whole: Bucket) -> None:
        self.__dict__.update(whole.__dict__)
        self._late: list[tuple[str, bytes]] = []

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Remember an object."""
        self._late.append((name, bytes(content)))

    def flush(self) -> None:
        """Write what was named."""
        while self._late:
            with contextlib.suppress(Refusal):
                super().put(*self._late.pop())


def open_store(url: str, bucket: Bucket, share: str) -> ClusterStore:
    """The store, as a server has it."""
    database = Database(url, connections=2, timeouts=DatabaseTimeouts(operation=SECONDS, outcome=1.0))
    audit = Audit("", sink=AuditTable(database))
    options = StoreOptions()
    context = ClusterContext(
        database,
        bucket,
        find_share(database, share),
        options,
        ClusterOptions(share=share, part_bytes=PART_BYTES),
        ChangeLog(options.record_changes),
        lambda transaction, changes: insert_lines(transaction, audit.lines(changes)),
    )
    return ClusterStore(context)


def act(store: ClusterStore, what: str, path: str, to: str, size: int) -> object:
    """Do something; returns what the answer is to have."""
    endpoint = parse(path)
    if what == "tree":
        pages = store.list(endpoint, True) if store.stat(endpoint) is not None else iter(())
        return {entry.name: entry.hash for page in pages for entry in page.entries if entry.kind == "file"}
    if what == "write":
        (done,) = store.write_many([(WriteRequest(endpoint=endpoint, size=size), content_of(to, size))])
        if isinstance(done, Exception):
            raise done
    elif what == "upload":
        upload = store.upload(WriteRequest(endpoint=endpoint, size=size))
        try:
            upload.write(content_of(to, size))
            upload.commit()
        finally:
            upload.abort()
    elif what == "move":
        store.move(endpoint, parse(to), None, None)
    elif what == "remove":
        list(store.remove(endpoint, None, True))
    return None


def answer(store: ClusterStore, request: dict[str, Any]) -> dict[str, object]:
    """The answer to a request."""
    try:
        with under(OperationDeadline(SECONDS)):
            found = act(store, request["what"], request["path"], request["to"], request["size"])
            return {"status": int(Status.OK), "found": found}
    except Refusal as refusal:
        return {"status": int(refusal.status), "found": refusal.message}
    except Exception:  # noqa: BLE001 (it is told)
        return {"status": FAULT, "found": traceback.format_exc()}


def serve(arguments: list[str], flags: list[str]) -> None:
    """In a child: do what the input says, until it ends. Lines for another child are left out."""
    url, bucket_url, share = arguments
    bucket = open_bucket(bucket_url, os.environ, BucketTimeouts(operation=SECONDS))
    late = LateBucket(bucket) if "--name-first" in flags else None
    store: ClusterStore | None = None
    with open(0, "rb", buffering=0, closefd=False) as lines:
        while line := lines.readline():
            try:
                request = json.loads(line)
            except ValueError:  # the child before this one was killed while it read the beginning
                continue
            if request["pid"] != os.getpid():
                continue
            if store is None:
                with contextlib.suppress(Refusal):
                    store = open_store(url, late or bucket, share)
            if store is None:
                say({"status": int(Status.BUSY), "found": "there is no store yet"})
                continue
            done = answer(store, request)
            if late is not None:
                late.flush()
            say(done)


def say(words: object) -> None:
    """Print a line."""
    os.write(1, json.dumps(words).encode() + b"\n")


def main(*words: str) -> None:
    """Have a child as long as there is input."""
    flags = [each for each in words if each.startswith("--")]
    arguments = [each for each in words if not each.startswith("--")]
    if "--no-look" in flags:
        commits.was_committed = lambda connection, key, xid: False
    library = ctypes.CDLL(None)
    while True:
        child = os.fork()
        if not child:
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            try:
                serve(arguments, flags)
            finally:
                os._exit(0)
        os.write(1, b"\n" + json.dumps({"forked": child}).encode() + b"\n")
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
