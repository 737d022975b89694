"""The quota of an account, in the local store: exact, counted with versions and uploads, and no burden for others."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Callable
from unittest import mock

from homeftp.config import MIB, Retention
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import NoSpace
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.policy.outcomes import catch
from tests.support.storecases import SpaceCase, account
from tests.support.stores import put_of
from tests.support.waiting import WITHIN


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
            results = ann.write_many([put_of(f"ann/{number}-{each}", b"x" * 4097) for each in range(3)])
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

    def test_directories_at_once(self) -> None:
        """Exactly as many directories fit as there is space for, however many are made at once."""
        store = self.store()
        ann = store.bind(account("ann", "ann", 50 * 4096))
        self.lay("ann/old")
        self.assertEqual(ann.space().free, 49 * 4096)

        def make(number: int) -> int:
            result = catch(ann.make_directory, WriteRequest(endpoint=parse(f"ann/{number}")))
            self.assertIsInstance(result, Entry | NoSpace)
            return isinstance(result, Entry)

        with ThreadPoolExecutor(8) as pool:
            made = sum(pool.map(make, range(80)))
        self.assertEqual((made, len(os.listdir(self.path("ann")))), (49, 50))

    def test_counted_beside_others(self) -> None:
        """While a home is counted for a new directory in it, others' directories are made."""
        store = self.store()
        root, made = store._folder.get().root, []

        class Slow(QuotaUsage):
            def scan(self) -> int:
                other = threading.Thread(target=make, daemon=True)
                other.start()
                other.join(WITHIN)
                return super().scan()

        def make() -> None:
            made.append(store.make_directory(WriteRequest(endpoint=parse("bob/d"))))

        store._writable.accounting._homes[parse("ann"), 40_000] = Slow(root, 40_000, (b"ann",))
        ann = store.bind(account("ann", "ann", 40_000))
        for act in (
            lambda: ann.make_directory(WriteRequest(endpoint=parse("ann/d"))),
            lambda: ann.make_directory(WriteRequest(endpoint=parse("ann/e"), precondition=ABSENT)),
            lambda: self.put(ann, "ann/f/g", b""),
        ):
            store._writable.accounting._homes[parse("ann"), 40_000].recount()
            made.clear()
            act()
            self.assertEqual(len(made), 1)

    def test_deep_directories(self) -> None:
        """A path is made as a whole or not at all, and the refusal tells of the quota."""
        store = self.store()
        ann = store.bind(account("ann", "ann", 5 * 4096))
        os.mkdir(self.path("ann"))
        for act in (
            lambda: ann.make_directory(WriteRequest(endpoint=parse("ann/1/2/3/4/5/6"))),
            lambda: self.put(ann, "ann/1/2/3/4/5/6", b""),
            lambda: self.stream(ann, "ann/1/2/3/4/5/6", b""),
        ):
            with self.assertRaisesRegex(NoSpace, "your account's quota of 20.5 kB has no space for"):
                act()
            self.assertEqual(os.listdir(self.path("ann")), [])
        self.put(ann, "ann/1/2/3/4", b"")
        self.assertEqual(ann.space().free, 4096)

    def test_shared_parents(self) -> None:
        """A directory that several files of one request need counts once."""
        store = self.store()
        ann = store.bind(account("ann", "ann", 20 * 4096))
        os.mkdir(self.path("ann"))
        names = ("new/a/1", "new/b/1", "new/b/2")
        results = ann.write_many([put_of(f"ann/{name}", b"x") for name in names])
        self.assertEqual([type(each) for each in results], [Entry] * 3)
        self.assertEqual(ann.space().free, (20 - 3 - 3) * 4096)

    def test_full_of_versions(self) -> None:
        """Versions that are given up take their folders along: deep ones do not use up a quota."""
        store = self.store()
        ann = store.bind(account("ann", "ann", 20 * 4096, narrow=False))
        for number in range(10):
            self.put(ann, f"ann/{number}/2/3/4", b"x")
            self.assertEqual(sum(ann.remove(parse(f"ann/{number}"), None, True)), 4)
        self.put(ann, "ann/large", bytes(15 * 4096))

    def test_nothing_of_others_for_a_name(self) -> None:
        """A directory that its quota does not allow costs no version of anybody, however old."""
        store = self.store(retention=Retention(protected_seconds=0))
        for content in (b"old", b"new"):
            self.put(store, "bob/a", content)
        ann = store.bind(account("ann", "ann", 4096))
        self.put(ann, "ann/a", b"")
        with self.assertRaises(NoSpace):
            ann.make_directory(WriteRequest(endpoint=parse("ann/d")))
        self.assertEqual(len([version for page in store.versions(ROOT) for version in page]), 1)

    def test_moved_into_a_home(self) -> None:
        """What somebody else moves into a home counts there, as long as it is there, and is not refused."""
        store = self.store()
        ann, bob = store.bind(account("ann", "ann", 10 * 4096)), store.bind(account("bob"))
        self.put(ann, "ann/own", bytes(2 * 4096))
        self.put(bob, "bob/file", bytes(4096))
        self.put(bob, "bob/directory/in it", bytes(20 * 4096))
        for name, left in (("file", 7), ("directory", 0)):
            bob.move(parse(f"bob/{name}"), parse(f"ann/{name}"), None, None)
            self.assertEqual(ann.space().free, left * 4096)
        with self.assertRaisesRegex(NoSpace, "your account's quota of 41.0 kB .* 0 bytes are free"):
            self.put(ann, "ann/more", b"")
        for name, left in (("directory", 7), ("file", 8)):
            bob.move(parse(f"ann/{name}"), parse(f"bob/{name}"), None, None)
            self.assertEqual(ann.space().free, left * 4096)

    def test_moved_between_quotas(self) -> None:
        """A move inside a home needs no space there, and what is in two homes counts in both."""
        store = self.store()
        people = store.bind(account("ann", "people", 8 * 4096))
        kid = store.bind(account("kid", "people/kid", 4 * 4096))
        self.put(people, "people/a", bytes(4 * 4096))
        self.put(kid, "people/kid/b", bytes(2 * 4096))
        self.assertEqual((people.space().free, kid.space().free), (4096, 2 * 4096))
        people.move(parse("people/a"), parse("people/kid/a"), None, None)
        self.assertEqual((people.space().free, kid.space().free), (4096, 0))
        with self.assertRaises(NoSpace):
            self.put(kid, "people/kid/c", b"")
        people.move(parse("people/kid/a"), parse("people/a"), None, None)
        self.assertEqual((people.space().free, kid.space().free), (4096, 2 * 4096))

    def test_accounting(self) -> None:
        """Whatever is made, moved, removed, restored, given up and expired, the usage is what is on the disk."""
        random = Random(11)
        quota = 60 * 4096
        store = self.store(quota=10 * quota, retention=Retention(protected_seconds=0))
        store.maintain()
        ann = store.bind(account("ann", "ann", quota, narrow=False))
        names = ("a", "b", "c", "a/a", "a/b", "b/a", "c/a/b", "d/e/f/g", "d/e")

        def path(homes: tuple[str, ...] = ("ann", "ann", "bob")) -> Endpoint:
            return parse(f"{random.choice(homes)}/{random.choice(names)}")

        done: set[str] = set()
        acts: dict[str, Callable[[], object]] = {
            "write": lambda: self.put(ann, str(path()), bytes(random.choice((0, 1, 5000)))),
            "upload": lambda: self.stream(ann, str(path()), bytes(random.choice((0, 5000)))),
            "directory": lambda: ann.make_directory(WriteRequest(endpoint=path())),
            "copy": lambda: list(ann.copy(path(), path(), source_precondition=None, target_precondition=None)),
            "move": lambda: store.move(path(("ann",)), path(("ann",)), None, None),
            "move in": lambda: store.move(path(("bob",)), path(("ann",)), None, None),
            "move out": lambda: store.move(path(("ann",)), path(("bob",)), None, None),
            "remove": lambda: sum(ann.remove(path(), None, True)),
            "restore": lambda: ann.restore(path(), None, None),
            "large": lambda: self.put(ann, "ann/large", bytes(random.randrange(40) * 4096)),
            "maintain": store.maintain,
        }
        accounting = store._writable.accounting
        for step in range(400):
            act = random.choice(list(acts))
            result = catch(acts[act])
            self.assertNotIsInstance(result, Exception if act == "maintain" else AssertionError)
            if not isinstance(result, Exception):
                done.add(act)
            for kept in (accounting.whole, accounting.home(account("ann", "ann", quota))):
                assert kept is not None
                fresh = QuotaUsage(store._folder.get().root, kept.quota, kept._home)
                fresh.count()
                self.assertEqual((kept.taken(), step, act), (fresh.taken(), step, act))
        self.assertEqual(done, set(acts))

    def test_own_versions(self) -> None:
        """At its quota an account gives up versions of its own, the oldest first; never another's."""
        for narrow in (False, True):
            store = self.store()
            name = f"ann{narrow}"
            ann = store.bind(account(name, name, 10 * 4096, narrow=narrow))
            for path in (f"{name}/a", f"{name}/b", f"bob{narrow}/c"):
                for content in (b"old", b"new"):
                    self.put(store, path, content)
            self.assertEqual(ann.space().free, 6 * 4096)
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
        self.assertEqual(ann.space().free, 7 * MIB)
        store.close()
        store = self.store()
        ann = store.bind(account("ann", "ann", 10 * MIB))
        self.assertEqual(ann.space().free, 7 * MIB)
        again = ann.upload(put_of("ann/a", bytes(8 * MIB), offset=3 * MIB)[0])
        list(again.verify_resumed())
        again.write(bytes(5 * MIB))
        again.commit()
        self.assertEqual(ann.space().free, 2 * MIB)

    def test_verified(self) -> None:
        """What other programs removed no longer counts, at the latest before something is refused."""
        store = self.store()
        ann = store.bind(account("ann", "ann", 10 * 4096))
        self.put(ann, "ann/a", bytes(8 * 4096))
        os.unlink(self.path("ann/a"))
        with mock.patch("time.monotonic", return_value=time.monotonic() + 100):
            self.put(ann, "ann/b", bytes(8 * 4096))
