"""A folder that is the same costs one request; whatever else there is costs the listing too, and is told."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import attrs

from homeftp.client import Outcome
from homeftp.errors import Changed
from homeftp.files.files import Files
from homeftp.hashing.hashcache import HashCache
from tests.support.transfers import TransferCase


class WholeTests(TransferCase):
    """`cmp` of a folder, where this machine remembers the hashes of its files."""

    def setUp(self) -> None:
        super().setUp()
        cache = HashCache(self.mktemp())
        self.addCleanup(cache.close)
        self.context = attrs.evolve(self.context, hash_cache=cache)
        for name in ("lib/a", "lib/sub/b", "lib/sub/é"):
            self.make_file(name, name.encode())
        os.mkdir(f"{self.here}/lib/empty")
        self.push(f"{self.here}/lib", "lib", recursive=True)

    def compare(self, **options: Any) -> tuple[list[str], dict[Outcome, int]]:
        """The requests that a comparison sends, and how many results of each kind it has."""
        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            observer = self.cmp(f"{self.here}/lib", "lib", **options)
        self.assertEqual(observer.bytes_moved, 0)
        return [call.args[0] for call in request.call_args_list], dict(observer.counts)

    def test_same(self) -> None:
        """One CMP; every file is reported, in either order."""
        for local_first in (True, False):
            self.assertEqual(self.compare(local_first=local_first), (["CMP"], {Outcome.SAME: 3}))

    def test_links_here(self) -> None:
        """What cannot be sent of the local folder is reported too."""
        os.symlink("a", f"{self.here}/lib/link")
        self.assertEqual(self.compare(), (["CMP"], {Outcome.SAME: 3, Outcome.SKIPPED: 1}))

    def test_name_here(self) -> None:
        """Where a local name cannot be sent, the listing is compared: one request cannot tell that all is the same."""
        self.make_file("lib/.homeftp-b")
        self.assertEqual(self.compare(), (["CMP", "GET"], {Outcome.SAME: 3, Outcome.FAILED: 1}))

    def test_changing_there(self) -> None:
        """Where a file on the server keeps changing, so that there is no digest, the listing is compared."""

        def changing(*_: object, **__: object) -> None:
            raise Changed("it is being changed")

        with mock.patch.object(Files, "tree_digest", changing):
            self.assertEqual(self.compare(), (["CMP", "CMP", "GET"], {Outcome.SAME: 3}))

    def test_differs(self) -> None:
        """A difference of any kind is found, by the listing."""
        for change, found in (
            (lambda: self.make_file("lib/a", b"another"), Outcome.DIFFERS),
            (lambda: self.make_file("lib/a", b"lib/a", mtime=1_600_000_000), Outcome.DIFFERS),
            (lambda: self.make_file("lib/a", b"lib/a", mode=0o600), Outcome.DIFFERS),
            (lambda: self.make_file("lib/new"), Outcome.MISSING),
            (lambda: os.unlink(f"{self.here}/lib/a"), Outcome.EXTRA),
            (lambda: os.rmdir(f"{self.here}/lib/empty"), Outcome.EXTRA),
        ):
            change()
            requests, counts = self.compare()
            self.assertEqual((requests[-2:], counts[found]), (["CMP", "GET"], 1), found)
            self.push(f"{self.here}/lib", "lib", recursive=True, force=True)
            for name in ("lib/new", "lib/a"):
                for top in (self.here, self.server.root):
                    if os.path.exists(f"{top}/{name}"):
                        os.unlink(f"{top}/{name}")
            self.make_file("lib/a", b"lib/a")
            os.makedirs(f"{self.here}/lib/empty", exist_ok=True)
            self.push(f"{self.here}/lib", "lib", recursive=True)
            self.assertEqual(self.compare()[0], ["CMP"], "the control")

    def test_skipped_there(self) -> None:
        """A name on the server that cannot be compared is told by its name."""
        os.symlink("a", os.path.join(self.server.root, "lib", "link"))
        self.assertEqual(self.compare(), (["CMP", "CMP", "GET"], {Outcome.SAME: 3, Outcome.SKIPPED: 1}))

    def test_not_remembered(self) -> None:
        """A folder of which not all hashes are remembered is compared with the listing."""
        os.utime(f"{self.here}/lib/a", ns=(0, 1_700_000_000 * 10**9))
        os.chmod(f"{self.here}/lib/a", 0o644)
        self.assertEqual(self.compare(), (["CMP", "GET"], {Outcome.SAME: 3}))

    def test_file_there(self) -> None:
        """A file on the other side is of another kind, whether all hashes of the folder are remembered or not."""
        self.make_file("other/x")
        for _ in range(2):
            self.cmp(f"{self.here}/other", "lib/a")
            self.assertEqual([result.differs for result in self.results], [("kind",)])
            self.push(f"{self.here}/other", "other", recursive=True)

    def test_mode_of_the_folder(self) -> None:
        """With `perms` the mode of the folder itself is compared."""
        os.chmod(f"{self.here}/lib", 0o700)
        self.assertEqual(self.compare(), (["CMP"], {Outcome.SAME: 3}))
        requests, counts = self.compare(perms=True)
        self.assertEqual((requests, counts), (["CMP", "CMP", "GET"], {Outcome.SAME: 3, Outcome.DIFFERS: 1}))
