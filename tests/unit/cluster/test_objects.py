"""The five things that are asked of a bucket, of one in memory and of an S3 server that is not there."""

from __future__ import annotations

import contextlib
from typing import Any
from unittest import mock

import obstore
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError
from obstore.store import MemoryStore as BucketInMemory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.objects import RETRIES, SETTLED_SECONDS, Bucket, BucketTimeouts, ObjectMissing, open_bucket
from homeftp.errors import Busy, NoSpace, OperatorError
from homeftp.workers.deadline import OperationDeadline, under
from tests.support.fakes3 import FakeS3
from tests.support.waiting import wait_until

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "topsecret"}


class BucketTests(SynchronousTestCase):
    """A bucket in memory."""

    def test_objects(self) -> None:
        """What was put is read, in ranges, and listed with its size, until it is deleted."""
        bucket = Bucket(BucketInMemory())
        one, other = bucket.new_name(), bucket.new_name()
        self.assertNotEqual(one, other)
        bucket.put(one, b"0123456789")
        bucket.put(other, bytearray(b"ab"))
        self.assertEqual(bucket.get(one, 2, 3), b"234")
        self.assertEqual(bucket.get_many(one, [(0, 1), (8, 2)]), [b"0", b"89"])
        self.assertEqual(sorted(each for page in bucket.list() for each in page), sorted([(one, 10), (other, 2)]))
        bucket.delete([one, bucket.new_name()])
        self.assertEqual([name for page in bucket.list() for name, _ in page], [other])
        bucket.put("dumps/a", b"")
        self.assertEqual([name for page in bucket.list("dumps/") for name, _ in page], ["dumps/a"])

    def test_replace(self) -> None:
        """An object is replaced as long as it is what its writer has seen, also when it changes meanwhile."""
        store = BucketInMemory()
        paused: list[float] = []
        bucket, other = Bucket(store, pause=paused.append), Bucket(store)
        self.assertFalse(bucket.replace("x", b"old", b"one"))
        other.put("x", b"old")
        self.assertTrue(bucket.replace("x", b"old", b"one"))
        self.assertFalse(bucket.replace("x", b"old", b"two"))
        whole = obstore.get

        def get(*arguments: Any, **options: Any) -> object:
            found = whole(*arguments, **options)
            other.put("x", b"its")  # the other one is quicker
            return found

        with mock.patch.object(obstore, "get", get):
            self.assertFalse(bucket.replace("x", b"one", b"two"))
        self.assertEqual((bucket.get("x", 0, 3), set(paused)), (b"its", {SETTLED_SECONDS}))

    def test_replace_without_conditions(self) -> None:
        """Where a server of S3 knows no conditions, a writer that was replaced is told after the pause."""
        store, put = BucketInMemory(), obstore.put
        other = Bucket(store, pause=lambda seconds: None)
        bucket = Bucket(store, pause=lambda seconds: put(store, "x", b"its") and None)
        other.put("x", b"old")

        def put_anyway(*arguments: Any, mode: object = None, **options: Any) -> object:
            if isinstance(mode, dict):
                raise GenericError("status code: 501")
            return put(*arguments, **options)

        with mock.patch.object(obstore, "put", put_anyway):
            self.assertFalse(bucket.replace("x", b"old", b"one"))
            self.assertTrue(other.replace("x", b"its", b"two"))

    def test_create(self) -> None:
        """An object that is only created is never replaced."""
        bucket = Bucket(BucketInMemory())
        self.assertEqual([bucket.create("x", b"one"), bucket.create("x", b"two")], [True, False])
        self.assertEqual(bucket.get("x", 0, 3), b"one")

    def test_guard(self) -> None:
        """Nothing is put, and nothing of a name of its own is missing, before the guard was asked, each time."""
        bucket, looks = Bucket(BucketInMemory()), [Busy("silent"), None, None]

        def look() -> None:
            found = looks.pop(0)
            if found is not None:
                raise found

        missing: list[str] = []
        bucket.guard(look, lambda: missing.append("asked"))
        self.assertRaises(Busy, bucket.put, "x", b"")
        self.assertEqual(list(bucket.list()), [])
        for name in ("x", "y"):
            bucket.put(name, b"")
        self.assertEqual((looks, missing), ([], []))
        for name in ("x", bucket.new_name()):
            self.assertRaises(ObjectMissing, bucket.get, name, 0, 1)
        self.assertEqual(missing, ["asked"])

    def test_probe(self) -> None:
        """A bucket that answers is not changed by being asked."""
        bucket = Bucket(BucketInMemory())
        bucket.probe()
        self.assertEqual(list(bucket.list()), [])

    def test_missing(self) -> None:
        """What is not there, or is shorter than it was, is noticed."""
        bucket = Bucket(BucketInMemory())
        name = bucket.new_name()
        self.assertRaises(ObjectMissing, bucket.get, name, 0, 1)
        bucket.put(name, b"short")
        self.assertRaises(ObjectMissing, bucket.get, name, 0, 10)
        self.assertRaises(ObjectMissing, bucket.get, name, 5, 1)
        self.assertRaises(ObjectMissing, bucket.get_many, name, [(0, 2), (3, 5)])
        self.assertRaises(ObjectMissing, bucket.get_many, name, [(0, 2), (8, 2), (30, 2)])
        self.assertRaises(ObjectMissing, bucket.get, name, 10, 1)


class TroubleTests(SynchronousTestCase):
    """A bucket that is away, slow or full for a while."""

    def setUp(self) -> None:
        self.server = FakeS3()
        self.addCleanup(self.server.close)
        environment = {**KEYS, "AWS_ENDPOINT_URL": self.server.url}
        self.bucket = open_bucket("s3://bucket/some/prefix", environment, BucketTimeouts(operation=2.0))

    def test_works(self) -> None:
        """The control: what is put is read."""
        self.bucket.put("x", b"0123")
        self.assertEqual(self.bucket.get("x", 1, 2), b"12")
        self.assertRaises(ObjectMissing, self.bucket.get, "y", 0, 1)

    def test_passes(self) -> None:
        """What fails once is tried again, and nobody hears of it."""
        for status in (503, 500, 429):
            self.server.refuse(status, "SlowDown", times=RETRIES)
            self.bucket.put("x", b"0123")
            self.server.refuse(status, "SlowDown", times=RETRIES)
            self.assertEqual(self.bucket.get("x", 0, 4), b"0123")
            self.assertEqual(self.server.refused, 2 * RETRIES)
            self.server.refused = 0

    def test_stays(self) -> None:
        """What does not pass is refused with 51, and works again afterwards."""
        self.server.refuse(503, "SlowDown")
        for act in (lambda: self.bucket.put("x", b""), lambda: self.bucket.get("x", 0, 1), lambda: self.listed()):
            self.assertRaises(Busy, act)
        self.server.refuse(None)
        self.bucket.put("x", b"0123")

    def listed(self) -> object:
        """All pages."""
        return list(self.bucket.list())

    def test_full(self) -> None:
        """A full bucket is said to be full, and is not asked again for that."""
        for status, code in (
            (507, "InsufficientStorage"),
            (507, ""),
            (403, "QuotaExceeded"),
            (500, "XMinioStorageFull"),
        ):
            self.server.refuse(status, code)
            self.assertRaises(NoSpace, self.bucket.put, "x", b"")
            self.assertEqual(self.server.refused, 1)
            self.server.refused = 0
        self.server.refuse(None)
        self.bucket.put("x", b"0123")

    def test_no_bucket(self) -> None:
        """Where the bucket is missing no object counts as lost."""
        self.server.refuse(404, "NoSuchBucket")
        self.assertRaises(Busy, self.bucket.get, "x", 0, 1)
        self.assertRaises(Busy, self.bucket.put, "x", b"")

    def test_silent(self) -> None:
        """A bucket that says nothing is given up in time; then it is tried, and used once it answers."""
        self.bucket.put("x", b"0123")
        self.server.silent.set()
        self.assertRaises(Busy, self.bucket.get, "x", 0, 1)
        self.assertRaises(Busy, self.bucket.get, "x", 0, 1)
        asked = self.server.asked
        self.assertRaises(Busy, self.bucket.get, "x", 0, 1)
        self.assertEqual(self.server.asked, asked, "it is not asked for a moment")
        self.server.silent.clear()
        wait_until(self.reads)

    def reads(self) -> bool:
        """Whether it is used again."""
        with contextlib.suppress(Busy):
            return self.bucket.get("x", 0, 4) == b"0123"
        return False

    def test_deadline(self) -> None:
        """An operation whose time is nearly over does not wait for long."""
        self.server.silent.set()
        clock = Clock()
        with under(OperationDeadline(0.5, clock.seconds)):
            self.assertRaises(Busy, self.bucket.put, "x", b"")
        self.assertEqual(self.server.asked, 1, "it is not tried again")

    def test_no_conditions(self) -> None:
        """A server of S3 that refuses to put under a condition is asked without one."""
        self.server.refuse(501, "NotImplemented", times=1)
        self.assertTrue(self.bucket.create("x", b"0123"))
        self.assertEqual(self.bucket.get("x", 0, 4), b"0123")

    def test_ranges(self) -> None:
        """Ranges may be in any order, overlap, and be far from each other; those that are close are one request."""
        asked: list[object] = []
        whole = obstore.get_range

        def get_range(*arguments: Any, **options: Any) -> object:
            asked.append((options["start"], options["end"]))
            return whole(*arguments, **options)

        bucket, content = Bucket(BucketInMemory()), bytes(range(256)) * (12 << 10)
        name = bucket.new_name()
        bucket.put(name, content)
        ranges = [(300, 5), (0, 10), (5, 20), (2 << 20, 100), (5, 20)]
        with mock.patch.object(obstore, "get_range", get_range):
            found = bucket.get_many(name, ranges)
        self.assertEqual(found, [content[start : start + length] for start, length in ranges])
        self.assertEqual(asked, [(0, 305), (2 << 20, (2 << 20) + 100)])


class CheckTests(SynchronousTestCase):
    """What the owner is told of a bucket."""

    def test_right(self) -> None:
        """A bucket that does what is asked passes, and nothing stays in it."""
        bucket = Bucket(BucketInMemory(), "a/prefix")
        bucket.check()
        self.assertEqual(list(bucket.list()), [])

    def test_wrong(self) -> None:
        """Whatever a bucket does not do is said."""

        def other_bytes(*arguments: object, **options: object) -> bytes:
            return b"xyz"

        empty = obstore.list(BucketInMemory())

        def nothing(*arguments: object, **options: object) -> object:
            return empty

        for name, replaced, part in (
            ("get_range", other_bytes, "other bytes"),
            ("list", nothing, "does not list"),
            ("delete", other_bytes, "still has"),
        ):
            with mock.patch.object(obstore, name, replaced):
                refused = self.assertRaises(OperatorError, Bucket(BucketInMemory()).check)
            self.assertIn(part, str(refused))

    def test_refused(self) -> None:
        """Wrong keys, no bucket and no server are three different things."""
        for error, part in (
            (UnauthenticatedError("topsecret"), "AWS_SECRET_ACCESS_KEY"),
            (PermissionDeniedError("topsecret"), "AWS_SECRET_ACCESS_KEY"),
            (FileNotFoundError("topsecret"), "does not exist"),
            (GenericError("topsecret"), "AWS_ENDPOINT_URL"),
        ):
            with mock.patch.object(obstore, "put", side_effect=error):
                refused = self.assertRaises(OperatorError, Bucket(BucketInMemory()).check)
            self.assertIn(part, str(refused))
            self.assertNotIn("topsecret", str(refused))


class AddressTests(SynchronousTestCase):
    """Buckets by their URLs."""

    def test_wrong(self) -> None:
        """What is no bucket is refused."""
        for url in ("s3://", "bucket", "http://bucket", "s3:///x"):
            self.assertRaises(OperatorError, open_bucket, url, KEYS)

    def test_credentials(self) -> None:
        """A URL with credentials is refused, and the message does not show them: others could see them already."""
        for url in ("s3://key:s3cret@bucket/files", "s3:/key:s3cret@bucket"):
            with self.assertRaisesRegex(OperatorError, "AWS_SECRET_ACCESS_KEY") as caught:
                open_bucket(url, KEYS)
            self.assertNotIn("s3cret", str(caught.exception))

    def test_unreachable(self) -> None:
        """An S3 server that is not there is busy; the refusal has neither its address nor the key."""
        timeouts = BucketTimeouts(operation=1.0)
        environment = {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        bucket = open_bucket("s3://bucket/some/prefix", environment, timeouts)
        for act in (
            lambda: bucket.put("x", b""),
            lambda: list(bucket.list()),
            lambda: bucket.delete(["x"]),
            bucket.probe,
        ):
            refused = self.assertRaises(Busy, act)
            for secret in ("topsecret", "127.0.0.1"):
                self.assertNotIn(secret, refused.message)
