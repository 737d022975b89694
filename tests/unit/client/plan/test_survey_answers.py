"""Comparing remembered folders gives the same answers as reading everything."""

from __future__ import annotations

import os
import random
import shutil
from functools import partial
from typing import Callable

import attrs

from homeftp.client import FileResult, Outcome
from tests.support.transfers import TransferCase

_NEVER_TRANSFERRED = {Outcome.SKIPPED, Outcome.FAILED, Outcome.REFUSED}
"""The outcomes of what stays different: links, and a file where the other side has a folder."""


class SameAnswerTests(TransferCase):
    """The digests change how much is asked, and never what is told."""

    def setUp(self) -> None:
        super().setUp()
        self.cache = self.new_cache()

    def change(self, chance: random.Random, top: str) -> None:
        """Change something in one of the copies."""
        path = f"{top}/lib/{chance.randrange(12):02}"
        file = f"{path}/{chance.randrange(25):02}"
        what = chance.randrange(9)
        if what == 0 and os.path.isdir(path):
            shutil.rmtree(path)
        elif what == 1:
            os.makedirs(f"{path}/more/deep", exist_ok=True)
        elif what == 2 and os.path.isdir(path):
            os.chmod(path, 0o700)
        elif what == 3 and os.path.isfile(file):
            os.unlink(file)
            os.makedirs(f"{file}/in")
        elif what == 4 and os.path.isdir(path):
            os.symlink("x", f"{path}/link{chance.randrange(3)}")
        elif os.path.isfile(file):
            if what == 5:
                os.utime(file, (7, chance.randrange(10**9)))
            elif what == 6:
                os.chmod(file, 0o600)
            elif what == 7:
                os.unlink(file)
            else:
                with open(file, "w") as written:
                    written.write("x" * chance.randrange(9))
                os.utime(file, (8, 8))

    def results_of(self, transfer: Callable[[], object], *, cached: bool) -> list[FileResult]:
        """What a transfer tells, with hashes remembered here or without; hashes aside, which it tells if it has any."""
        self.context = attrs.evolve(self.context, hash_cache=self.cache if cached else None)
        transfer()
        told = [result._replace(hash=None) for result in self.results]
        return sorted(told, key=lambda result: (result.name, result.kind, result.outcome.value))

    def test_random(self) -> None:
        """Whatever differs, a transfer tells the same with digests as without; and it leaves equal copies."""
        mirror = {"recursive": True, "delete": True, "force": True, "max_delete": 300}
        for seed in range(4):
            chance = random.Random(seed)
            self.start_client()
            shutil.rmtree(os.path.join(self.server.root, "lib"), ignore_errors=True)
            for number in range(300):
                self.make_file(f"lib/{number % 12:02}/{number // 12:02}", b"%d" % chance.randrange(5))
            local = f"{self.here}/lib"
            self.context = attrs.evolve(self.context, hash_cache=self.cache)
            self.push(local, "lib", recursive=True)
            for _ in range(chance.randrange(8)):
                self.change(chance, chance.choice((self.here, self.server.root)))
            for transfer in (
                partial(self.cmp, local, "lib"),
                partial(self.cmp, local, "lib", perms=True),
                partial(self.push, local, "lib", recursive=True, dry_run=True),
                partial(self.push, local, "lib", dry_run=True, **mirror),
                partial(self.get, "lib", local, recursive=True, dry_run=True),
                partial(self.get, "lib", local, dry_run=True, **mirror),
            ):
                pairs = zip(
                    self.results_of(transfer, cached=True), self.results_of(transfer, cached=False), strict=True
                )
                self.assertEqual([(one, other) for one, other in pairs if one != other], [], seed)
            last = chance.choice((partial(self.push, local, "lib"), partial(self.get, "lib", local)))
            last = partial(last, perms=True, **mirror)
            told = self.results_of(last, cached=True)
            again = self.results_of(last, cached=False)
            self.assertLessEqual({each.outcome for each in again}, {Outcome.SAME, *_NEVER_TRANSFERRED}, seed)
            self.assertTrue(told)
