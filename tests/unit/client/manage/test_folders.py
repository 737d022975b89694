"""Making folders on the server."""

from __future__ import annotations

from homeftp.accounts.access import AccessTable
from homeftp.client import Client
from homeftp.client.manage.folders import make_folder
from homeftp.errors import Changed, NotFound, WrongKind
from homeftp.store.policy.rights import parse_rights
from tests.support.inmemory import PASSWORD
from tests.support.transfers import TransferCase, folders


class MakeFolderTests(TransferCase):
    """make_folder."""

    def make(self, path: str, *, parents: bool = False) -> str:
        return self.run_work(make_folder(self.client, path, parents=parents))

    def test_made(self) -> None:
        """A folder is made in one that exists; with `parents` all are, and it may exist."""
        self.assertEqual(self.make("/lib/"), "lib")
        self.assertEqual(self.make("lib/x"), "lib/x")
        for _ in range(2):
            self.assertEqual(self.make("a/b/c", parents=True), "a/b/c")
        self.assertEqual(self.make("", parents=True), "")
        self.assertEqual(folders(self.server.root), {"lib", "lib/x", "a", "a/b", "a/b/c"})

    def test_refused(self) -> None:
        """What exists, what has no folder above it, and a file in the way."""
        self.make_remote_file("file")
        self.make("lib")
        for path, parents, error in (
            ("lib", False, Changed),
            ("file", False, Changed),
            ("", False, Changed),
            ("none/x", False, NotFound),
            ("file/x", False, WrongKind),
            ("file/x", True, WrongKind),
            ("file", True, WrongKind),
        ):
            with self.assertRaises(error, msg=path):
                self.make(path, parents=parents)
        self.assertEqual(folders(self.server.root), {"lib"})

    def test_missing(self) -> None:
        """The uppermost folder that is missing is named."""
        self.make("lib")
        for path, missing in (("none/x", "none"), ("a/b/c/d", "a"), ("lib/a/b/c", "lib/a")):
            with self.assertRaisesRegex(NotFound, f"^{missing} does not exist on the server: add -p"):
                self.make(path)

    def test_blind(self) -> None:
        """An account that may only add makes folders, although it does not see what exists."""
        self.server.state.add_account("ann", None)
        AccessTable(self.server.state).set_rights("ann", parse_rights("add"))
        self.wire = self.connect()
        self.client = Client(self.wire.client)
        self.wire.pump()
        self.run_work(self.client.login("ann", PASSWORD))
        self.make("lib")
        self.assertEqual(folders(self.server.root), {"lib"})
