"""Interrupted uploads are removed in time, and when others need their place."""

from __future__ import annotations

import os
import shutil
from threading import Lock
from unittest import mock

import attrs

from homeftp.config import DAY, MIB, PARTIAL_UPLOAD_SECONDS
from homeftp.endpoint import parse
from homeftp.errors import NoSpace
from homeftp.model import Actor, Change
from homeftp.store.local.staging.partials import MOST
from homeftp.syscalls import System
from tests.support.storecases import CONTENT, HALF, PartialCase
from tests.support.stores import SetClock, put_of, sha


class ExpiryTests(PartialCase):
    """How long they are kept."""

    def test_a_day(self) -> None:
        """It is removed after a day, by a running server and at a start."""
        system = SetClock()
        store = self.store(system)
        put = self.cut(store)
        system.running = PARTIAL_UPLOAD_SECONDS - 60
        store.maintain()
        self.assertIsNotNone(self.arrived(store, put), "the control")
        system.running = PARTIAL_UPLOAD_SECONDS + 60
        store.maintain()
        self.assertEqual((self.arrived(store, put), self.left()), (None, []))
        self.cut(store)
        store.close()
        self.store(system)
        self.assertEqual(self.left(), [])

    def test_wrong_clock(self) -> None:
        """None is removed by a clock that is years ahead, neither by a running server nor at a start."""
        system = SetClock()
        store = self.store(system)
        put = self.cut(store)
        system.wall = 5 * 365 * DAY
        store.maintain()
        self.assertIsNotNone(self.arrived(store, put))
        store.close()
        self.assertIsNotNone(self.arrived(self.store(system), put))

    def test_active(self) -> None:
        """An upload that is being written is not removed, however old it is."""
        system = SetClock()
        store = self.store(system)
        upload = store.upload(put_of("a/file", CONTENT)[0])
        upload.write(CONTENT[:HALF])
        system.running = 2 * PARTIAL_UPLOAD_SECONDS
        store.maintain()
        upload.write(CONTENT[HALF:])
        self.assertEqual(upload.commit().hash, sha(CONTENT))

    def test_bounded(self) -> None:
        """There are never more than the limit; the oldest are removed."""
        store = self.store()
        put = self.cut(store)
        partial = store._writable.partials.find(put.endpoint, put.hash, None, None, None)
        assert partial is not None
        partials = store._writable.partials
        first, second = (
            attrs.evolve(partial, token=b"%d" % n, last_used=partial.last_used - 2 + n, lock=Lock()) for n in range(2)
        )
        partials._registry._all.update({first.token: first, second.token: second})
        with mock.patch("homeftp.store.local.staging.partials.MOST", 2):
            store.maintain()
        self.assertEqual(set(partials._registry._all), {second.token, partial.token})
        self.assertGreater(MOST, 100)

    def test_bounded_for_each_account(self) -> None:
        """However many an account has, the oldest of its own are removed, and none of another's."""
        store = self.store()
        theirs = self.cut(store.bind(Actor("ann")))
        kid = store.bind(Actor("kid"))
        puts = [self.cut(kid, hash=sha(b"%d" % number)) for number in range(3)]
        with mock.patch("homeftp.store.local.staging.partials.MOST", 2):
            store.maintain()
        self.assertIsNotNone(self.arrived(store.bind(Actor("ann")), theirs))
        self.assertEqual([self.arrived(kid, put) is not None for put in puts], [False, True, True])

    def test_on_another_disk(self) -> None:
        """On another disk the partial upload lies beside its target, hidden, and is found after a restart."""
        os.makedirs(self.path("disk/a"))
        store = self.store(System())
        store._folder.get().root.device += 1
        put, _ = put_of("disk/a/file", CONTENT)
        upload = store.upload(put)
        upload.write(CONTENT[:HALF])
        upload.suspend()
        (name,) = os.listdir(self.path("disk/a"))
        self.assertTrue(name.startswith(".homeftp-"))
        store.close()
        store = self.store(System())
        store._folder.get().root.device += 1
        upload = store.upload(put_of("disk/a/file", CONTENT, offset=HALF)[0])
        list(upload.verify_resumed())
        upload.write(CONTENT[HALF:])
        upload.commit()
        self.assertEqual((os.listdir(self.path("disk/a")), self.left()), (["file"], []))

    def test_unmounted(self) -> None:
        """A partial upload on an unmounted disk is remembered until the disk is mounted again."""
        for away in (lambda: None, lambda: os.makedirs(self.path("disk/a"))):
            os.makedirs(self.path("disk/a"), exist_ok=True)
            store = self.store(System())
            store._folder.get().root.device += 1
            upload = store.upload(put_of("disk/a/file", CONTENT)[0])
            upload.write(CONTENT[:HALF])
            upload.suspend()
            store.close()
            disk = self.path("disk")
            os.rename(disk, self.outside + "/disk")
            away()
            self.store(System()).close()
            self.assertEqual(len(self.left()), 1)
            shutil.rmtree(disk, ignore_errors=True)
            os.rename(self.outside + "/disk", disk)
            store = self.store(System())
            store._folder.get().root.device += 1
            self.assertIsNotNone(store._writable.partials.find(parse("disk/a/file"), sha(CONTENT), None, None, None))
            store.close()
            (note,) = self.left()
            os.utime(self.path(f".homeftp/partial/{note}"), (1, 1))
            self.store(System()).close()
            self.assertEqual((os.listdir(self.path("disk/a")), self.left()), ([], []))

    def test_evicted(self) -> None:
        """An account's idle partial uploads are removed for its own new files, when those arrive; not for others'."""
        changes: list[Change] = []
        store = self.store(quota=5 * MIB, record_changes=changes.extend)
        store.maintain()
        ann, bob = store.bind(Actor("ann")), store.bind(Actor("bob"))
        put = self.cut(ann)
        for account, size in ((ann, 6), (bob, 4)):
            with self.assertRaises(NoSpace):
                account.upload(put_of("b", bytes(size * MIB))[0])
        upload = ann.upload(put_of("b", bytes(4 * MIB))[0])
        for _ in range(3):
            upload.write(bytes(MIB))
            self.assertIsNotNone(self.arrived(ann, put))
        self.assertEqual(changes, [], "nothing was removed so far")
        upload.write(bytes(MIB))
        self.assertIsNone(self.arrived(ann, put))
        evicted = Change("evict", "upload", put.endpoint, Actor("ann"), old_size=HALF, owner="ann")
        self.assertEqual(changes, [evicted])
        upload.commit()
