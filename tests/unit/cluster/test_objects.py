"""The five things that are asked of a bucket, of one in memory and of an S3 server that is not there."""

from __future__ import annotations

from unittest import mock

import obstore
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError
from obstore.store import MemoryStore as BucketInMemory
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.objects import Bucket, BucketTimeouts, ObjectMissing, open_bucket
from homeftp.errors import Busy, OperatorError

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

    def test_missing(self) -> None:
        """What is not there, or is shorter than it was, is noticed."""
        bucket = Bucket(BucketInMemory())
        name = bucket.new_name()
        self.assertRaises(ObjectMissing, bucket.get, name, 0, 1)
        bucket.put(name, b"short")
        self.assertRaises(ObjectMissing, bucket.get, name, 0, 10)
        self.assertRaises(ObjectMissing, bucket.get, name, 5, 1)
        self.assertRaises(ObjectMissing, bucket.get, name, 10, 1)


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
        timeouts = BucketTimeouts(connect=0.5, request=0.5, retries=0.5)
        environment = {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        bucket = open_bucket("s3://bucket/some/prefix", environment, timeouts)
        for act in (lambda: bucket.put("x", b""), lambda: list(bucket.list()), lambda: bucket.delete(["x"])):
            refused = self.assertRaises(Busy, act)
            for secret in ("topsecret", "127.0.0.1"):
                self.assertNotIn(secret, refused.message)
