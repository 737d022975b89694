"""A batch of changes takes few statements, and leaves the tables as they must be."""

from __future__ import annotations

from unittest import mock

from homeftp.cluster.database import Transaction, TransactionConflict
from homeftp.endpoint import parse
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.writes.workspace import Workspace
from tests.support.clustercase import ClusterCase, request
from tests.support.killing import killing


class WorkspaceTests(ClusterCase):
    """Transactions over many endpoints."""

    def test_few_statements(self) -> None:
        """Ten files or five hundred, over others or not: the number of statements is the same."""
        counts = []
        for number in (10, 500, 500):
            with killing(None) as counted:
                self.write(*(f"d/{number}/{each}.txt" for each in range(number)))
            counts.append(counted.calls)
        self.assertLess(max(counts), 20)
        self.assertLessEqual(abs(counts[0] - counts[1]), 2)
        self.assert_sound()

    def test_each_sees_the_others(self) -> None:
        """In one batch a directory is made, a file put into it, replaced, and its name taken by nothing else."""
        asked: list[tuple[WriteRequest, bytes | None]] = [
            (request("n"), None),
            (request("n/a.txt", size=1), b"1"),
            (request("n/a.txt", size=1), b"2"),
            (request("n/A.txt", size=1), b"3"),
        ]
        results = self.store.write_many(asked)
        self.assertEqual([isinstance(each, Exception) for each in results], [False, False, False, True])
        self.assertEqual((self.names(), self.content("n/a.txt")), (["n", "n/a.txt"], b"2"))
        self.assertEqual([version.size for version in self.kept()], [1])
        self.assert_sound()

    def test_similar_names_allowed(self) -> None:
        """Where the owner allows it similar names are beside each other, and are moved among each other."""
        self.store = ClusterStore(self.server(StoreOptions(similar_names=True)))
        self.write("a.txt", "A.txt", "b.txt")
        self.store.move(parse("b.txt"), parse("a.TXT"), None, None)
        self.assertEqual(self.names(), ["A.txt", "a.TXT", "a.txt"])
        list(self.store.remove(parse("a.txt"), None, False))
        self.write("a.txt")
        self.assertEqual(len(self.names()), 3)
        self.assert_sound()

    def test_made_meanwhile(self) -> None:
        """A directory that another server makes after the way was looked up is found in the next attempt."""
        other = ClusterStore(self.server())
        calls: list[int] = []
        whole = Workspace.load

        def load(workspace: Workspace, endpoints: object) -> None:
            whole(workspace, endpoints)  # type: ignore[arg-type]
            calls.append(1)
            if len(calls) == 1:
                with mock.patch.object(Workspace, "load", whole):
                    other.make_directory(request("d"))

        with mock.patch.object(Workspace, "load", load):
            self.write("d/a.txt")
        self.assertEqual((len(calls), self.names()), (2, ["d", "d/a.txt"]))
        self.assert_sound()

    def test_numbers(self) -> None:
        """Numbers do not run out, and no two are the same."""

        def work(transaction: Transaction) -> list[int]:
            workspace = Workspace(self.context, transaction)
            workspace.load([parse("a.txt")])
            return [workspace.number() for _ in range(100)]

        numbers = self.context.database.transact(work)
        self.assertEqual(len(set(numbers)), 100)

    def test_quota_exceeded_by_others(self) -> None:
        """Where others have used up a quota meanwhile, all is looked at again."""

        def work(transaction: Transaction) -> None:
            workspace = Workspace(self.context, transaction)
            workspace.load([parse("a.txt")])
            workspace.limits[()] = 10
            workspace.charge(("a.txt",), 11)
            self.assertRaises(TransactionConflict, workspace.flush)

        self.context.database.transact(
            lambda transaction: transaction.execute(
                "INSERT INTO usage (share, path, used) VALUES (%s, '', 0)", (self.context.share.id,)
            )
        )
        self.context.database.transact(work)
