"""Escaped names that are fetched."""

from __future__ import annotations

import os

from msgspec import structs

from homeftp.client import Outcome, Selection
from tests.support.transfers import TransferCase, folders, tree

ROME = "2019\u201b\uff1a Rome"


class SpellingTests(TransferCase):
    """get of names that stand for local ones."""

    def setUp(self) -> None:
        super().setUp()
        self.local = os.path.join(self.here, "lib")

    def test_there_and_back(self) -> None:
        """A folder with such names is the same after a push and a get, and a second get changes nothing."""
        for name in ("2019: Rome/a*b", "2019: Rome/x/CON", "end./it\u201b\uff1a"):
            self.make_file(f"lib/{name}", name.encode())
        self.push(self.local, "lib", recursive=True)
        self.assertIn(f"lib/{ROME}/a\u201b\uff0ab", self.remote_files())
        copy = os.path.join(self.here, "copy")
        for outcome in (Outcome.NEW, Outcome.SAME):
            self.get("lib", copy, recursive=True)
            self.assertEqual(self.outcomes()[f"{ROME}/a\u201b\uff0ab"], outcome)
        self.assertEqual((tree(copy), folders(copy)), (tree(self.local), folders(self.local)))
        self.cmp(copy, "lib")
        self.assertEqual(set(self.outcomes().values()), {Outcome.SAME})

    def test_no_local_name(self) -> None:
        """A name that no push makes fails, with what is below it; the rest is fetched."""
        for name in ("a", "x\u201b\u201by/inner/b", "\u201b\uff0e\u201b\uff0e/c", f"{ROME}/d"):
            self.make_remote_file(f"lib/{name}")
        self.get("lib", self.local, recursive=True)
        failed = {name for name, outcome in self.outcomes().items() if outcome is Outcome.FAILED}
        self.assertEqual(failed, {"x\u201b\u201by", "\u201b\uff0e\u201b\uff0e"})
        self.assertEqual(set(tree(self.here)), {"lib/a", "lib/2019: Rome/d"})

    def test_strict(self) -> None:
        """With strict names a name is taken as it is."""
        self.make_remote_file(f"lib/{ROME}/x\u201b\u201by")
        self.get("lib", self.local, recursive=True, selection=Selection(strict_names=True))
        self.assertEqual(set(tree(self.local)), {f"{ROME}/x\u201b\u201by"})

    def test_patterns(self) -> None:
        """Patterns of a selection and of a path mean the local names."""
        self.make_remote_file(f"lib/{ROME}/a")
        self.make_remote_file("lib/b")
        self.get("lib", self.local, recursive=True, selection=Selection(("2019: *",)))
        self.assertEqual(set(tree(self.local)), {"b"})
        self.get("lib/2019:*", os.path.join(self.here, "out"), recursive=True)
        self.assertEqual(set(tree(os.path.join(self.here, "out"))), {"a"})


class SimilarTests(TransferCase):
    """push of names that the server does not take beside each other."""

    def setUp(self) -> None:
        super().setUp()
        self.local = os.path.join(self.here, "lib")
        for name in ("Photo", "photo", "Docs/x", "docs/x", "same/A", "other"):
            self.make_file(f"lib/{name}", name.encode())
        self.make_remote_file("lib/same/a", b"a")

    def failed(self) -> set[str]:
        return {name for name, outcome in self.outcomes().items() if outcome is Outcome.FAILED}

    def test_left_out(self) -> None:
        """New names that clash fail, and what is beneath them is left out, in a dry run, too; the rest is sent."""
        for dry_run in (True, False, False):
            self.push(self.local, "lib", recursive=True, dry_run=dry_run)
            self.assertEqual(self.failed(), {"Photo", "photo", "Docs", "docs", "same/A"})
            self.assertIn("beside it only in case", self.results[0].reason)
        self.assertEqual(set(self.remote_files()), {"lib/other", "lib/same/a"})

    def test_unknown(self) -> None:
        """The control: a server that does not say so is sent all, and refuses the second name."""
        self.client.server_info = structs.replace(self.client.server_info, similar_names=None)
        self.push(self.local, "lib", recursive=True)
        self.assertEqual(self.failed(), set())
        self.assertIn(Outcome.REFUSED, self.outcomes().values())
        self.assertIn("lib/Photo", self.remote_files())
