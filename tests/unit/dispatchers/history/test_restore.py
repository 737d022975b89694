"""RESTORE with VERSIONS and GET: what was replaced is listed, read, and put back, file by file or as a tree."""

from __future__ import annotations

from typing import Any

from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.restore import RestoreDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.endpoint import parse
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.history import RestoreBody
from tests.support.inmemory import Server
from tests.support.verbs import VerbTestCase, digest


class RestoreTests(VerbTestCase):
    """`RestoreDispatcher`."""

    def make_server(self) -> Server:
        """One with the dispatchers of versions."""
        return Server.make(extra=[RestoreDispatcher(), VersionsDispatcher(), DeleteDispatcher()])

    def test_newest(self) -> None:
        """Without a time the newest version comes back, and what was current becomes one."""
        for content in (b"1", b"22", b"333"):
            self.ask("PUSH", {"rel_endpoint": "d/a"}, content)
        answer = self.ask("RESTORE", {"rel_endpoint": "d/a", "if_hash": digest(b"333")})
        self.assertEqual((answer.status, answer.message, answer.body["size"]), (0, "restored d/a", 2))
        self.assertEqual(self.read("d/a"), b"22")

    def test_removed(self) -> None:
        """A file that was removed comes back, by the time that its listing tells."""
        self.ask("PUSH", {"rel_endpoint": "d/a"}, b"1")
        self.ask("DELETE", {"rel_endpoint": "d/a"})
        self.connection.send("VERSIONS", {"rel_endpoint": "d"})
        page, end = self.connection.responses()
        (version,) = page.body["versions"]
        self.assertEqual((version["name"], end.body), ("a", {"versions_total": 1}))
        body = {"rel_endpoint": "d/a", "at": version["at"], "if_hash": "absent"}
        self.assertEqual(self.ask("RESTORE", {**body, "at": version["at"] + 1}).status, Status.NOT_FOUND)
        self.assertEqual(self.ask("RESTORE", body).status, Status.OK)
        self.assertEqual(self.read("d/a"), b"1")

    def test_refused(self) -> None:
        """The root is no file, a condition that does not hold refuses, and so does a file without versions."""
        self.assertEqual(self.ask("RESTORE", {"rel_endpoint": ""}).status, Status.BAD_REQUEST)
        self.assertEqual(self.ask("RESTORE", {"rel_endpoint": "a"}).status, Status.NOT_FOUND)
        for content in (b"1", b"22"):
            self.ask("PUSH", {"rel_endpoint": "a"}, content)
        self.assertEqual(self.ask("RESTORE", {"rel_endpoint": "a", "if_hash": "absent"}).status, Status.CHANGED)
        self.assertEqual(self.read("a"), b"22")

    def test_path_lock(self) -> None:
        """It changes its endpoint."""
        self.assertEqual(RestoreDispatcher().path_lock(RestoreBody(parse("a"))), PathLock(parse("a"), changes=True))


class TreeTests(VerbTestCase):
    """RESTORE with `recursive`, and GET with `as_of`."""

    def make_server(self) -> Server:
        """One with the dispatchers of versions."""
        return Server.make(extra=[RestoreDispatcher(), VersionsDispatcher(), DeleteDispatcher()])

    def setUp(self) -> None:
        super().setUp()
        for name in ("d/a", "d/e/b", "d/same"):
            self.ask("PUSH", {"rel_endpoint": name}, b"then")
        self.ask("PUSH", {"rel_endpoint": "d/a"}, b"now")
        self.ask("DELETE", {"rel_endpoint": "d/e", "recursive": True})
        versions = self.answers("VERSIONS", rel_endpoint="d")[0].body["versions"]
        self.at = {each["name"]: each["at"] for each in versions}
        self.as_of = min(self.at.values())

    def answers(self, request_type: str, **body: Any) -> list[Any]:
        """All responses to a request."""
        self.connection.send(request_type, body)
        return list(self.connection.responses())

    def test_restored(self) -> None:
        """One request puts everything back; it names what it changed, and counts the rest."""
        *steps, answer = self.answers("RESTORE", rel_endpoint="d", recursive=True, as_of=self.as_of)
        self.assertTrue(all(step.more and step.status == 0 for step in steps))
        found = [each for step in steps for each in step.body.get("reverted", ())]
        self.assertEqual(
            [(each["name"], each["outcome"], each["at"]) for each in found],
            [
                ("a", "restored", self.at["a"]),
                ("e/b", "restored", self.at["e/b"]),
            ],
        )
        self.assertEqual({each["hash"] for each in found}, {digest(b"then")})
        totals = {
            "restored_total": 2,
            "removed_total": 0,
            "refused_total": 0,
            "unchanged_total": 1,
            "as_of": self.as_of,
        }
        self.assertEqual((answer.status, answer.message, answer.body), (0, "restored d", totals))
        self.assertEqual([self.read(name) for name in ("d/a", "d/e/b")], [b"then", b"then"])

    def test_last_change(self) -> None:
        """Without a time it is the one before the last change, which the answer tells."""
        *_, answer = self.answers("RESTORE", rel_endpoint="d", recursive=True)
        self.assertEqual((answer.status, answer.body["restored_total"]), (0, 2))
        self.assertLessEqual(answer.body["as_of"], self.as_of)
        as_of = answer.body["as_of"]
        *_, again = self.answers("RESTORE", rel_endpoint="d", recursive=True, as_of=as_of)
        self.assertEqual((again.body["as_of"], again.body["unchanged_total"]), (as_of, 3), "it was done before")

    def test_dry_run(self) -> None:
        """Nothing is changed."""
        *_, answer = self.answers("RESTORE", rel_endpoint="d", recursive=True, as_of=self.as_of, dry_run=True)
        self.assertEqual((answer.message, answer.body["restored_total"]), ("would restore d", 2))
        self.assertEqual(self.read("d/a"), b"now")

    def test_refused(self) -> None:
        """Parameters that exclude each other, and a time at which nothing was there."""
        for body in (
            {"recursive": True, "at": 1},
            {"recursive": True, "if_hash": "absent"},
            {"as_of": 1},
            {"dry_run": True},
        ):
            self.assertEqual(self.ask("RESTORE", {"rel_endpoint": "d", **body}).status, Status.BAD_REQUEST)
        (answer,) = self.answers("RESTORE", rel_endpoint="d", recursive=True, as_of=1)[-1:]
        self.assertEqual(answer.status, Status.NOT_FOUND)
        self.assertEqual(self.read("d/a"), b"now")

    def test_get_file(self) -> None:
        """A file is sent as it was then, whole or in part, and is not changed by that."""
        self.connection.send("GET", {"rel_endpoint": "d/a", "as_of": self.as_of})
        (head, content), (verdict, _) = self.connection.answers()
        self.assertEqual((head.body["size"], content), (4, b"then"))
        self.assertEqual(verdict.body, {"hash": digest(b"then")})
        self.connection.send("GET", {"rel_endpoint": "d/e/b", "as_of": self.as_of, "offset": 1, "length": 2})
        (_, part), _ = self.connection.answers()
        self.assertEqual(part, b"he")
        self.assertEqual(self.read("d/a"), b"now")
        refused = self.ask("GET", {"rel_endpoint": "d/a", "as_of": self.as_of, "if_hash": digest(b"now")})
        self.assertEqual(refused.status, Status.CHANGED)

    def test_get_directory(self) -> None:
        """A directory is listed as it was then, also one that is not there any more."""
        *pages, answer = self.answers("GET", rel_endpoint="d", recursive=True, as_of=self.as_of)
        names = [each["name"] for page in pages for each in page.body["entries"]]
        self.assertEqual((names, answer.body), (["a", "e", "e/b", "same"], {"entries_total": 4}))
        (page, _) = self.answers("GET", rel_endpoint="d/e", as_of=self.as_of)
        self.assertEqual([each["name"] for each in page.body["entries"]], ["b"])
        for name, as_of in (("d", 1), ("none", self.as_of)):
            for part in ({}, {"length": 0}, {"recursive": True}):
                body = {"rel_endpoint": name, "as_of": as_of, **part}
                self.assertEqual(self.ask("GET", body).status, Status.NOT_FOUND)
        for name in ("d", "d/e"):
            body = {"rel_endpoint": name, "as_of": self.as_of, "length": 0}
            self.assertEqual(self.ask("GET", body).status, Status.WRONG_KIND)
