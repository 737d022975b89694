"""What an account hears of changes, by WATCH."""

from __future__ import annotations

from homeftp.status import Status
from homeftp.store.policy.rights import parse_rights
from tests.support.access import AccessCase
from tests.support.inmemory import Connection


class WatchedTests(AccessCase):
    """What an account hears of changes: no more than it sees. The account owner sees and changes everything."""

    def setUp(self) -> None:
        super().setUp()
        self.state.add_account("owner", None)
        self.owner = self.enter("owner")

    def watch(self, connection: Connection, name: str = "") -> None:
        connection.send("WATCH", {"rel_endpoint": name})
        self.assertEqual([each.body for each in connection.responses()], [{"changed": []}])

    def changed(self, connection: Connection) -> list[str]:
        return [name for each in connection.responses() for name in each.body["changed"]]

    def push(self, name: str) -> None:
        self.assertEqual(self.ask(self.owner, "PUSH", b"new", rel_endpoint=name).status, Status.OK)

    def test_homes(self) -> None:
        """Each hears of its own home, by the names in it, and of nothing else; the owner hears of everything."""
        ann, bob, all_of_it = self.enter("ann"), self.enter("bob"), self.enter("owner")
        for connection in (ann, bob, all_of_it):
            self.watch(connection)
        self.push("people/ann/notes/new.txt")
        moved = self.ask(self.owner, "MOVE", rel_endpoint="people/ann/notes", to="people/ann/other")
        self.assertEqual(moved.status, Status.OK)
        names = ["notes/new.txt", "notes", "other"]
        self.assertEqual(self.changed(ann), names)
        self.assertEqual(self.changed(all_of_it), [f"people/ann/{name}" for name in names])
        self.assertEqual(self.changed(bob), [])

    def test_folder(self) -> None:
        """A folder that the account may not read is silent, also where it asks for exactly that."""
        ann = self.enter("ann", notes="add")
        asking = self.enter("ann")
        self.watch(ann)
        self.watch(asking, "notes")
        for name in ("people/ann/notes/new.txt", "people/ann/b.txt"):
            self.push(name)
        self.assertEqual(self.changed(ann), ["b.txt"])
        self.assertEqual(self.changed(asking), [])

    def test_lost(self) -> None:
        """A watch of an account whose rights have changed tells nothing more, and ends: the client logs in again."""
        ann = self.enter("ann")
        self.watch(ann)
        self.accesses.set_rights("ann", parse_rights("add"))
        self.push("people/ann/b.txt")
        self.assertEqual([(each.status, each.more) for each in ann.responses()], [(Status.FORBIDDEN, False)])
        self.assertEqual(len(self.server.hub), 0)
