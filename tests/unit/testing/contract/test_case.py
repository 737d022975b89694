"""What the tests of the contract are made of tells right from wrong."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import Changed, NotFound, Refusal
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.store.memory import MemoryStore
from homeftp.testing.contract.case import ContractCase, request, sha


class CaseTests(ContractCase, SynchronousTestCase):
    """The helpers."""

    def make_store(self, options: StoreOptions) -> IStore:
        """In memory."""
        return MemoryStore(options)

    def test_refused(self) -> None:
        """A refusal of another kind, or in other words than a person's, is noticed."""

        def refuse(refused: Refusal) -> None:
            raise refused

        self.assertEqual(self.assert_refused(NotFound, refuse, NotFound("it is gone")).message, "it is gone")
        for wrong in (Changed("it is gone"), NotFound("if_hash"), NotFound(""), NotFound("a\nb")):
            self.assertRaises(self.failureException, self.assert_refused, NotFound, refuse, wrong)

    def test_together(self) -> None:
        """Results are in order, and exceptions are among them."""
        first, second = self.together([lambda: 1, lambda: 1 // 0])
        self.assertEqual((first, type(second)), (1, ZeroDivisionError))

    def test_steps(self) -> None:
        """Writing, uploading, copying, moving and removing are one line each."""
        store = self.store()
        self.write(store, "a.txt", b"a")
        self.upload(store, "b.txt", bytes(300_000))
        self.copy(store, "a.txt", "d/c.txt")
        self.move(store, "b.txt", "d/b.txt")
        tree = {"a.txt": b"a", "d": None, "d/b.txt": bytes(300_000), "d/c.txt": b"a"}
        self.assertEqual(self.tree(store), tree)
        self.assertEqual(self.names(store), list(tree))
        self.assertEqual(self.remove(store, "d", recursive=True), 3)
        self.assertEqual([version.name for version in self.kept(store)], ["d/b.txt", "d/c.txt"])
        self.assertEqual(self.listed(store)[0].hash, sha(b"a"))
        self.assertEqual(request("a", size=1).known_size, 1)

    def test_to_be_written(self) -> None:
        """A suite without `make_store` fails with a message that says so."""
        self.assertIn("write make_store", str(self.assertRaises(NotImplementedError, super().make_store, self.options)))
        self.assertIsNone(self.reopen_store(self.store(), self.options))
        self.assertIsNone(self.make_read_only_store({}, self.options))
