"""push, get and cmp of a part of a folder."""

from __future__ import annotations

import os

from homeftp.client import Outcome, Selection
from homeftp.errors import OperatorError
from tests.support.transfers import TransferCase, folders, tree

TMP = Selection(("*.tmp",))


class SelectedTests(TransferCase):
    """Transfers with a selection."""

    def setUp(self) -> None:
        super().setUp()
        self.local = os.path.join(self.here, "lib")

    def test_push(self) -> None:
        """What is left out is neither sent nor reported, with the folders that are; the control is all of it."""
        for name in ("lib/a", "lib/b.tmp", "lib/build/c", "lib/x/d", "lib/x/what?.tmp"):
            self.make_file(name)
        os.symlink("a", os.path.join(self.local, "link.tmp"))
        self.push(self.local, "lib", recursive=True, selection=Selection(("*.tmp", "build/")))
        self.assertEqual(set(self.outcomes()), {"a", "x/d", "", "x"})
        self.assertEqual(set(self.remote_files()), {"lib/a", "lib/x/d"})
        self.push(self.local, "all", recursive=True)
        self.assertEqual(
            set(self.outcomes()),
            {"a", "b.tmp", "build", "build/c", "x", "x/d", "x/what\u201b\uff1f.tmp", "link.tmp", ""},
        )

    def test_ignore_file(self) -> None:
        """Ignore files count in the folders that they are in, and are sent themselves; without them all is sent."""
        for name in ("lib/a.tmp", "lib/keep/b.tmp", "lib/keep/c.tmp", "lib/d"):
            self.make_file(name)
        self.make_file("lib/.homeftpignore", b"# scratch\n*.tmp\n")
        self.make_file("lib/keep/.homeftpignore", b"!b.tmp\n")
        self.push(self.local, "lib", recursive=True)
        sent = {".homeftpignore", "d", "keep/.homeftpignore", "keep/b.tmp"}
        self.assertEqual(set(tree(os.path.join(self.server.root, "lib"))), sent)
        self.push(self.local, "all", recursive=True, selection=Selection(ignore_files=False))
        self.assertEqual(set(tree(os.path.join(self.server.root, "all"))), {*sent, "a.tmp", "keep/c.tmp"})

    def test_bad_ignore_file(self) -> None:
        """An ignore file that cannot be used ends it before anything is sent: what it names must not be."""
        self.make_file("lib/a")
        for content in (b"[z-a]\n", b"\xff\n", b"x" * (1024 * 1024 + 1)):
            self.make_file("lib/sub/.homeftpignore", content)
            with self.assertRaisesRegex(OperatorError, "homeftpignore"):
                self.push(self.local, "lib", recursive=True)
        self.assertEqual(self.remote_files(), {})

    def test_get(self) -> None:
        """What is left out is not fetched; the ignore file of the local folder counts."""
        for name in ("lib/a", "lib/b.tmp", "lib/build/c", "lib/x/d"):
            self.make_remote_file(name)
        self.get("lib", self.local, recursive=True, selection=Selection(("*.tmp", "build/")))
        self.assertEqual((set(tree(self.local)), folders(self.local)), ({"a", "x/d"}, {"x"}))
        self.make_file("two/.homeftpignore", b"x\n")
        self.get("lib", os.path.join(self.here, "two"), recursive=True, selection=TMP)
        self.assertEqual(set(tree(os.path.join(self.here, "two"))), {".homeftpignore", "a", "build/c"})

    def test_cmp(self) -> None:
        """What is left out is not compared, on either side."""
        self.make_file("lib/a")
        self.make_file("lib/b.tmp", b"here")
        self.make_remote_file("lib/a")
        self.make_remote_file("lib/b.tmp", b"there")
        self.make_remote_file("lib/x/c.tmp")
        self.cmp(self.local, "lib", selection=Selection(("*.tmp", "x")))
        self.assertEqual(self.outcomes(), {"a": Outcome.SAME})
        self.cmp(self.local, "lib")
        self.assertEqual(self.outcomes()["b.tmp"], Outcome.DIFFERS)

    def test_names(self) -> None:
        """Only what is listed is transferred; a name that does not exist fails."""
        listed = Selection(names=frozenset({"a", "x/y", "none"}))
        for name in ("a", "b", "x/c", "x/y/d"):
            self.make_file(f"lib/{name}")
            self.make_remote_file(f"there/{name}")
        self.push(self.local, "lib", recursive=True, selection=listed)
        self.assertEqual(self.outcomes()["none"], Outcome.FAILED)
        self.assertEqual(set(tree(os.path.join(self.server.root, "lib"))), {"a", "x/y/d"})
        self.get("there", os.path.join(self.here, "copy"), recursive=True, selection=listed)
        self.assertEqual(self.outcomes()["none"], Outcome.FAILED)
        self.assertEqual(set(tree(os.path.join(self.here, "copy"))), {"a", "x/y/d"})
        self.cmp(self.local, "there", selection=Selection(names=frozenset({"b", "none"})))
        self.assertEqual(self.outcomes(), {"b": Outcome.SAME, "none": Outcome.FAILED})
