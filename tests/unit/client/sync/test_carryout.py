"""Carrying plans out, where one of the sides has changed since the plan was made."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import Callable, Mapping, Sequence
from unittest import mock

from twisted.internet.defer import Deferred, succeed

from homeftp.client import FileResult, Outcome, TransferObserver
from homeftp.client.sync.carryout import ResultRecorder
from homeftp.client.sync.model import Act, Side, SyncAction, SyncNode, SyncPlan
from homeftp.client.transfer.push import PushTransfer
from homeftp.config import SMALL_FILE
from homeftp.errors import OperatorError
from tests.support.syncs import SyncCase, versions_in
from tests.support.synctrees import DIRECTORY, file
from tests.support.transfers import BIG


class ResultRecorderTests(SyncCase):
    """What is recorded of results."""

    def test_parts(self) -> None:
        """What is done is recorded a part at a time, also what is deleted; what is not done never; directories last."""
        sources = {**{name: file(name) for name in "abcd"}, "e": DIRECTORY, "f": DIRECTORY}
        recorded: list[tuple[dict[str, SyncNode], list[str]]] = []

        def record(agreed: Mapping[str, SyncNode], gone: Sequence[str]) -> Deferred[None]:
            recorded.append((dict(agreed), list(gone)))
            return succeed(None)

        recorder = ResultRecorder(sources, record, together=2)
        outcomes = {"a": Outcome.NEW, "x": Outcome.DELETED, "b": Outcome.REFUSED, "c": Outcome.SAME, "d": Outcome.NEW}
        for name, outcome in {**outcomes, "other": Outcome.NEW, "f": Outcome.FAILED}.items():
            recorder.add(FileResult(outcome, name, 1, hash=name))
        self.assertEqual(recorded, [({"a": file("a")}, ["x"]), ({"c": file("c"), "d": file("d")}, [])])
        actions = [SyncAction(Act.COPY, Side.THERE, name, node) for name, node in sources.items()]
        self.run_work(recorder.close(actions))
        self.assertEqual(recorded[2:], [({"e": DIRECTORY}, [])])


class ChangedTests(SyncCase):
    """Between the plan and its end something changes: it is left for the next sync, and nothing is lost."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("edited", "removed", "renamed", "d/inside", "x", "y", "z"):
            self.ann.put(name, name.encode())
        self.sync(self.ann)
        self.sync(self.bob)

    def sync_while(self, change: Callable[[], object]) -> None:
        """Sync Ann's folder; the change is made after the question, when the plan is confirmed."""

        async def confirm(plan: SyncPlan) -> bool:
            change()
            return True

        self.sync(self.ann, confirm=confirm)

    def test_pushed_meanwhile(self) -> None:
        """A file that somebody else pushed meanwhile is not replaced; the next sync keeps both."""
        self.ann.put("edited", b"ann's")

        self.sync_while(lambda: self.make_remote_file("Docs/edited", b"bob's"))
        self.assertEqual(self.there()["edited"], b"bob's")
        self.sync(self.ann)
        self.assertLess({b"ann's", b"bob's"}, set(self.there().values()))
        self.assert_in_step()

    def test_edited_here_meanwhile(self) -> None:
        """A file that is edited here meanwhile is neither replaced nor deleted."""
        self.make_remote_file("Docs/edited", b"new there")
        os.unlink(os.path.join(self.server.root, "Docs/removed"))

        def change() -> None:
            for name in ("edited", "removed"):
                self.ann.put(name, b"edited meanwhile")

        self.sync_while(change)
        outcomes = self.outcomes()
        self.assertEqual((outcomes["edited"], outcomes["removed"]), (Outcome.FAILED, Outcome.FAILED))
        self.assertEqual(self.ann.contents()["edited"], b"edited meanwhile")
        self.assertEqual(self.ann.contents()["removed"], b"edited meanwhile")
        self.sync(self.ann)
        self.assertIn(b"new there", self.there().values())
        self.assertEqual(self.there()["removed"], b"edited meanwhile")
        self.assert_in_step()

    def test_grown_meanwhile(self) -> None:
        """A file that grows past a limit meanwhile is sent as it is then, or fails, and the next sync sends it."""
        for size, outcomes in ((SMALL_FILE + 1, {Outcome.REPLACED, Outcome.NEW}), (len(BIG), {Outcome.FAILED})):
            names = ["edited", f"new {size}"]

            def put(content: bytes, names: Sequence[str] = names) -> None:
                for name in names:
                    self.ann.put(name, content)

            put(f"before {size}".encode())
            self.sync_while(partial(put, bytes(size)))
            self.assertEqual({self.outcomes()[name] for name in names}, outcomes)
            self.sync(self.ann)
            self.assert_in_step()

    def test_edited_there_meanwhile(self) -> None:
        """A file that was deleted here and is edited there meanwhile is not deleted."""
        os.unlink(os.path.join(self.ann.path, "removed"))
        self.sync_while(lambda: self.make_remote_file("Docs/removed", b"edit"))
        self.assertEqual(self.there()["removed"], b"edit")
        self.sync(self.ann)
        self.assertEqual(self.ann.contents()["removed"], b"edit")
        self.assert_in_step()

    def test_name_taken_meanwhile(self) -> None:
        """A rename whose new name is taken meanwhile is not made; the next sync does without it."""
        self.ann.rename("renamed", "new name")
        self.sync_while(lambda: self.make_remote_file("Docs/new name", b"another"))
        self.assertEqual(self.outcomes()["renamed"], Outcome.FAILED)
        self.sync(self.ann)
        found = self.there()
        self.assertEqual(found["new name"], b"another")
        self.assertIn(b"renamed", found.values())
        self.assertNotIn("renamed", found)
        self.assert_in_step()

    def test_folder_filled_meanwhile(self) -> None:
        """A folder that was deleted on one side stays where something new is put into it meanwhile."""
        shutil.rmtree(os.path.join(self.ann.path, "d"))
        self.sync_while(lambda: self.make_remote_file("Docs/d/new", b"new"))
        self.assertEqual(self.there()["d/new"], b"new")
        self.sync(self.ann)
        self.assertEqual(self.ann.contents()["d/new"], b"new")
        self.assert_in_step()
        self.sync(self.bob)
        shutil.rmtree(os.path.join(self.bob.path, "d"))
        self.sync(self.bob)
        self.sync_while(lambda: self.ann.put("d/here", b"here"))
        self.assertEqual(self.ann.contents()["d/here"], b"here")
        self.sync(self.ann)
        self.assertEqual(self.there()["d/here"], b"here")
        self.assert_in_step()

    def test_ended_early(self) -> None:
        """A directory of which nobody knows whether the server has it is not agreed on: the next sync makes it."""
        os.mkdir(os.path.join(self.ann.path, "empty"))
        with mock.patch.object(PushTransfer, "run", side_effect=OperatorError("the transfer ends")):
            self.assertRaises(OperatorError, self.sync, self.ann)
        self.sync(self.ann)
        self.assertIn("empty", self.there())
        self.assert_in_step()

    def test_versions(self) -> None:
        """What a sync deletes or replaces here is kept; the control: what it brings is not."""
        self.make_remote_file("Docs/edited", b"new there")
        self.make_remote_file("Docs/new", b"new")
        os.unlink(os.path.join(self.server.root, "Docs/d/inside"))
        self.sync(self.ann)
        self.assertEqual(versions_in(self.ann.path), {"edited": b"edited", "d/inside": b"d/inside"})

    def test_observer(self) -> None:
        """The plan of what is transferred, and each result, are reported to the caller's observer."""
        planned: list[tuple[int, int]] = []
        results: list[FileResult] = []
        self.ann.put("edited", b"12345")
        self.ann.put("new", b"678")
        observer = TransferObserver(on_plan=lambda *plan: planned.append(plan), on_result=results.append)
        self.sync(self.ann, observer=observer)
        self.assertEqual(planned, [(2, 8)])
        outcomes = {each.name: each.outcome for each in results}
        self.assertEqual(outcomes, {"edited": Outcome.REPLACED, "new": Outcome.NEW})
        self.assertEqual(observer.bytes_moved, 8)
