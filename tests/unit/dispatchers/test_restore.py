"""RESTORE and VERSIONS together: what was replaced is listed, and put back."""

from __future__ import annotations

from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.restore import RestoreDispatcher
from homeftp.dispatchers.versions import VersionsDispatcher
from homeftp.endpoint import parse
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import RestoreBody
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
