"""Changes are recorded in the order of their commits, in the transaction or after it, and none is made unrecorded."""

from __future__ import annotations

import attrs

from homeftp.cluster.database import Transaction
from homeftp.endpoint import parse
from homeftp.errors import Internal
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Change
from homeftp.store.cluster.store import ClusterStore
from tests.support.clustercase import ClusterCase, request


class RecordTests(ClusterCase):
    """Records of one server."""

    def test_after_the_commit(self) -> None:
        """A change is recorded when it is visible to others; a refusal, or a look, records nothing."""
        seen: list[tuple[list[str], list[str]]] = []

        def record(changes: list[Change]) -> None:
            seen.append(([change.what for change in changes], self.names()))

        store = ClusterStore(self.server(StoreOptions(record_changes=record)))  # type: ignore[arg-type]
        store.write_many([(request("a.txt", size=1), b"x")])
        self.assertEqual(seen, [(["add"], ["a.txt"])])
        store.write_many([(request("a.txt", size=1, precondition="absent"), b"x")])
        store.upload(request("b.txt", size=1)).abort()
        self.assertEqual(len(seen), 1)

    def test_journal(self) -> None:
        """A journal is written in the transaction: where it cannot be, nothing is changed."""
        recorded: list[str] = []

        def journal(transaction: Transaction, changes: list[Change]) -> None:
            if len(recorded) > 1:
                raise Internal("the journal is full")
            recorded.extend(change.what for change in changes)

        store = ClusterStore(attrs.evolve(self.context, journal=journal))
        store.write_many([(request("d/a.txt", size=1), b"x")])
        self.assertEqual(recorded, ["add", "add"])
        self.assertRaises(Internal, store.move, parse("d"), parse("e"), None, None)
        self.assertEqual(self.names(), ["d", "d/a.txt"])
