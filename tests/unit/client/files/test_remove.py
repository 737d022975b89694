"""Deleting local files and folders."""

from __future__ import annotations

import os

from homeftp.client.files.remove import remove_local
from homeftp.client.files.scan import scan
from homeftp.errors import Changed
from homeftp.syscalls import System
from tests.support.folders import QuickCase


class RemoveTests(QuickCase):
    """remove_local."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        for name in ("a", "x/b", "x/y/c", "full/d", "2019: Rome/e"):
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(name)

    def test_removed(self) -> None:
        """Files and empty folders go, under their local names; what has changed or is not empty stays."""
        tree = scan(self.folder)
        rome = "2019\u201b\uff1a Rome"
        with open(os.path.join(self.folder, "a"), "w") as file:
            file.write("changed")
        names = ["a", "x/b", "x/y/c", f"{rome}/e"]
        folders = ["x/y", "x", "full", rome]
        found = remove_local(self.folder, System(), tree.local_names, [tree.files[name] for name in names], folders)
        results = dict(found)
        self.assertIsInstance(results["a"], Changed)
        self.assertIsInstance(results["full"], OSError)
        self.assertEqual({name for name, failure in found if failure is None}, {*names, *folders} - {"a", "full"})
        self.assertEqual(set(os.listdir(self.folder)), {"a", "full"})

    def test_links(self) -> None:
        """Nothing is deleted through a link that took a folder's place."""
        tree = scan(self.folder)
        os.rename(os.path.join(self.folder, "x"), os.path.join(self.folder, "moved"))
        os.symlink("moved", os.path.join(self.folder, "x"))
        [(_, failure), (_, other)] = remove_local(self.folder, System(), {}, [tree.files["x/b"]], ["x"])
        self.assertIsInstance(failure, OSError)
        self.assertIsInstance(other, OSError)
        self.assertTrue(os.path.exists(os.path.join(self.folder, "moved", "b")))
