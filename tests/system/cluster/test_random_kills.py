"""Servers, the database and the bucket are killed at random while clients change files: each answer is the truth."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
from typing import Any, Mapping

from twisted.trial.unittest import SynchronousTestCase

from homeftp.audit.table import AUDIT, AuditTableReader
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.cluster.objects import open_bucket
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Damaged, Refusal
from homeftp.hashing.filehash import hash_bytes
from homeftp.server.otherservers import read_change
from homeftp.status import Status
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.store import ClusterStore
from homeftp.testing.contract.recording import replayed
from tests.support import clusterchecks, engines
from tests.support.clusters import Cluster
from tests.support.databaseproxy import DatabaseProxy
from tests.support.faultworker import FAULT, PART_BYTES, content_of
from tests.support.needs import LONG
from tests.support.processes import environment
from tests.support.waiting import WITHIN, pause, wait_until

KILLS = 10_000 if LONG else 100

CLIENTS = 2

BETWEEN = 2
"""Acknowledged changes between two kills, at least."""

FAULTS = {"server": 85, "backend": 12, "database": 2, "bucket": 1}
"""What is killed, and how often: one that is costly to start less often. All of PostgreSQL falls with a backend."""

ANSWERS_LOST = 0.3
"""How often the answer to a commit is lost, besides."""

FOLDERS = ("a", "b", "a/c")

UNCHANGED = (Status.BUSY, Status.NO_SPACE, Status.NOT_FOUND, Status.WRONG_KIND, Status.CHANGED, Status.BAD_ENDPOINT)

Files = dict[str, str]
"""The hash of each file."""


class Ended(Exception):
    """The test is over."""


class FaultClient:
    """A client with a folder of its own, and the process that works for it."""

    def __init__(self, name: str, command: list[str], env: Mapping[str, str], seed: int) -> None:
        self.name = name
        self.files: Files = {}
        """The files that it has."""
        self.possible: tuple[Files, ...] = ({},)
        """These, and those of a change whose answer is not known."""
        self.problems: list[str] = []
        self.done = self.unsure = 0
        self.ended = threading.Event()
        self.server = 0
        """The process that works at the moment."""
        self._killed = 0
        self._chance = random.Random(seed)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(env), text=True
        )
        self._await_server()

    def run(self) -> None:
        """Change files at random until the test ends."""
        with contextlib.suppress(Ended):
            while not self.problems:
                self._change()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.kill()  # and its child with it
        self._process.wait(60)
        self._process.stdin.close()
        self._process.stdout.close()

    def kill_server(self) -> None:
        """Kill the process that works, unless that was done and no other one is there yet."""
        if self.server != self._killed:
            self._killed = self.server
            os.kill(self.server, signal.SIGKILL)

    def _change(self) -> None:
        what = self._chance.choices(("write", "upload", "move", "remove"), (5, 2, 3, 1))[0]
        path, to, size = self._path(), "", 0
        after = dict(self.files)
        if what in ("write", "upload"):
            to, size = f"{self.name} {self._chance.random()} ", self._chance.choice((1, 100, 5000))
            size += 2 * PART_BYTES if what == "upload" else 0
            after[path] = hash_bytes(content_of(to, size))
        elif what == "remove":
            path = self._chance.choice((path, path.rpartition("/")[0]))
            after = {name: hash for name, hash in after.items() if not _within(name, path)}
        else:
            to = self._path()
            if self._chance.random() < 0.3:
                path, to = path.rpartition("/")[0], to.rpartition("/")[0]
            moved = {to + name[len(path) :]: hash for name, hash in after.items() if _within(name, path)}
            after = {name: hash for name, hash in after.items() if not _within(name, path)} | moved
        self.possible = (self.files, after)
        found = self._ask(what, path, to, size)
        status = None if found is None else found["status"]
        if status == Status.OK:
            self.done += 1
            self.possible = (after,)
        elif status in UNCHANGED:
            self.possible = (self.files,)
        if status == FAULT:
            self.problems.append(f"{what} {path} {to}: {found}")
        if status == Status.OK or (status in UNCHANGED and status not in (Status.BUSY, Status.NO_SPACE)):
            self.files = self.possible[0]
        else:
            self.unsure += 1
            self._wait_until_quiet(f"{what} {path} {to}: {found}")

    def _wait_until_quiet(self, asked: str) -> None:
        """Look what there is, which must be possible by what was answered."""
        while True:
            found = self._ask("tree", self.name, "", 0)
            if found is not None and found["status"] == Status.OK:
                break
            pause(0.05)
        self.files = {f"{self.name}/{name}": hash for name, hash in found["found"].items()}
        if self.files not in self.possible:
            possible = [sorted(each) for each in self.possible]
            self.problems.append(f"{asked}: there is {sorted(self.files)}, and not {possible}")
        self.possible = (self.files,)

    def _path(self) -> str:
        return f"{self.name}/{self._chance.choice(FOLDERS)}/{self._chance.choice('1234')}.txt"

    def _ask(self, what: str, path: str, to: str, size: int) -> dict[str, Any] | None:
        """The answer; None where the server was killed before it came."""
        if self.ended.is_set():
            raise Ended
        assert self._process.stdin is not None
        words = {"pid": self.server, "what": what, "path": path, "to": to, "size": size}
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        found = self._line()
        if "forked" in found:
            self.server = found["forked"]
            return None
        return found

    def _await_server(self) -> None:
        self.server = self._line()["forked"]

    def _line(self) -> dict[str, Any]:
        """The next whole line."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            with contextlib.suppress(ValueError):
                found: dict[str, Any] = json.loads(line)
                return found
        self.problems.append("its process has ended")
        raise Ended


def _within(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}/")


_NUMBERS = itertools.count(1)


@functools.lru_cache(maxsize=1)
def own_engines() -> tuple[engines.PostgreSQL, engines.SeaweedFS]:
    """A database that is durable as it comes, and a bucket, which nothing else uses."""
    return engines.PostgreSQL(durable=True), engines.SeaweedFS()


class RandomKillTests(SynchronousTestCase):
    """Engines that may be killed; the database is reached through a relay."""

    def setUp(self) -> None:
        self.postgresql, self.seaweedfs = own_engines()
        name = f"kills_{next(_NUMBERS)}"
        self.url = self.postgresql.create(name)
        self.own = Database(self.url, connections=2)
        self.addCleanup(self.own.close)
        migrate(self.own, [STORE, AUDIT])
        self.proxy = DatabaseProxy(self.postgresql)
        self.addCleanup(self.proxy.close)
        self.relayed = self.proxy.url(name)

    def torture(self, kills: int, *flags: str, faults: Mapping[str, int] = FAULTS) -> list[str]:
        """Kill so often; what is wrong."""
        self.chance = random.Random(kills)
        bucket = f"{self.seaweedfs.bucket('kills')}/{next(_NUMBERS)}"
        env = self.seaweedfs.environment()
        cluster = Cluster(open_bucket(bucket, env), self.url)
        context = cluster.context()
        self.addCleanup(context.database.close)
        share = cluster.cluster.share
        command = [sys.executable, "-m", "tests.support.faultworker", self.relayed, bucket, share, *flags]
        self.clients = [FaultClient(f"c{number}", command, environment(**env), number) for number in range(CLIENTS)]
        threads = [threading.Thread(target=each.run) for each in self.clients]
        try:
            for thread in threads:
                thread.start()
            self.kill_all(kills, faults)
        finally:
            for each in self.clients:
                each.ended.set()
            for thread in threads:
                thread.join(60)
            for each in self.clients:
                each.close()
        return self.problems(ClusterStore(context), context)

    def kill_all(self, kills: int, faults: Mapping[str, int]) -> None:
        """Kill one after the other, while the clients go on."""
        for _ in range(kills):
            wait_until(functools.partial(self.has_done, self.acknowledged() + BETWEEN), within=WITHIN * 2)
            if self.is_wrong():
                return
            pause(self.chance.uniform(0, 0.02))
            self.kill(self.chance.choices(list(faults), list(faults.values()))[0])
            if self.chance.random() < ANSWERS_LOST:
                self.proxy.lose_answer_to = b"COMMIT"

    def kill(self, kind: str) -> None:
        """Kill one process, and start it again."""
        if kind == "server":
            self.chance.choice(self.clients).kill_server()
        elif kind == "backend":
            self.postgresql.kill_backend(self.chance)
        elif kind == "database":
            self.postgresql.stop(signal.SIGQUIT)
            self.postgresql.start()
        else:
            self.seaweedfs.stop()
            self.seaweedfs.start()

    def acknowledged(self) -> int:
        """Changes, by all clients."""
        return sum(each.done for each in self.clients)

    def has_done(self, wanted: int) -> bool:
        """Whether so many are done, or it makes no sense to wait."""
        self.postgresql.keep_running()
        return self.acknowledged() >= wanted or self.is_wrong()

    def is_wrong(self) -> bool:
        """Whether a client has found something wrong."""
        return any(each.problems for each in self.clients)

    def problems(self, store: ClusterStore, context: ClusterContext) -> list[str]:
        """What is wrong at the end, in the store, the engines and the audit log."""
        found = [problem for each in self.clients for problem in each.problems]
        wait_until(lambda: self.maintained(store), within=WITHIN * 2)
        entries = [entry for page in store.list(ROOT, True) for entry in page.entries]
        files = {each.name: each.hash for each in entries if each.kind == "file"}
        for client in self.clients:
            there = {name: hash for name, hash in files.items() if _within(name, client.name)}
            if there not in client.possible:
                found.append(f"{client.name} has {sorted(there)}, and not {[sorted(each) for each in client.possible]}")
        for entry in entries:
            if entry.kind == "file" and entry.size:
                try:
                    content = store.open(parse(entry.name)).read(0, entry.size)
                except Damaged as refusal:
                    found.append(f"{entry.name}: {refusal.message}")
                    continue
                if hash_bytes(content) != entry.hash:
                    found.append(f"{entry.name} has another content")
        found += clusterchecks.faults(context.database)
        found += clusterchecks.missing_objects(context.database, context.bucket, context.cluster.share)
        changes = [change for change in map(read_change, AuditTableReader(self.own).lines()) if change is not None]
        told = replayed(changes, at_once=True)
        if told != {each.name: each.size if each.kind == "file" else None for each in entries}:
            found.append("the audit log tells of another tree")
        return found

    def maintained(self, store: ClusterStore) -> bool:
        """Whether the engines answer, and what was begun is finished."""
        self.postgresql.keep_running()
        with contextlib.suppress(Refusal):
            store.maintain()
            return True
        return False

    def test_kills(self) -> None:
        """What was acknowledged is there, what was refused is not, and each name has its bytes."""
        self.assertEqual(self.torture(KILLS), [])
        self.assertGreater(self.acknowledged(), KILLS * BETWEEN)
        self.assertGreater(sum(each.unsure for each in self.clients), 0, "the control: answers were lost")

    def test_recovery_killed(self) -> None:
        """A database that is killed while it recovers has ended: it is started again, and changes go on."""

        def kill(chance: random.Random) -> None:
            process = self.postgresql.pid
            while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                for each in engines.children(process):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(each, signal.SIGKILL)

        self.patch(self.postgresql, "kill_backend", kill)
        self.assertEqual(self.torture(2, faults={"backend": 1}), [])

    def test_name_first(self) -> None:
        """The control: names before their bytes are noticed."""
        self.assert_noticed("--name-first")

    def test_no_look(self) -> None:
        """The control: commits that are not looked up are noticed."""
        self.assert_noticed("--no-look")

    def assert_noticed(self, flag: str) -> None:
        """A defect is noticed: it shows only where a kill comes at its moment, so that is tried again and again."""
        for kills in range(12, 24):
            if self.torture(kills, flag, faults={"server": 1}):
                return
            self.setUp()  # with a database of its own
        self.fail("nothing was noticed")
