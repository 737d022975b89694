"""PRUNE as a client meets it."""

from __future__ import annotations

from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

from twisted.internet.defer import Deferred

from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.prune import PruneDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.endpoint import parse
from homeftp.errors import Forbidden
from homeftp.history.changes import Pruned, PruneStep
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.history import PruneBody
from tests.support.inmemory import Server
from tests.support.verbs import VerbTestCase, assert_closed


class PruneTests(VerbTestCase):
    """`PruneDispatcher`."""

    def make_server(self) -> Server:
        """One with the dispatchers of versions."""
        return Server.make(extra=[PruneDispatcher(), VersionsDispatcher(), DeleteDispatcher()])

    def setUp(self) -> None:
        super().setUp()
        for content in (b"1", b"22", b"333"):
            for name in ("d/a", "d/e/b"):
                self.ask("PUSH", {"rel_endpoint": name}, content)

    def kept(self) -> list[tuple[str, int]]:
        """The names and sizes of all versions."""
        self.connection.send("VERSIONS", {"rel_endpoint": ""})
        *pages, _ = self.connection.responses()
        return sorted((each["name"], each["size"]) for page in pages for each in page.body["versions"])

    def prune(self, **body: Any) -> tuple[list[dict[str, Any]], Any]:
        """Prune; what is told of each version, and the answer."""
        self.connection.send("PRUNE", {"rel_endpoint": "d", **body})
        *steps, answer = self.connection.responses()
        self.assertEqual([step.more for step in steps], [True] * len(steps))
        return [each for step in steps for each in step.body["versions"]], answer

    def test_all(self) -> None:
        """Every version of a directory goes, and is named; the answer has the totals."""
        gone, answer = self.prune()
        self.assertEqual([(each["name"], each["size"]) for each in gone], [("a", 1), ("a", 2), ("e/b", 1), ("e/b", 2)])
        self.assertEqual(answer.body, {"pruned_total": 4, "bytes": 6, "refused_total": 0})
        self.assertEqual((answer.status, answer.message), (0, "removed 4 versions of d"))
        self.assertEqual(self.kept(), [])
        self.assertEqual(self.read("d/a"), b"333")

    def test_some(self) -> None:
        """Those that are to be kept stay; a dry run removes nothing."""
        planned, answer = self.prune(keep=1, dry_run=True)
        self.assertEqual(answer.message, "would remove 2 versions of d")
        self.assertEqual(len(self.kept()), 4)
        self.assertEqual(self.prune(keep=1)[0], planned)
        self.assertEqual(self.kept(), [("d/a", 2), ("d/e/b", 2)])
        self.assertEqual(self.prune(before=1)[1].body["pruned_total"], 0)

    def test_none(self) -> None:
        """Where there are no versions none are removed; the root is everything."""
        self.assertEqual(self.prune(rel_endpoint="none")[1].body["pruned_total"], 0)
        self.assertEqual(self.prune(rel_endpoint="")[1].message, "removed 4 versions of the root")

    def test_refused(self) -> None:
        """What is refused has its status and its message, and is not counted."""
        steps = MagicMock(aclose=AsyncMock())
        why = Forbidden("you may not")
        pruned = (Pruned(name="a", at_us=1, size=5), Pruned(name="b", at_us=2, size=7, refusal=why))
        steps.__aiter__.return_value = [PruneStep(pruned)]
        request = Mock(body=PruneBody(parse("d")))
        request.files.prune.return_value = steps
        resolution = Mock(turn=AsyncMock(), send=AsyncMock())
        self.successResultOf(Deferred.fromCoroutine(PruneDispatcher().dispatch(request, resolution)))
        ((body,), _) = resolution.send.call_args
        self.assertEqual(body["versions"][1], {"name": "b", "at": 2, "size": 7, "status": 33, "message": "you may not"})
        totals = {"pruned_total": 1, "bytes": 5, "refused_total": 1}
        resolution.resolve.assert_called_once_with(Status.OK, "removed 1 version of d", totals)

    def test_client_gone(self) -> None:
        """Where a step cannot be told nothing more is removed."""
        step = PruneStep((Pruned(name="a", at_us=1, size=5),))
        assert_closed(self, PruneDispatcher(), PruneBody(parse("d")), "prune", step)

    def test_path_lock(self) -> None:
        """It changes its endpoint."""
        self.assertEqual(PruneDispatcher().path_lock(PruneBody(parse("a"))), PathLock(parse("a"), changes=True))
