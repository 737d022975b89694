"""Requests as methods, against a real server and against one that breaks the protocol."""

from __future__ import annotations

from typing import Any, AsyncIterator

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client import Client, ConnectionFailed, Corrupted, Hello, ProtocolViolation, list_with_hashes
from homeftp.config import KEEPALIVE_SECONDS, Limits
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.move import MoveDispatcher
from homeftp.errors import (
    Busy,
    Changed,
    ContentMismatch,
    NotFound,
    Refusal,
    UnknownRequestType,
    WrongKind,
)
from homeftp.hashing import filehash
from homeftp.interfaces import ChangedNames
from homeftp.model import ListingPage
from homeftp.status import Status
from homeftp.testing import InMemoryPair
from homeftp.wire.messages import meta_data
from tests.support.fakeserver import Wire
from tests.support.transfers import TransferCase, folders

HASH = filehash.hash_bytes(b"content")


class FilesTests(TransferCase):
    """Files, one at a time."""

    extra = (DeleteDispatcher(), MoveDispatcher())

    def test_push_and_get(self) -> None:
        """A pushed file is fetched with its metadata."""
        entry = self.run_work(self.client.push("a/b", b"content", meta_data=[("mtime_us", 5), ("mode", 0o600)]))
        self.assertEqual((entry.size, entry.hash, entry.mtime_us, entry.mode), (7, HASH, 5, 0o600))
        download = self.run_work(self.client.get("a/b"))
        self.assertEqual(dict(meta_data(download.entry)), {"mtime_us": 5, "mode": 0o600})
        self.assertEqual(self.run_work(download.read_all(100)), b"content")

    def test_preconditions(self) -> None:
        """if_hash holds for push and get."""
        self.run_work(self.client.push("a", b"content", if_hash="absent"))
        for work in (
            self.client.push("a", b"more", if_hash="absent"),
            self.client.push("a", b"more", if_hash=filehash.hash_bytes(b"other")),
            self.client.get("a", if_hash=filehash.hash_bytes(b"other")),
        ):
            with self.assertRaises(Changed):
                self.run_work(work)
        self.run_work(self.client.push("a", b"more", if_hash=HASH))

    def test_refusals(self) -> None:
        """Each refusal is its own exception, and the connection can still be used."""
        self.run_work(self.client.make_directory("dir", meta_data=[("mode", 0o700)]))
        works: list[tuple[Any, type[Refusal]]] = [
            (self.client.get("missing"), NotFound),
            (self.client.get("dir"), WrongKind),
            (self.client.push("a", b"content", hash=filehash.hash_bytes(b"other")), ContentMismatch),
            (self.client.request("NOPE").last(), UnknownRequestType),
        ]
        for work, refusal in works:
            with self.assertRaises(refusal):
                self.run_work(work)
        self.run_work(self.client.hello())

    def test_remove(self) -> None:
        """A file goes if it has the hash that is given, a folder with what is in it; the answer says how many went."""
        for name in ("a", "lib/x", "lib/sub/y"):
            self.make_remote_file(name)
        with self.assertRaises(Changed):
            self.run_work(self.client.remove("a", if_hash=filehash.hash_bytes(b"other")))
        with self.assertRaises(WrongKind):
            self.run_work(self.client.remove("lib"))
        self.assertEqual(self.run_work(self.client.remove("a", if_hash=HASH)), 1)
        self.assertEqual(self.run_work(self.client.remove("lib", recursive=True)), 4)
        self.assertEqual(self.remote_files(), {})

    def test_move(self) -> None:
        """A file gets another endpoint, if both ends are what is given."""
        for name in ("a", "b"):
            self.make_remote_file(name, name.encode())
        for conditions in ({"if_hash": HASH}, {"if_to": "absent"}, {"if_to": HASH}):
            with self.assertRaises(Changed):
                self.run_work(self.client.move("a", "b", **conditions))
        entry = self.run_work(self.client.move("a", "b", if_to=filehash.hash_bytes(b"b")))
        self.assertEqual((entry.name, entry.size, self.remote_files()), ("", 1, {"b": b"a"}))

    def test_make_directory(self) -> None:
        """A directory that exists is fine, unless it must be absent."""
        for _ in range(2):
            self.run_work(self.client.make_directory("lib/sub"))
        with self.assertRaises(Changed):
            self.run_work(self.client.make_directory("lib", if_hash="absent"))
        self.run_work(self.client.make_directory("new", if_hash="absent"))
        self.assertEqual(folders(self.server.root), {"lib", "lib/sub", "new"})

    def test_cmp(self) -> None:
        """A comparison says what differs, and what is there."""
        self.run_work(self.client.push("a", b"content", meta_data=[("mtime_us", 5)]))
        compared = self.run_work(self.client.cmp("a", hash=HASH, meta_data=[("mtime_us", 5)]))
        self.assertIs(compared.status, Status.SAME)
        compared = self.run_work(self.client.cmp("a", hash=filehash.hash_bytes(b""), meta_data=[("mtime_us", 6)]))
        self.assertEqual(compared.differs, ["hash", "mtime_us"])
        assert compared.remote is not None
        self.assertEqual(compared.remote.hash, HASH)
        self.assertIsNone(self.run_work(self.client.cmp("missing", hash=HASH)).remote)

    def test_list(self) -> None:
        """A directory is listed page by page, also recursively."""
        for number in range(3):
            self.run_work(self.client.push(f"d/{number}/f", b""))

        async def names(**how: Any) -> list[str]:
            return [entry.name async for page in self.client.list("d", **how) for entry in page.entries]

        self.assertEqual(self.run_work(names()), ["0", "1", "2"])
        self.assertEqual(self.run_work(names(recursive=True)), ["0", "0/f", "1", "1/f", "2", "2/f"])
        with self.assertRaises(WrongKind):
            self.run_work(self.list_it("d/0/f"))

    async def list_it(self, endpoint: str) -> list[ListingPage]:
        return [page async for page in self.client.list(endpoint)]


class WatchTests(SynchronousTestCase):
    """`Client.watch`, with a server that tells what changes."""

    def setUp(self) -> None:
        self.pair = InMemoryPair(limits=Limits(account_watches=1))
        self.addCleanup(self.pair.close)
        self.other = self.pair.connect()

    def begin(self) -> AsyncIterator[ChangedNames]:
        """A watch that has begun."""
        changes = self.pair.client.watch("d")
        self.assertEqual(self.pair.run(anext(changes)), ChangedNames(()))
        return changes

    def test_changes(self) -> None:
        """What another client changes is told."""
        changes = self.begin()
        self.pair.run(self.other.push("d/a", b"x"))
        self.assertEqual(self.pair.run(anext(changes)), ChangedNames(("", "a")))

    def test_end(self) -> None:
        """The end of the iteration closes the connection, and frees the watch."""
        for _ in range(3):
            changes = self.begin()
            self.pair.run(changes.aclose())  # type: ignore[attr-defined]
            with self.assertRaises(ConnectionFailed):
                self.pair.client.request("HELLO")
            self.pair.client = self.pair.connect()

    def test_refused(self) -> None:
        """A refusal is raised, and the connection can be used after it."""
        first = self.begin()
        self.assertRaises(Busy, self.pair.run, anext(self.other.watch("d")))
        self.assertEqual(self.pair.run(self.other.hello()).account, "tester")
        self.pair.run(first.aclose())  # type: ignore[attr-defined]

    def test_lost(self) -> None:
        """A lost connection raises `ConnectionFailed`."""
        waiting = Deferred.fromCoroutine(self.next(self.begin()))
        self.assertNoResult(waiting)
        self.pair.close()
        self.failureResultOf(waiting, ConnectionFailed)

    async def next(self, changes: AsyncIterator[ChangedNames]) -> ChangedNames:
        return await anext(changes)

    def test_idle(self) -> None:
        """A watch may be silent for hours: empty lines show that the server is there. Where they stop it has gone."""
        waiting = Deferred.fromCoroutine(self.next(self.begin()))
        for _ in range(4 * 3600 // KEEPALIVE_SECONDS):
            self.pair.advance(KEEPALIVE_SECONDS)
        self.assertNoResult(waiting)
        self.pair.clock.pump([5] * 20)  # nothing is delivered meanwhile
        self.pair.advance(0)
        self.failureResultOf(waiting, ConnectionFailed)


class LyingServerTests(SynchronousTestCase):
    """A server that breaks the protocol."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.wire.secure()
        self.client = Client(self.wire.client)

    def answered(self, work: Any, *answers: tuple[dict[str, Any], bytes]) -> Deferred[Any]:
        """The result of `work` when the server sends `answers`."""
        begun = Deferred.fromCoroutine(work)
        self.wire.pump()
        id = self.wire.server.take_lines()[-1]["id"]
        for answer, payload in answers:
            self.wire.say({"status": 0, "message": "", "id": id, "content_length": len(payload), **answer}, payload)
        self.wire.pump()
        return begun

    def page(self, *entries: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return {"more": True, "body": {"entries": list(entries)}}, b""

    async def listed(self) -> list[str]:
        return [entry.name async for page in self.client.list(recursive=True) for entry in page.entries]

    def test_names(self) -> None:
        """A name that leads elsewhere ends the listing (CVE-2019-6111, CVE-2024-12087)."""
        for name in (
            "../x", "/x", "/etc/passwd", "..", ".", "", "a/../../b", "a//b", "a/", "C:\\x", "a\\b", "x\0y", "nul",
            "missing/x", ".homeftp", ".homeftp-1", "a\ny", "a/x", "a", "d", "d/fine",
        ):  # fmt: skip
            self.setUp()
            listing = self.answered(
                self.listed(),
                self.page({"name": "a", "kind": "file"}, {"name": "d", "kind": "directory"}),
                self.page({"name": "d/fine", "kind": "file"}, {"name": name, "kind": "file"}),
            )
            self.failureResultOf(listing, ProtocolViolation)

    def test_order(self) -> None:
        """Entries that are not sorted end a listing: only of sorted ones it is known that none comes twice."""
        for text, is_sorted in (("abc", True), ("acb", False), ("Ba", True), ("aB", False)):
            self.setUp()
            names = list(text)
            page = self.page(*({"name": name, "kind": "file"} for name in names))
            listing = self.answered(self.listed(), page, ({"body": {"entries_total": len(names)}}, b""))
            if is_sorted:
                self.assertEqual(self.successResultOf(listing), names)
            else:
                self.failureResultOf(listing, ProtocolViolation)

    def test_control(self) -> None:
        """The same listing without such a name is accepted."""
        listing = self.answered(
            self.listed(),
            self.page({"name": "a", "kind": "file"}, {"name": "d", "kind": "directory"}),
            self.page({"name": "d/fine", "kind": "file"}),
            ({"body": {"entries_total": 3}}, b""),
        )
        self.assertEqual(self.successResultOf(listing), ["a", "d", "d/fine"])

    def test_totals(self) -> None:
        """A listing with a wrong total is a violation: missing entries would go unnoticed."""

        async def listed_with_hashes() -> list[str]:
            return [entry.name async for page in list_with_hashes(self.client, "") for entry in page.entries]

        for listed in (self.listed, listed_with_hashes):
            for body in ({"entries_total": 1}, {"entries_total": 9}, {"entries_total": 0}, {}):
                self.setUp()
                page = self.page({"name": "file", "kind": "file", "hash": HASH})
                listing = self.answered(listed(), page, ({"body": body}, b""))
                if body == {"entries_total": 1}:
                    self.assertEqual(self.successResultOf(listing), ["file"])
                else:
                    self.failureResultOf(listing, ProtocolViolation)

    def test_versions(self) -> None:
        """Versions page by page; a wrong total, an illegal name and another endpoint's entry are violations."""

        async def versions() -> list[tuple[str, int]]:
            return [(each.name, each.at_us) async for page in self.client.versions("d") for each in page]

        def listed(name: str, total: int) -> Deferred[Any]:
            self.setUp()
            version = {"name": name, "at": 5, "size": 7, "meta_data": []}
            page = {"more": True, "body": {"versions": [version]}}, b""
            return self.answered(versions(), page, ({"body": {"versions_total": total}}, b""))

        self.assertEqual(self.successResultOf(listed("a", 1)), [("a", 5)])
        for name, total in (("a", 2), ("../a", 1), ("a//b", 1)):
            self.failureResultOf(listed(name, total), ProtocolViolation)

    def test_watch(self) -> None:
        """A legal name is told; an illegal one ends the watch, and with it the connection."""

        async def watched() -> ChangedNames:
            changes = self.client.watch("d")
            self.assertEqual(await anext(changes), ChangedNames(()))
            return await anext(changes)

        for name, is_believed in (("a/b", True), ("", True), ("../a", False), ("/a", False), ("a\\b", False)):
            self.setUp()
            begun, changed = ({"more": True, "body": {"changed": names}} for names in ([], [name]))
            found = self.answered(watched(), (begun, b""), (changed, b""))
            if is_believed:
                self.assertEqual(self.successResultOf(found), ChangedNames((name,)))
            else:
                self.failureResultOf(found, ProtocolViolation)

    def test_restore(self) -> None:
        """The entry of the restored file, which has no name."""
        for name, is_believed in (("", True), ("b", False)):
            self.setUp()
            entry = {"name": name, "kind": "file", "size": 7, "meta_data": []}
            restored = self.answered(self.client.restore("a", at=5), ({"body": entry}, b""))
            if is_believed:
                self.assertEqual(self.successResultOf(restored).size, 7)
            else:
                self.failureResultOf(restored, ProtocolViolation)

    def test_shapes(self) -> None:
        """An answer of the wrong shape is a violation, not a crash."""
        for body in (
            {"entries": 5},
            {"entries": [{"name": "a"}]},
            {"entries": [{"name": "a", "kind": "link"}]},
            {"entries": [{"name": "a", "kind": "file", "size": -1}]},
            {"entries": [{"name": "a", "kind": "file", "hash": "sha256:x"}]},
        ):
            self.setUp()
            self.failureResultOf(self.answered(self.listed(), ({"more": True, "body": body}, b"")), ProtocolViolation)
        works: list[tuple[Any, dict[str, Any]]] = [
            (lambda: self.client.hello(), {"protocol": "one"}),
            (lambda: self.client.cmp("a"), {"differs": "hash"}),
            (lambda: self.client.cmp("a"), {"status": 14, "body": {"remote": {"name": "", "kind": "file"}}}),
            (lambda: self.client.cmp("a"), {"status": 10, "body": {"remote": {"name": "../x", "kind": "directory"}}}),
            (lambda: self.client.push("a", b""), {"size": 5}),
            (lambda: self.client.push("a", b""), {"name": "b", "kind": "file"}),
        ]
        for work, body in works:
            self.setUp()
            answer = body if "status" in body else {"body": body}
            self.failureResultOf(self.answered(work(), (answer, b"")), ProtocolViolation)

    def test_flipped_bit(self) -> None:
        """Content without the server's hash is not returned (C6)."""
        head = {"more": True, "body": {"name": "", "kind": "file", "size": 7}}

        async def read() -> bytes:
            return await (await self.client.get("a")).read_all(100)

        verdict = {"body": {"hash": HASH}}, b""
        self.failureResultOf(self.answered(read(), (head, b"c0ntent"), verdict), Corrupted)
        self.assertEqual(self.successResultOf(self.answered(read(), (head, b"content"), verdict)), b"content")

    def test_hello_of_a_newer_server(self) -> None:
        """Fields that a newer server adds are ignored."""
        hello = self.answered(self.client.hello(), ({"body": {"protocol": 2, "colour": "blue"}}, b""))
        self.assertEqual(self.successResultOf(hello), Hello(protocol=2))
