"""Disasters, with the commands that an owner has against them, on a real database, a real bucket and real servers."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

import psycopg
from psycopg import sql
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.objects import open_bucket
from homeftp.endpoint import parse
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.factory import open_store
from tests.support import engines
from tests.support.objectserver import object_server
from tests.support.processes import SERVE, ServerProcess, pair, run_homeftp
from tests.system.cluster.test_imports import contents, known

LARGE = bytes(range(256)) * 36_000
"""More than one object."""

FILES = 60


class RecoveryTests(SynchronousTestCase):
    """A folder with versions, which is imported into a cluster."""

    def setUp(self) -> None:
        self.name = f"recovery_{id(self)}"
        self.url = engines.postgresql().create(self.name)
        objects = object_server()
        self.env = objects.environment()
        self.objects = ("--objects", f"{objects.bucket('tests')}/{id(self)}")
        self.bucket = open_bucket(self.objects[1], self.env)
        self.home = os.path.abspath(self.mktemp())
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        with contextlib.closing(open_store(self.folder, StoreOptions())) as store:
            for content in (b"first", b"second"):
                paths = [f"d{number % 3}/{number}.txt" for number in range(FILES)]
                asked = [self.file(path, content + path.encode()) for path in paths]
                self.assertFalse([each for each in store.write_many(asked) if isinstance(each, Exception)])
            upload = store.upload(self.file("large.bin", LARGE)[0])
            upload.write(LARGE)
            upload.commit()
            store.set_metadata(parse("d1"), mtime_us=5_000_000, mode=0o750, precondition=None)
        self.run_cluster("init", *self.objects)
        self.done("cluster", "import", self.folder, self.url, *self.objects)

    def file(self, path: str, content: bytes) -> tuple[WriteRequest, bytes]:
        """A file to be written."""
        return WriteRequest(endpoint=parse(path), size=len(content), mtime_us=7_000_000, mode=0o640), content

    def done(self, *arguments: str, code: int = 0) -> str:
        """Run a command that ends with this code; what it prints."""
        ended = run_homeftp(*arguments, **{**self.env, "HOMEFTP_HOME": self.home})
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        return ended.stdout

    def run_cluster(self, action: str, *arguments: str, code: int = 0) -> str:
        """The same for an action of `homeftp cluster` on the database."""
        return self.done("cluster", action, self.url, *arguments, code=code)

    def damaged(self, *arguments: str) -> set[tuple[str, bool]]:
        """The names that a verification finds damaged, and whether each is that of a version."""
        printed = self.run_cluster("verify", *self.objects, "--json", *arguments, code=1)
        lines: list[dict[str, Any]] = [json.loads(line) for line in printed.splitlines()]
        return {(each["name"], each["kind"] == "version") for each in lines if each.get("outcome") == "damaged"}

    def held(self, folder: str) -> list[object]:
        """All that a folder has and had, with its metadata and contents."""
        with contextlib.closing(open_store(folder, StoreOptions())) as store:
            return [list(known(store)), list(contents(store))]

    def object_of(self, name: str) -> str:
        """The last object of a file."""
        with psycopg.connect(self.url) as connection:
            query = "SELECT object FROM node JOIN part USING (content) WHERE name = %s ORDER BY seq DESC"
            row = connection.execute(query, (name,)).fetchone()
        assert row is not None
        return str(row[0])

    def test_export(self) -> None:
        """What is imported and exported again is what it was: contents, times, modes and versions."""
        exported = os.path.abspath(self.mktemp())
        self.done("cluster", "export", exported, self.url, *self.objects)
        self.assertEqual(self.held(exported), self.held(self.folder))
        again = json.loads(self.done("cluster", "export", exported, self.url, *self.objects, "--json"))
        self.assertEqual(again["summary"]["there"], 2 * FILES + 1 + 3)
        self.assertEqual(again["bytes"], 0)

    def test_verify(self) -> None:
        """Damaged, cut and missing objects are named by the paths of what needs them, and nothing is changed."""
        self.assertEqual(json.loads(self.run_cluster("verify", *self.objects, "--json"))["summary"]["damaged"], 0)
        self.done("cluster", "verify", self.url, *self.objects, "--listing")
        everything = {(f"d{number % 3}/{number}.txt", version) for number in range(FILES) for version in (True, False)}
        everything.add(("large.bin", False))  # it begins in the pack
        pack = self.object_of("1.txt")
        (size,) = [size for page in self.bucket.list() for name, size in page if name == pack]
        whole = self.bucket.get(pack, 0, size)
        self.bucket.put(pack, whole.replace(b"firstd1/1.txt", b"FIRSTd1/1.txt"))
        self.assertEqual(self.damaged("--bwlimit", "100M"), {("d1/1.txt", True)})
        self.bucket.put(pack, whole[: whole.index(b"secondd2/2.txt")])
        cut = self.damaged()
        self.assertIn(("d2/2.txt", False), cut)
        self.assertLess(cut, everything)
        self.bucket.delete([self.object_of("large.bin")])
        self.assertEqual(self.damaged(), cut | {("large.bin", False)})
        self.assertNotIn(("d1/1.txt", False), cut, "the control: what is before the cut is sound")
        self.assertIn(("large.bin", False), self.damaged("--listing"))
        self.bucket.put(pack, whole)
        self.assertEqual(self.damaged(), {("large.bin", False)}, "no mark was left")

    def test_older_bucket(self) -> None:
        """A bucket that was restored from an older backup: what was stored since then is named, and nothing else."""
        before = {name for page in self.bucket.list() for name, _ in page}
        with contextlib.closing(open_store(self.folder, StoreOptions())) as folder:
            folder.write_many([self.file("new.txt", b"new")])
        self.done("cluster", "import", self.folder, self.url, *self.objects)
        self.bucket.delete([name for page in self.bucket.list() for name, _ in page if name not in before])
        self.assertEqual(self.damaged("--listing"), {("new.txt", False)})
        self.assertEqual(self.damaged(), {("new.txt", False)})

    def serve(self, folder: str | None = None) -> ServerProcess:
        """Start a server; with the folder of an earlier one it has its state."""
        options = (*self.objects, "--no-announce")
        server = ServerProcess(*options, root=self.url, env=self.env, program=SERVE, account=False, folder=folder)
        self.addCleanup(server.end)
        return server

    def test_drill(self) -> None:
        """The database is lost: from a dump the tree, the accounts and the audit log are back, and all goes on."""
        server = self.serve()
        pair(server, self.home)
        local = os.path.join(os.path.abspath(self.mktemp()), "")
        os.mkdir(local)
        for name in ("before", "later", "after"):
            with open(os.path.join(local, name), "w", encoding="ascii") as file:
                file.write(name)
        self.done("push", os.path.join(local, "before"), "nas:before")
        self.run_cluster("dump", *self.objects)
        self.done("push", os.path.join(local, "later"), "nas:later")
        server.end()
        with psycopg.connect(engines.postgresql().url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))
        self.assertEqual(engines.postgresql().create(self.name), self.url)

        printed = self.run_cluster("recover", *self.objects, "--state", server.state)
        self.assertIn("Nothing is missing.", printed)
        self.assertIn("named by no file: 1 object with 5 B", printed)
        again = self.serve(server.folder)
        self.assertEqual(again.fingerprint, server.fingerprint)
        self.done("remote", "add-address", "nas", f"127.0.0.1:{again.ports[0]}")
        self.assertEqual(self.done("ls", "nas:").split(), ["before", "d0/", "d1/", "d2/", "large.bin"])
        self.done("cmp", os.path.join(self.folder, "d1"), "nas:d1")
        self.done("push", os.path.join(local, "after"), "nas:after")
        self.done("push", os.path.join(local, "later"), "nas:later")
        lines = [json.loads(line) for line in self.done("log", "--json", "--state", again.state).splitlines()]
        changed = [each["endpoint"] for each in lines if each["event"] == "change" and each["account"] == "ann"]
        self.assertEqual(changed, ["before", "after", "later"])

        exported = os.path.abspath(self.mktemp())
        self.done("cluster", "export", exported, self.url, *self.objects)
        found = self.held(exported)
        for name in ("before", "after", "later"):
            os.unlink(os.path.join(exported, name))
        self.assertNotEqual(self.held(exported), found)
        self.assertEqual(self.held(exported), self.held(self.folder))
        self.assertIn("recovered:", self.run_cluster("status"))
        self.run_cluster("release")
        self.assertNotIn("recovered:", self.run_cluster("status"))
