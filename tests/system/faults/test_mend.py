"""The process is killed before every system call that changes something, while damage is found, marked and mended."""

from __future__ import annotations

import os

from homeftp.endpoint import ROOT, parse
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.store import LocalStore
from tests.system.faults.killing import KillCase
from tests.system.faults.scenarios import MENDING, OLD, file
from tests.system.faults.verdict import litter, tree


def after_verifying(root: str) -> list[str]:
    """What is wrong when the store is opened again and verified: the damage, or something that was begun, is left."""
    cache = HashCache(os.path.join(os.path.dirname(root), "index.sqlite"))
    try:
        store = LocalStore(root, cache)
        try:
            found = litter(root)
            list(store.verify(ROOT))
            found += [f"still damaged: {damage}" for damage in store.damaged()]
            entry = store.stat(parse("damaged"))
            if entry is None or entry.hash != file(OLD[::-1]) or tree(root)["damaged"] != entry.hash:
                found.append(f"not mended: {entry}")
            return found
        finally:
            store.close()
    finally:
        cache.close()


class MendTests(KillCase):
    """Damage is found, marked and mended."""

    afterwards = staticmethod(after_verifying)
    more_than = 10

    def test_killed(self) -> None:
        """The damaged or the right content is complete, no content is lost, and the next reading ends the damage."""
        self.check("kernel", MENDING)

    def test_in_place(self) -> None:
        """The control: a store that writes the right content over the damaged one is caught half-way."""
        found = self.each(self.kill_at, self.points("mend from a file", "in place"))
        self.assertTrue(any("damaged is " in wrong for wrong in found), found)
