"""Moving on the server."""

from __future__ import annotations

import os
from typing import Any, Sequence

from homeftp.client.connection.replies import Comparison
from homeftp.client.manage.moving import PlannedMove, carry_out_move, plan_moves
from homeftp.client.seen.lastseen import LastSeen
from homeftp.client.transfer.model import Outcome
from homeftp.dispatchers.move import MoveDispatcher
from homeftp.errors import Changed, NotFound, OperatorError, WrongKind
from homeftp.hashing import filehash
from homeftp.model import ABSENT, Entry
from tests.support.transfers import TransferCase


class MovingTests(TransferCase):
    """plan_moves and carry_out_move."""

    extra = (MoveDispatcher(),)

    def setUp(self) -> None:
        super().setUp()
        for name in ("a", "b", "lib/c", "lib/x/d"):
            self.make_remote_file(name, name.encode())
        self.seen = LastSeen(self.context.seen, self.context.workers, self.client)
        self.asked: list[tuple[str, Entry]] = []
        self.answer = True

    def planned(self, *paths: str) -> list[tuple[str, str]]:
        """Where each source goes."""
        moves = self.run_work(plan_moves(self.client, paths[:-1], paths[-1]))
        return [(move.source, move.target) for move in moves]

    async def may_replace(self, target: str, entry: Entry) -> bool:
        self.asked.append((target, entry))
        return self.answer

    def move(self, *paths: str) -> Sequence[Entry | None]:
        """Move, and answer each question with `answer`."""
        moves = self.run_work(plan_moves(self.client, paths[:-1], paths[-1]))
        return [self.carry_out(move) for move in moves]

    def carry_out(self, move: PlannedMove) -> Entry | None:
        """Carry out one of the moves."""
        return self.run_work(carry_out_move(self.client, move, may_replace=self.may_replace, seen=self.seen))

    def test_seen(self) -> None:
        """What was seen of a folder is seen at its new place: a push replaces that there, and nothing else."""
        self.have_seen("lib/x/d", b"lib/x/d")
        self.move("lib", "new")
        for name, outcome in (("new/x/d", Outcome.REPLACED), ("new/c", Outcome.CONFLICT)):
            self.push(self.make_file(name, b"mine", mtime=2**31), name)
            self.assertEqual(list(self.outcomes().values()), [outcome])

    def test_planned(self) -> None:
        """Sources go to the target's name, or inside it."""
        for paths, expected in (
            (("a", "new"), [("a", "new")]),
            (("/a", "/b"), [("a", "b")]),
            (("a", "lib"), [("a", "lib/a")]),
            (("a", "new/"), [("a", "new/a")]),
            (("lib/c", ""), [("lib/c", "c")]),
            (("lib/c", "."), [("lib/c", "c")]),
            (("a", "b", "new"), [("a", "new/a"), ("b", "new/b")]),
            (("?", "lib"), [("a", "lib/a"), ("b", "lib/b")]),
            (("lib/x", "y"), [("lib/x", "y")]),
            (("a", "?", "/a", "lib"), [("a", "lib/a"), ("b", "lib/b")]),
        ):
            self.assertEqual(self.planned(*paths), expected, paths)

    def test_refused(self) -> None:
        """A plan that makes no sense is refused before anything is moved."""
        for paths, error in (
            (("none", "new"), NotFound),
            (("a/", "new"), WrongKind),
            (("a", "b/"), WrongKind),
            (("", "new"), OperatorError),
            (("a", "a"), OperatorError),
            (("a", ""), OperatorError),
            (("lib", "lib"), OperatorError),
            (("lib", "lib/x/y"), OperatorError),
            (("lib/c", "lib/x/../c", "new"), OperatorError),
            (("a", "b", "lib", "lib/"), OperatorError),
        ):
            with self.assertRaises(error, msg=str(paths)):
                self.planned(*paths)
        self.make_remote_file("other/c")
        with self.assertRaisesRegex(OperatorError, "would both become new/c"):
            self.planned("lib/c", "other/c", "new")

    def test_moved(self) -> None:
        """A file and a folder are at their new endpoints, and nobody is asked where nothing is replaced."""
        self.move("a", "new/a")
        self.move("lib", "moved")
        self.assertEqual(self.remote_files(), {"new/a": b"a", "b": b"b", "moved/c": b"lib/c", "moved/x/d": b"lib/x/d"})
        self.assertEqual(self.asked, [])

    def test_replaced(self) -> None:
        """A file is replaced only after a yes, and only if it is what was asked about then."""
        self.answer = False
        self.assertEqual(self.move("a", "b"), [None])
        self.assertEqual([(name, entry.hash) for name, entry in self.asked], [("b", filehash.hash_bytes(b"b"))])
        self.assertEqual(self.server.read("b"), b"b")
        self.answer = True
        [entry] = self.move("a", "b")
        assert entry is not None
        self.assertEqual((entry.size, self.server.read("b")), (1, b"a"))

    def test_changed_meanwhile(self) -> None:
        """A target that changes while the person thinks is not replaced, nor is another file moved than was found."""
        [planned] = self.run_work(plan_moves(self.client, ["a"], "b"))

        async def slow(target: str, entry: Entry) -> bool:
            self.make_remote_file("b", b"changed")
            return True

        with self.assertRaises(Changed):
            self.run_work(carry_out_move(self.client, planned, may_replace=slow, seen=self.seen))
        self.assertEqual(self.server.read("b"), b"changed")

    def test_deleted_meanwhile(self) -> None:
        """Where the target is deleted before its hash is known, nobody is asked, and nothing that comes is replaced."""
        [planned] = self.run_work(plan_moves(self.client, ["a"], "b"))
        cmp, move = self.client.cmp, self.client.move
        conditions: list[str | None] = []

        async def compare(endpoint: str, **parameters: Any) -> Comparison:
            if "hash" in parameters:
                os.unlink(os.path.join(self.server.root, endpoint))
            return await cmp(endpoint, **parameters)

        async def watched(endpoint: str, to: str, *, if_hash: str | None = None, if_to: str | None = None) -> Entry:
            conditions.append(if_to)
            return await move(endpoint, to, if_hash=if_hash, if_to=if_to)

        self.patch(self.client, "cmp", compare)
        self.patch(self.client, "move", watched)
        self.carry_out(planned)
        self.assertEqual((self.asked, conditions), ([], [ABSENT]))

    def test_folders(self) -> None:
        """A folder neither replaces anything nor is it replaced."""
        os.makedirs(os.path.join(self.server.root, "lib", "lib"))
        os.makedirs(os.path.join(self.server.root, "lib", "a"))
        for paths in (("a", "lib/"), ("lib/x", "b")):
            with self.assertRaises(WrongKind, msg=str(paths)):
                self.move(*paths)
        self.assertEqual(self.asked, [])
