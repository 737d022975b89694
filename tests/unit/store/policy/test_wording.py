"""How messages name things."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.store.policy import wording


class WordingTests(SynchronousTestCase):
    """Paths, sizes and refusals."""

    def test_paths(self) -> None:
        """A path is shown as its account sees it; the root has words of its own."""
        self.assertEqual(wording.display_path(Endpoint(("homes", "ann", "a.txt"), 2)), "a.txt")
        self.assertEqual(wording.display_path(ROOT), "the shared folder")
        self.assertEqual(wording.display_path(Endpoint(("homes", "ann"), 2)), "the shared folder")

    def test_sizes(self) -> None:
        """Sizes are in units that people know, powers of ten."""
        sizes = [0, 1, 999, 1000, 1_500_000, 2 * 10**9, 10**12]
        shown = ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "1.5 MB", "2.0 GB", "1.0 TB"]
        self.assertEqual([wording.format_size(size) for size in sizes], shown)

    def test_refusals(self) -> None:
        """Each names what it is about, in one line."""
        where = parse("d/a.txt")
        refusals = [
            wording.not_found(where),
            wording.no_version(where, None),
            wording.no_version(where, 7),
            wording.is_directory(where),
            wording.not_a_directory(where),
            wording.not_a_directory(where, parse("d")),
            wording.not_empty(where),
            wording.into_itself(where),
            wording.over_store_quota(where, 500, None),
            wording.no_space(where, 500, 1_299_999),
            wording.no_space(where, 500, None),
            wording.over_quota(where, 10**9, 500, -1),
        ]
        for refused in refusals:
            self.assertIn("d/a.txt", refused.message)
            self.assertNotIn("\n", refused.message)
        self.assertIn("0 bytes are free", refusals[-1].message)
        self.assertIn("it needs 500 bytes. Ask the server's owner", refusals[-2].message)
        self.assertIn("about 1.2 MB are free", refusals[-3].message)
        self.assertIn("the quota of the server", refusals[-4].message)
        self.assertEqual(refusals[4].message, wording.not_a_directory(where, where).message)
        self.assertIn("is a file, not a directory", refusals[4].message)
        self.assertIn("lies beneath a file", refusals[5].message)
        self.assertIn("on loan", wording.read_only("on loan").message)
        self.assertEqual(wording.unsupported("copy files").message, "this store cannot copy files")

    def test_rough(self) -> None:
        """Two digits of a number remain, rounded down for people and up for what they declare."""
        for size, down, up in ((0, 0, 0), (7, 7, 7), (99, 99, 99), (101, 100, 110), (123_456, 120_000, 130_000)):
            self.assertEqual((wording.rough(size), wording.rough_up(size)), (down, up))
        self.assertEqual((wording.rough_up(130_000), wording.rough_up(-150)), (130_000, -150))
