"""The contract of the change log notices records in another order, of another actor, or none."""

from __future__ import annotations

import contextlib
import random
from typing import Sequence

from msgspec import structs

from homeftp.interfaces.store import IDraft, IUpload, StoreOptions
from homeftp.model import SERVER, Actor, Change, HashCondition, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.testing.contract.recording import RecordingContract
from tests.support.contracts import ControlCase


def _recording(options: StoreOptions, change: object) -> MemoryStore:
    """A store whose records go through `change` first."""
    record = options.record_changes
    return MemoryStore(structs.replace(options, record_changes=lambda changes: record(change(changes))))  # type: ignore[operator]


class RecordingControls(ControlCase):
    """Each wrong store is caught."""

    contract = RecordingContract

    def test_order(self) -> None:
        """Records in another order than the changes."""
        late: list[Change] = []
        chance = random.Random(1)

        def shuffled(changes: Sequence[Change]) -> Sequence[Change]:
            late.extend(changes)
            chance.shuffle(late)
            given = late[2:]
            del late[2:]
            return given

        self.assert_caught("test_replay", lambda options: _recording(options, shuffled))

    def test_left_out(self) -> None:
        """Directories without records; facts that are left out."""

        def files(changes: Sequence[Change]) -> Sequence[Change]:
            return [change for change in changes if change.kind == "file"]

        def bare(changes: Sequence[Change]) -> Sequence[Change]:
            return [structs.replace(change, old_hash=None) for change in changes]

        def bare_moves(changes: Sequence[Change]) -> Sequence[Change]:
            return [
                structs.replace(change, size=None, hash=None) if change.what == "move" else change for change in changes
            ]

        self.assert_caught("test_facts", lambda options: _recording(options, bare_moves))
        self.assert_caught("test_each", lambda options: _recording(options, files))
        self.assert_caught("test_facts", lambda options: _recording(options, bare))

    def test_bound(self) -> None:
        """A store for another actor that has files of its own."""

        class Separate(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                super().__init__(options)
                self.given = options

            def bind(self, actor: Actor) -> MemoryStore:
                return MemoryStore(self.given)

        self.assert_caught("test_bound", Separate)

    def test_conditions(self) -> None:
        """A condition in the place of the hash that met it."""

        def conditions(changes: Sequence[Change]) -> Sequence[Change]:
            return [
                structs.replace(change, old_hash=HashCondition(change.old_hash)) if change.old_hash else change
                for change in changes
            ]

        self.assert_caught("test_plain_hashes", lambda options: _recording(options, conditions))

    def test_actors(self) -> None:
        """Everything done by the server; the bound actor before the one of the request; binding for everyone."""

        class NoActor(MemoryStore):
            def bind(self, actor: Actor) -> MemoryStore:
                return self

        class BoundCounts(MemoryStore):
            def _actor_of(self, request: WriteRequest) -> Actor:
                return self._actor

        class BindsAll(MemoryStore):
            def bind(self, actor: Actor) -> MemoryStore:
                self._actor = actor
                return self

        class Uploads(MemoryStore):
            def upload(self, request: WriteRequest) -> IUpload:
                return super().upload(structs.replace(request, actor=SERVER))

        class Edits(MemoryStore):
            def edit(self, request: WriteRequest) -> IDraft:
                return super().edit(structs.replace(request, actor=SERVER))

        for wrong in (NoActor, BoundCounts, BindsAll, Uploads, Edits):
            self.assert_caught("test_actors", wrong)

    def test_dropped(self) -> None:
        """Failures of the log that are never reported, at once or at the end."""

        class Silent(MemoryStore):
            def __init__(self, options: StoreOptions) -> None:
                def record(changes: Sequence[Change]) -> None:
                    with contextlib.suppress(OSError):
                        options.record_changes(changes)

                super().__init__(structs.replace(options, record_changes=record))

        class SilentEnd(MemoryStore):
            def close(self) -> None:
                pass

        self.assert_caught("test_unrecorded", Silent)
        self.assert_caught("test_close", SilentEnd)
