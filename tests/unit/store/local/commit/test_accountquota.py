"""The quota of an account, in the local store: exact, counted with versions and uploads, and no burden for others."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from homeftp.config import MIB
from homeftp.endpoint import ROOT, parse
from homeftp.errors import NoSpace
from tests.support.storecases import SpaceCase, account
from tests.support.stores import put_of


class AccountQuotaTests(SpaceCase):
    """What is beneath the home of an account."""

    def in_home(self, home: str) -> int:
        """The bytes of all files in a home, and of their versions."""
        tops = [self.path(home), *(self.path(f".homeftp/versions/{day}/{home}") for day in self.days())]
        return sum(
            -(-os.path.getsize(os.path.join(folder, name)) // 4096) * 4096
            for top in tops
            for folder, _, names in os.walk(top)
            for name in names
        )

    def days(self) -> list[str]:
        return os.listdir(self.path(".homeftp/versions"))

    def test_many_at_once(self) -> None:
        """Exactly as many files fit as there is space for, however many come at once; others are not stopped."""
        store = self.store()
        ann, bob = (store.bind(account(name, name, 100 * 4096)) for name in ("ann", "bob"))
        for path, size in (("ann/old", 30 * 4096), ("other", 50 * 4096)):
            self.lay(path, bytes(size))
        with self.assertRaises(NoSpace):  # the home is counted for this: until it is, others are answered Busy
            self.put(ann, "ann/too large", bytes(101 * 4096))

        def put(number: int) -> int:
            results = ann.write_many([put_of(f"ann/{number}/{each}", b"x" * 4097) for each in range(3)])
            for result in results:
                if isinstance(result, Exception):
                    self.assertIsInstance(result, NoSpace)
                    self.assertIn("your account's quota of 409.6 kB has no space for", str(result))
            return sum(not isinstance(each, Exception) for each in results)

        with ThreadPoolExecutor(8) as pool:
            stored = sum(pool.map(put, range(40)))
        self.assertEqual((stored, self.in_home("ann")), (35, 100 * 4096))
        self.put(bob, "bob/x", bytes(100 * 4096))
        self.put(store, "x", bytes(200 * 4096))
        with self.assertRaises(NoSpace):
            self.put(bob, "bob/y", b"y")
        self.assertEqual(sum(ann.remove(parse("ann/old"), None, False)), 1)
        with self.assertRaises(NoSpace):
            self.put(ann, "ann/new", bytes(4096))  # its version counts

    def test_own_versions(self) -> None:
        """At its quota an account gives up versions of its own, the oldest first; never another's."""
        for narrow in (False, True):
            store = self.store()
            name = f"ann{narrow}"
            ann = store.bind(account(name, name, 10 * 4096, narrow=narrow))
            for path in (f"{name}/a", f"{name}/b", f"bob{narrow}/c"):
                for content in (b"old", b"new"):
                    self.put(store, path, content)
            self.assertEqual(ann.free_space(), 6 * 4096)
            if narrow:
                with self.assertRaises(NoSpace):
                    self.put(ann, f"{name}/c", bytes(7 * 4096))
            else:
                self.put(ann, f"{name}/c", bytes(7 * 4096))
            kept = [version.name for page in store.versions(ROOT) for version in page if str(narrow) in version.name]
            theirs = [f"bob{narrow}/c", f"{name}/b"]
            self.assertEqual(sorted(kept), sorted([*theirs, f"{name}/a"] if narrow else theirs))
            store.close()

    def test_under_way(self) -> None:
        """Uploads under way and suspended ones count; what is declared beyond the quota is refused at once."""
        store = self.store()
        ann = store.bind(account("ann", "ann", 10 * MIB))
        with self.assertRaisesRegex(NoSpace, "your account's quota"):
            ann.upload(put_of("ann/a", bytes(10 * MIB + 1))[0])
        upload = ann.upload(put_of("ann/a", bytes(8 * MIB))[0])
        upload.write(bytes(3 * MIB))
        with self.assertRaises(NoSpace):
            ann.upload(put_of("ann/b", bytes(4 * MIB))[0])
        upload.suspend()
        self.assertEqual(ann.free_space(), 7 * MIB)
        store.close()
        store = self.store()
        ann = store.bind(account("ann", "ann", 10 * MIB))
        self.assertEqual(ann.free_space(), 7 * MIB)
        again = ann.upload(put_of("ann/a", bytes(8 * MIB), offset=3 * MIB)[0])
        list(again.verify_resumed())
        again.write(bytes(5 * MIB))
        again.commit()
        self.assertEqual(ann.free_space(), 2 * MIB)

    def test_verified(self) -> None:
        """What other programs removed no longer counts, at the latest before something is refused."""
        store = self.store()
        ann = store.bind(account("ann", "ann", 10 * 4096))
        self.put(ann, "ann/a", bytes(8 * 4096))
        os.unlink(self.path("ann/a"))
        with mock.patch("time.monotonic", return_value=time.monotonic() + 100):
            self.put(ann, "ann/b", bytes(8 * 4096))
