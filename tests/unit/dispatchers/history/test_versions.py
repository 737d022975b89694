"""VERSIONS as a client meets it."""

from __future__ import annotations

from unittest.mock import AsyncMock, MagicMock, Mock

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost

from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.endpoint import parse
from homeftp.model import PathLock
from homeftp.wire.history import VersionsBody
from tests.support.inmemory import Server
from tests.support.verbs import VerbTestCase, assert_closed


class VersionsTests(VerbTestCase):
    """`VersionsDispatcher`."""

    def make_server(self) -> Server:
        """One that answers VERSIONS."""
        return Server.make(extra=[VersionsDispatcher()])

    def test_listed(self) -> None:
        """Replaced content is listed, the newest of a file first, with its size and its time."""
        for name in ("d/a", "d/b"):
            for content in (b"1", b"22", b"333"):
                self.ask("PUSH", {"rel_endpoint": name, "meta_data": [["mtime_us", 5_000_000]]}, content)
        self.connection.send("VERSIONS", {"rel_endpoint": "d"})
        page, end = self.connection.responses()
        self.assertTrue(page.more)
        versions = sorted(page.body["versions"], key=lambda version: str(version["name"]))
        self.assertEqual([(each["name"], each["size"]) for each in versions], [("a", 2), ("a", 1), ("b", 2), ("b", 1)])
        self.assertEqual(versions[1]["meta_data"][0], ["mtime_us", 5_000_000])
        self.assertEqual((end.message, end.body), ("listed the versions of d", {"versions_total": 4}))

    def test_none(self) -> None:
        """A file that was never replaced has no versions, nor has one that never existed."""
        self.ask("PUSH", {"rel_endpoint": "a"}, b"1")
        for name in ("a", "b", ""):
            answer = self.ask("VERSIONS", {"rel_endpoint": name})
            self.assertEqual((answer.status, answer.body), (0, {"versions_total": 0}))

    def test_client_gone(self) -> None:
        """A page that cannot be sent closes the listing."""
        assert_closed(self, VersionsDispatcher(), VersionsBody(parse("a")), "versions", [])

    def test_turn(self) -> None:
        """Nothing is looked for before the earlier requests are answered, or for a client that is gone by then."""
        for gone in (False, True):
            turn: Deferred[None] = Deferred()
            request, resolution = Mock(body=VersionsBody(parse("a"))), Mock(turn=lambda turn=turn: turn)
            request.files.versions.return_value = MagicMock(aclose=AsyncMock())
            answering = Deferred.fromCoroutine(VersionsDispatcher().dispatch(request, resolution))
            request.files.versions.assert_not_called()
            if gone:
                turn.errback(ConnectionLost())
                self.failureResultOf(answering, ConnectionLost)
                request.files.versions.assert_not_called()
            else:
                turn.callback(None)
                self.successResultOf(answering)
                request.files.versions.assert_called_once_with(parse("a"))

    def test_path_lock(self) -> None:
        """It reads its endpoint."""
        self.assertEqual(VersionsDispatcher().path_lock(VersionsBody(parse("a"))), PathLock(parse("a"), changes=False))
